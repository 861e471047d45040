"""Copies a bucket into another store, again and again: what is new or changed, and nothing is ever deleted there.

`s3_copy.py FROM_BUCKET TO_BUCKET`, with the stores in `FROM_S3_ENDPOINT`, `FROM_S3_ACCESS_KEY`, `FROM_S3_SECRET_KEY`,
`FROM_S3_CA_FILE` and the same with `TO_`. To restore, turn them round. The target should keep versions, which
`--keep-versions` switches on, so that an object that was overwritten by mistake is still there. Objects are read whole,
one at a time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

LIMITS = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 5, "mode": "standard"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an object without reading it."""

    key: str
    size: int
    etag: str


def store(side: str) -> Any:
    """The client of one side, as the environment says."""
    return boto3.client(
        "s3",
        endpoint_url=os.environ[f"{side}_S3_ENDPOINT"],
        aws_access_key_id=os.environ[f"{side}_S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ[f"{side}_S3_SECRET_KEY"],
        region_name=os.environ.get(f"{side}_S3_REGION", "us-east-1"),
        verify=os.environ.get(f"{side}_S3_CA_FILE") or None,
        config=LIMITS,
    )


def objects(client: Any, bucket: str) -> Iterator[Seen]:
    """All of a bucket, in the order of their keys."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", ()):
            yield Seen(found["Key"], found["Size"], found["ETag"])


def missing(source: Iterator[Seen], target: Iterator[Seen]) -> Iterator[Seen]:
    """What of the source is not in the target as it is: both are in order, so one walk and no memory is enough."""
    there = next(target, None)
    for here in source:
        while there is not None and there.key < here.key:
            there = next(target, None)
        if there is None or (there.key, there.size, there.etag) != (here.key, here.size, here.etag):
            yield here


def copy(source: Any, target: Any, from_bucket: str, to_bucket: str) -> tuple[int, int]:
    """Objects and bytes copied; each is checked by the target against its SHA-256."""
    count = size = 0
    for seen in missing(objects(source, from_bucket), objects(target, to_bucket)):
        found = source.get_object(Bucket=from_bucket, Key=seen.key)
        kept = {name: found[name] for name in ("ContentType", "CacheControl") if found.get(name)}
        body = found["Body"].read()
        target.put_object(
            Bucket=to_bucket, Key=seen.key, Body=body, Metadata=found["Metadata"], ChecksumAlgorithm="SHA256", **kept
        )
        count, size = count + 1, size + len(body)
    return count, size


def main() -> int:
    parser = argparse.ArgumentParser(description="Copies what is new or changed of a bucket into another store.")
    parser.add_argument("from_bucket")
    parser.add_argument("to_bucket")
    parser.add_argument("--keep-versions", action="store_true", help="switch versions on in the target")
    options = parser.parse_args()
    source, target = store("FROM"), store("TO")
    if options.keep_versions:
        target.put_bucket_versioning(Bucket=options.to_bucket, VersioningConfiguration={"Status": "Enabled"})
    count, size = copy(source, target, options.from_bucket, options.to_bucket)
    sys.stdout.write(f"{count} objects, {size} bytes copied\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
