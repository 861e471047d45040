"""Makes files and stores them, in a process that ends when it is done: `python -m analytics_service.archivist`.

The libraries for Parquet and S3 take some 60 MB, and are needed for a second in each minute. The parent writes one JSON
document (S3's settings, and for each file its key and its rows), and reads back each file's size and digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import Any, Final

from analytics_service import parquet
from rookery_common.clients.s3 import S3
from rookery_common.config import S3Settings
from rookery_common.errors import Unavailable

CONTENT_TYPE: Final = "application/vnd.apache.parquet"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
# As sysexits.h has it: worth another try.
TEMPORARY_FAILURE: Final = 75


async def store(s3: S3, key: str, rows: list[list[Any]]) -> dict[str, Any]:
    """One file. What is there of this name already is the same."""
    data = parquet.encoded(rows)
    await s3.put(key, data, CONTENT_TYPE)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


async def read(s3: S3, key: str, sha256: str) -> list[int] | None:
    """The offsets in a stored file; None if it is not the one of this digest. Raises ObjectNotFound."""
    data = await s3.get(key, max_bytes=MAX_FILE_BYTES)
    return parquet.offsets(data) if hashlib.sha256(data).hexdigest() == sha256 else None


async def main() -> int:
    work = json.load(sys.stdin.buffer)
    s3 = S3(S3Settings(**work["s3"]))
    await s3.start()
    try:
        stored = [await store(s3, file["key"], file["rows"]) for file in work["files"]]
    except Unavailable:
        return TEMPORARY_FAILURE
    finally:
        await s3.stop()
    json.dump(stored, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
