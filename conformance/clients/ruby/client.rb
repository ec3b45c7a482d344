# One long-lived STS client of the AWS SDK for Ruby; one line of JSON per GetCallerIdentity.
require 'json'
require 'aws-sdk-core'

$stdout.sync = true
# This SDK reads no proxy variable: its users name the proxy.
Aws.config[:http_proxy] = ENV['HTTPS_PROXY'] if ENV.key?('HTTPS_PROXY')

def call
  options = ENV.key?('CLIENT_PROFILE') ? { profile: ENV['CLIENT_PROFILE'] } : {}
  $client ||= Aws::STS::Client.new(**options)
  line = { arn: $client.get_caller_identity.arn }
rescue StandardError => e
  line = { error: "#{e.class}: #{e.message}".split.join(' ') }
ensure
  puts JSON.generate({ t: (Time.now.to_f * 1000).round, **line })
  return line.key?(:arn)
end

exit(call ? 0 : 1) if ARGV == ['once']
clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
limit = clock.call + (ENV['CLIENT_SECONDS'] || Float::INFINITY).to_f
while clock.call < limit
  call
  sleep 1
end
