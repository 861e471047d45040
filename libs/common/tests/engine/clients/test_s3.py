"""The S3 client against a real server."""

from __future__ import annotations

import asyncio
import urllib.request
import uuid
from collections.abc import AsyncIterator
from urllib.error import HTTPError

import pytest
import pytest_asyncio

from rookery_common.clients.s3 import S3, ObjectNotFound, ObjectTooLarge, S3Unavailable, UploadForm
from rookery_common.config import S3Settings


@pytest_asyncio.fixture
async def s3(s3_settings: S3Settings) -> AsyncIterator[S3]:
    client = S3(s3_settings)
    await client.start()
    yield client
    await client.stop()


async def test_an_object_is_written_read_and_deleted_whole(s3: S3) -> None:
    await s3.put("a/b c.png", b"\x89PNG", "image/png", "public, max-age=60")
    assert await s3.get("a/b c.png", max_bytes=4) == b"\x89PNG"
    assert await s3.size("a/b c.png") == 4
    await s3.delete("a/b c.png")
    await s3.delete("a/b c.png")
    with pytest.raises(ObjectNotFound):
        await s3.get("a/b c.png", max_bytes=4)
    with pytest.raises(ObjectNotFound):
        await s3.size("a/b c.png")
    await s3.check()


async def test_an_object_that_is_too_large_is_not_read(s3: S3) -> None:
    await s3.put("large", b"12345", "text/plain")
    with pytest.raises(ObjectTooLarge):
        await s3.get("large", max_bytes=4)


def _post(form: UploadForm, data: bytes, content_type: str) -> int:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.fields.items()
    ]
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    body = "".join([*parts, file]).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        form.url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the test's own server
            return int(response.status)
    except HTTPError as error:
        error.close()
        return int(error.code)


async def test_a_client_uploads_by_a_form_no_more_than_it_allows(s3: S3) -> None:
    form = await s3.presigned_post("up/1", "image/png", max_bytes=8)
    assert await asyncio.to_thread(_post, form, b"small", "image/png") in {200, 201, 204}
    assert await s3.get("up/1", max_bytes=8) == b"small"
    assert await asyncio.to_thread(_post, form, b"much too large", "image/png") in {400, 403, 413}
    assert await s3.get("up/1", max_bytes=8) == b"small"


async def test_the_public_address_is_the_configured_one(s3: S3, s3_settings: S3Settings) -> None:
    assert s3.public_url("a/b c").startswith(f"{s3_settings.s3_endpoint}/{s3_settings.s3_bucket}/a/b%20c")
    other = S3(s3_settings.model_copy(update={"s3_public_url": "https://media.example/"}))
    assert other.public_url("a") == "https://media.example/a"


async def test_a_store_that_is_away_is_unavailable(s3_settings: S3Settings) -> None:
    client = S3(s3_settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    await client.start()
    with pytest.raises(S3Unavailable):
        await client.check()
    await client.stop()
