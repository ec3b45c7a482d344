#!/bin/sh
# Starts client.rb with the interpreter and the gems that were unpacked into the folder root beside this copy of it.
root=$(dirname "$0")/root
gems=$(ls -d "$root"/usr/share/rubygems-integration/all/gems/*/lib "$root"/usr/lib/ruby/gems/*/gems/rexml-*/lib | tr '\n' ':')
export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu"
export RUBYLIB="$gems$root/usr/lib/ruby/vendor_ruby:$root/usr/lib/ruby/3.1.0:$root/usr/lib/x86_64-linux-gnu/ruby/3.1.0"
exec "$root/usr/bin/ruby3.1" --disable-gems "$(dirname "$0")/client.rb" "$@"
