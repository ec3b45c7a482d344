"""A long-lived client: boto3 with its default credential chain, one client object for the life of the process.

Calls GetCallerIdentity, or with BUCKET writes and reads an object.
"""

import json
import math
import os
import sys
import time

import boto3


def error_name(error):
    """The error code of the service, or else the name of the exception."""
    return getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)


def make_call():
    bucket = os.environ.get("BUCKET")
    if bucket is None:
        return boto3.client("sts").get_caller_identity
    client = boto3.client("s3")
    key = f"boto3-{os.getpid()}"

    def call():
        data = str(time.time()).encode()
        client.put_object(Bucket=bucket, Key=key, Body=data)
        if client.get_object(Bucket=bucket, Key=key)["Body"].read() != data:
            raise ValueError("read something else")

    return call


def main(deadline_ms, interval_ms):
    call = make_call()
    start = time.time() * 1000
    upcoming = start
    while upcoming < deadline_ms:
        time.sleep(max(0, upcoming / 1000 - time.time()))
        line = {}
        try:
            call()
        except Exception as error:  # whatever a call can end in counts as a failed call
            line["error"] = error_name(error)
        line["at"] = round(time.time() * 1000)
        print(json.dumps(line), flush=True)
        upcoming = start + math.ceil((time.time() * 1000 + 1 - start) / interval_ms) * interval_ms


main(float(sys.argv[1]), float(sys.argv[2]))
