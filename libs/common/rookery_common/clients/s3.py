"""S3 by aiobotocore: objects of one bucket, checked by SHA-256, and forms by which clients upload straight into it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rookery_common.clients.calls import Instruments, time_left
from rookery_common.config import S3Settings
from rookery_common.errors import Internal, NotFound, Unavailable

CALL_SECONDS = 15.0
CONNECT_SECONDS = 2.0
MAX_CONNECTIONS = 32
_MISSING = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "404"})

instruments = Instruments("s3")


class S3Unavailable(Unavailable):
    """The store is away or too slow; a write may have happened, and may be repeated: objects are written whole."""

    reason = "S3_UNAVAILABLE"


class S3Rejected(Internal):
    """The request is wrong, or our key may not do this: a defect of ours or of the configuration."""

    reason = "S3_REJECTED"


class ObjectNotFound(NotFound):
    """There is no object of this key."""

    reason = "OBJECT_NOT_FOUND"


class ObjectTooLarge(Internal):
    """The object is larger than the reader takes."""

    reason = "OBJECT_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class UploadForm:
    """Where a client posts a file, and the fields that it sends with it."""

    url: str
    fields: dict[str, str]


class S3:
    """A service's bucket."""

    def __init__(self, settings: S3Settings, name: str = "s3") -> None:
        self._settings = settings
        self._name = name
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def start(self) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=CALL_SECONDS,
            max_pool_connections=MAX_CONNECTIONS,
            retries={"total_max_attempts": 2, "mode": "standard"},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
        )
        settings = self._settings
        client = get_session().create_client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key.get_secret_value(),
            aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
            config=config,
            verify=settings.s3_ca_file or None,
        )
        self._client = await self._stack.enter_async_context(client)

    async def stop(self) -> None:
        await self._stack.aclose()
        self._client = None

    async def check(self) -> None:
        """Raises unless the bucket is there."""
        await self._call("head_bucket")

    async def put(self, key: str, data: bytes, content_type: str, cache_control: str = "") -> None:
        """Writes the whole object; the server refuses it if it arrives damaged."""
        extra = {"CacheControl": cache_control} if cache_control else {}
        await self._call(
            "put_object", Key=key, Body=data, ContentType=content_type, ChecksumAlgorithm="SHA256", **extra
        )

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """The whole object. Raises ObjectNotFound, and ObjectTooLarge before reading more than is allowed."""
        response = await self._call("get_object", Key=key)
        async with response["Body"] as body:
            if response["ContentLength"] > max_bytes:
                raise ObjectTooLarge("the object is too large")
            data: bytes = await body.read()
        return data

    async def get_start(self, key: str, count: int) -> bytes:
        """The object's first bytes, as many as there are up to so many. Raises ObjectNotFound."""
        response = await self._call("get_object", Key=key, Range=f"bytes=0-{count - 1}")
        async with response["Body"] as body:
            data: bytes = await body.read()
        return data

    async def size(self, key: str) -> int:
        """The object's size in bytes. Raises ObjectNotFound."""
        response = await self._call("head_object", Key=key)
        return int(response["ContentLength"])

    async def delete(self, key: str) -> None:
        """Deletes the object; a missing one is no error."""
        await self._call("delete_object", Key=key)

    def public_url(self, key: str) -> str:
        """Where anyone fetches the object, if the bucket's policy makes it public."""
        settings = self._settings
        base = settings.s3_public_url or f"{settings.s3_endpoint}/{settings.s3_bucket}"
        return f"{base.rstrip('/')}/{quote(key)}"

    async def presigned_post(self, key: str, content_type: str, *, max_bytes: int, seconds: int = 600) -> UploadForm:
        """A form for one upload of at most so many bytes of this type, valid for so many seconds."""
        form = await self._started().generate_presigned_post(
            self._settings.s3_bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=seconds,
        )
        return UploadForm(form["url"], form["fields"])

    async def presigned_get(self, key: str, *, seconds: int = 300) -> str:
        """An address by which one object that is not public can be fetched for so many seconds."""
        params = {"Bucket": self._settings.s3_bucket, "Key": key}
        url: str = await self._started().generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)
        return url

    async def _call(self, operation: str, **params: Any) -> Any:
        method = getattr(self._started(), operation)
        with instruments.observe(self._name, operation):
            try:
                async with asyncio.timeout(time_left(CALL_SECONDS)):
                    return await method(Bucket=self._settings.s3_bucket, **params)
            except ClientError as error:
                raise _translate(error) from error
            except (BotoCoreError, OSError) as error:
                raise S3Unavailable("the media store is not available") from error

    def _started(self) -> Any:
        if self._client is None:
            raise S3Unavailable("the media store's client is not started")
        return self._client


def _translate(error: ClientError) -> NotFound | Unavailable | Internal:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _MISSING:
        return ObjectNotFound("there is no such object")
    if status >= 500 or status == 429:
        return S3Unavailable("the media store is not available")
    return S3Rejected("internal error")
