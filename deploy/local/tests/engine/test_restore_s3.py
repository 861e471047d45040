"""A bucket's copy is whole, grows by what is new alone, and restores what was deleted."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from rookery_local.instance import REPOSITORY


@pytest.fixture
def s3() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=os.environ["ROOKERY_TEST_S3_ENDPOINT"],
        aws_access_key_id=os.environ["ROOKERY_TEST_S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["ROOKERY_TEST_S3_SECRET_KEY"],
        region_name="us-east-1",
        config=Config(connect_timeout=5, read_timeout=30),
    )


@pytest.fixture
def buckets(s3: Any) -> Iterator[tuple[str, str]]:
    names = f"drill-{uuid.uuid4().hex[:12]}", f"drill-{uuid.uuid4().hex[:12]}"
    for name in names:
        s3.create_bucket(Bucket=name)
    yield names
    for name in names:
        for key in content(s3, name):
            s3.delete_object(Bucket=name, Key=key)
        s3.delete_bucket(Bucket=name)


def content(s3: Any, bucket: str) -> dict[str, tuple[bytes, str]]:
    """Every object with its type."""
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    found = {key: s3.get_object(Bucket=bucket, Key=key) for key in keys}
    return {key: (answer["Body"].read(), answer["ContentType"]) for key, answer in found.items()}


def copy(source: str, target: str) -> str:
    """Runs the script, from one bucket to another of the same store."""
    names = ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    stores = {f"{side}_{name}": os.environ[f"ROOKERY_TEST_{name}"] for side in ("FROM", "TO") for name in names}
    words = [sys.executable, str(REPOSITORY / "deploy" / "backup" / "s3_copy.py"), source, target]
    done = subprocess.run(words, env=os.environ | stores, capture_output=True, text=True, timeout=60)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_new_is_copied_and_what_was_deleted_comes_back(s3: Any, buckets: tuple[str, str]) -> None:
    source, target = buckets
    for number in range(5):
        s3.put_object(Bucket=source, Key=f"media/{number}/a.png", Body=bytes([number]) * 1000, ContentType="image/png")
    before = content(s3, source)
    assert copy(source, target) == "5 objects, 5000 bytes copied"
    assert content(s3, target) == before
    s3.put_object(Bucket=source, Key="media/3/a.png", Body=b"another", ContentType="image/webp")
    s3.put_object(Bucket=source, Key="media/0/b.png", Body=b"new", ContentType="image/png")
    assert copy(source, target) == "2 objects, 10 bytes copied"
    assert copy(source, target) == "0 objects, 0 bytes copied"
    latest = content(s3, source)
    for key in latest:
        s3.delete_object(Bucket=source, Key=key)
    copy(source, target)
    assert content(s3, target) == latest
    copy(target, source)
    assert content(s3, source) == latest
