<?php
// One long-lived STS client of AsyncAws, as Symfony applications use it; one line of JSON per GetCallerIdentity.
require 'AsyncAws/Core/autoload.php';

$client = null;

function call(): bool
{
    global $client;
    try {
        $profile = getenv('CLIENT_PROFILE');
        $client ??= new AsyncAws\Core\Sts\StsClient($profile === false ? [] : ['profile' => $profile]);
        $line = ['arn' => $client->getCallerIdentity()->getArn()];
    } catch (Throwable $error) {
        $line = ['error' => preg_replace('/\s+/', ' ', get_class($error).': '.$error->getMessage())];
    }
    echo json_encode(['t' => (int) (microtime(true) * 1000)] + $line, JSON_UNESCAPED_SLASHES), "\n";

    return isset($line['arn']);
}

if (($argv[1] ?? '') === 'once') {
    exit(call() ? 0 : 1);
}
$end = microtime(true) + (float) (getenv('CLIENT_SECONDS') ?: INF);
while (microtime(true) < $end) {
    call();
    sleep(1);
}
