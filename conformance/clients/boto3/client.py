"""One long-lived STS client of boto3; one line of JSON per GetCallerIdentity."""
import json
import os
import sys
import time

import boto3

sts = None


def call():
    global sts
    try:
        sts = sts or boto3.Session(profile_name=os.environ.get("CLIENT_PROFILE")).client("sts")
        line = {"arn": sts.get_caller_identity()["Arn"]}
    except Exception as error:
        line = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(json.dumps({"t": round(time.time() * 1000), **line}), flush=True)
    return "arn" in line


if sys.argv[1:] == ["once"]:
    sys.exit(0 if call() else 1)
end = time.monotonic() + float(os.environ.get("CLIENT_SECONDS", "inf"))
while time.monotonic() < end:
    call()
    time.sleep(1)
