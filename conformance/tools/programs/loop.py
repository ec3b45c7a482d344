"""One long-lived process that writes, reads and lists objects: one line of JSON for each turn.

usage: loop.py LIBRARY SECONDS INTERVAL; BUCKET names the bucket, PREFIX the folder in it.
"""
import hashlib
import json
import os
import sys
import time

BUCKET = os.environ.get("BUCKET")
PREFIX = os.environ.get("PREFIX")
S3 = os.environ.get("AWS_ENDPOINT_URL_S3")


def fingerprint(access_key):
    """Which session it was, and nothing that anybody could use."""
    return hashlib.sha256(access_key.encode()).hexdigest()[:8]


def boto3():
    import boto3

    session = boto3.Session(profile_name=os.environ.get("CLIENT_PROFILE"))
    client = session.client("s3")

    def turn(name, data):
        client.put_object(Bucket=BUCKET, Key=name, Body=data)
        assert client.get_object(Bucket=BUCKET, Key=name)["Body"].read() == data
        assert client.list_objects_v2(Bucket=BUCKET, Prefix=name)["KeyCount"] == 1
        return fingerprint(session.get_credentials().get_frozen_credentials().access_key)

    return turn


def sts():
    import boto3

    client = boto3.Session().client("sts")
    return lambda name, data: client.get_caller_identity()["Arn"]


LIBRARIES = {"boto3": boto3, "sts": sts}


def main(library, seconds, interval):
    turn = LIBRARIES[library]()
    end = time.monotonic() + float(seconds)
    count = 0
    while time.monotonic() < end:
        start = time.monotonic()
        count += 1
        line = {"t": round(time.time() * 1000)}
        try:
            session = turn(f"{PREFIX}/{count}", b"%d" % count)
            line["ok"] = True
            if session:
                line["session"] = session
        except Exception as error:
            line["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
        print(json.dumps(line), flush=True)
        time.sleep(max(0, float(interval) - (time.monotonic() - start)))
    print(json.dumps({"t": round(time.time() * 1000), "done": True}), flush=True)


main(*sys.argv[1:])
