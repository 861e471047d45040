"""Objects that clients put into S3 in parts, each to an address that is good for one part of one size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rookery_common.clients.s3 import S3
from rookery_common.config import S3Settings

MAX_PARTS = 1000
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Begun:
    """An object whose parts are not put together yet."""

    key: str
    store_id: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there."""

    key: str
    stored_at: datetime


class S3Parts(S3):
    """A bucket, also for what is put in parts. Raises ObjectNotFound for what is finished, aborted or never begun."""

    def __init__(self, settings: S3Settings, name: str = "s3", *, clients_endpoint: str = "") -> None:
        """`clients_endpoint` is where clients reach the store, if they do not reach it as we do."""
        super().__init__(settings, name)
        elsewhere = settings.model_copy(update={"s3_endpoint": clients_endpoint})
        self._signer = S3(elsewhere, name) if clients_endpoint else self

    async def start(self) -> None:
        await super().start()
        if self._signer is not self:
            await self._signer.start()

    async def stop(self) -> None:
        await super().stop()
        if self._signer is not self:
            await self._signer.stop()

    async def begin(self, key: str) -> str:
        """What the store knows the object's parts by."""
        response = await self._call("create_multipart_upload", Key=key)
        return str(response["UploadId"])

    async def presigned(self, key: str, store_id: str, number: int, size: int, seconds: int) -> str:
        """Where one part of exactly so many bytes is put (PUT), for so many seconds."""
        params = {
            "Bucket": self._settings.s3_bucket,
            "Key": key,
            "UploadId": store_id,
            "PartNumber": number,
            "ContentLength": size,
        }
        signing = self._signer._started()
        url: str = await signing.generate_presigned_url("upload_part", Params=params, ExpiresIn=seconds)
        return url

    async def parts(self, key: str, store_id: str) -> dict[int, int]:
        """The sizes of the parts that are there, by number."""
        return {number: size for number, (size, _) in (await self._listed(key, store_id)).items()}

    async def finish(self, key: str, store_id: str) -> None:
        """Makes one object of all parts that are there."""
        listed = await self._listed(key, store_id)
        parts = [{"PartNumber": number, "ETag": etag} for number, (_, etag) in sorted(listed.items())]
        await self._call("complete_multipart_upload", Key=key, UploadId=store_id, MultipartUpload={"Parts": parts})

    async def abort(self, key: str, store_id: str) -> None:
        """Deletes its parts."""
        await self._call("abort_multipart_upload", Key=key, UploadId=store_id)

    async def begun(self, prefix: str, after: str = "", limit: int = MAX_LISTED) -> list[Begun]:
        """Objects under the prefix that were begun and neither finished nor aborted, in order of their keys.

        A page; the next is what comes `after` its last key. Only behind the last one there are none.
        """
        # By the key alone: what is aborted meanwhile would be no mark that every store goes on from.
        response = await self._call("list_multipart_uploads", Prefix=prefix, KeyMarker=after, MaxUploads=limit)
        return [Begun(each["Key"], each["UploadId"], each["Initiated"]) for each in response.get("Uploads", ())]

    async def stored(self, prefix: str, after: str = "", limit: int = MAX_LISTED) -> list[Stored]:
        """Objects under the prefix, in pages as of `begun`."""
        response = await self._call("list_objects_v2", Prefix=prefix, StartAfter=after, MaxKeys=limit)
        return [Stored(each["Key"], each["LastModified"]) for each in response.get("Contents", ())]

    async def _listed(self, key: str, store_id: str) -> dict[int, tuple[int, str]]:
        response = await self._call("list_parts", Key=key, UploadId=store_id, MaxParts=MAX_PARTS)
        return {int(part["PartNumber"]): (int(part["Size"]), str(part["ETag"])) for part in response.get("Parts", ())}
