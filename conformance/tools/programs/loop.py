"""One long-lived process that writes, reads and lists objects: one line of JSON for each turn.

usage: loop.py LIBRARY SECONDS INTERVAL; BUCKET names the bucket, PREFIX the folder in it.
"""
import hashlib
import json
import os
import pathlib
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


def pyarrow():
    from pyarrow import fs

    # Alive until the interpreter ends, as in most programs.
    global store
    store = fs.S3FileSystem(region=os.environ["AWS_REGION"])

    def turn(name, data):
        with store.open_output_stream(f"{BUCKET}/{name}") as stream:
            stream.write(data)
        with store.open_input_stream(f"{BUCKET}/{name}") as stream:
            assert stream.read() == data
        assert len(store.get_file_info([f"{BUCKET}/{name}"])) == 1

    return turn


def pyarrow_finalized():
    """With one way round the hang at exit."""
    from pyarrow import fs

    return pyarrow(), fs.finalize_s3


def pyarrow_deleted():
    """With the other one."""
    return pyarrow(), lambda: globals().pop("store")


def polars():
    import polars

    def turn(name, data):
        polars.DataFrame({"data": [data]}).write_parquet(f"s3://{BUCKET}/{name}.parquet")
        assert polars.read_parquet(f"s3://{BUCKET}/{name}.parquet")["data"][0] == data

    return turn


def deltalake():
    import polars
    from deltalake import DeltaTable, write_deltalake

    options = {"aws_conditional_put": "etag"}

    def turn(name, data):
        table = f"s3://{BUCKET}/{PREFIX}/table"
        write_deltalake(table, polars.DataFrame({"data": [data]}), mode="append", storage_options=options)
        assert DeltaTable(table, storage_options=options).file_uris()

    return turn


def s3fs():
    from s3fs import S3FileSystem

    store = S3FileSystem()

    def turn(name, data):
        store.pipe(f"{BUCKET}/{name}", data)
        store.invalidate_cache()
        assert store.cat(f"{BUCKET}/{name}") == data
        assert store.ls(f"{BUCKET}/{name}", refresh=True)

    return turn


def rasterio():
    """GDAL, which rasterio has inside: a small raster to S3 and back."""
    import numpy
    import rasterio

    def turn(name, data):
        path = f"/vsis3/{BUCKET}/{name}.tif"
        shape = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "uint8"}
        # The wheel trusts certifi alone, and not the authority of this run.
        with rasterio.Env(CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE="YES", GDAL_HTTP_UNSAFESSL="YES"):
            with rasterio.open(path, "w", **shape) as raster:
                raster.write(numpy.full((1, 8, 8), len(data), "uint8"))
            with rasterio.open(path) as raster:
                assert raster.read(1)[0][0] == len(data)

    return turn


def duckdb(secret_for_each_turn=False):
    import duckdb

    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    root = pathlib.Path(duckdb.__file__).parent.parent / "duckdb_ext"
    for name in ("httpfs", "aws"):
        connection.load_extension(str(next(root.rglob(f"{name}.duckdb_extension"))))
    secret = "CREATE OR REPLACE SECRET job (TYPE s3, PROVIDER credential_chain, REFRESH auto)"
    connection.sql(secret)

    def turn(name, data):
        if secret_for_each_turn:
            connection.sql(secret)
        where = f"s3://{BUCKET}/{name}.csv"
        connection.sql(f"COPY (SELECT {len(data)} AS size) TO '{where}'")
        assert connection.sql(f"SELECT size FROM read_csv('{where}')").fetchone()[0] == len(data)

    return turn


def duckdb_secret():
    """With a new secret for each turn."""
    return duckdb(True)


LIBRARIES = {
    library.__name__: library
    for library in (
        boto3,
        sts,
        pyarrow,
        pyarrow_finalized,
        pyarrow_deleted,
        polars,
        deltalake,
        s3fs,
        rasterio,
        duckdb,
        duckdb_secret,
    )
}


def main(library, seconds, interval):
    made = LIBRARIES[library]()
    turn, close = made if isinstance(made, tuple) else (made, None)
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
    if close:
        close()
    print(json.dumps({"t": round(time.time() * 1000), "done": True}), flush=True)


main(*sys.argv[1:])
