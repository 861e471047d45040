"""Files that are made while they are sent, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from starlette.responses import Response, StreamingResponse

from rookery_common.rpc.deadline import start_deadline

# What takes longer is broken off: no reader holds a file open for good.
FILE_SECONDS = 600.0
Lines = AsyncGenerator[bytes, None]


async def download(name: str, lines: Lines) -> Response:
    """A CSV file, of which the first page is there: what can be refused is refused before it begins."""
    first = await anext(lines)

    async def body() -> AsyncIterator[bytes]:
        yield first
        start_deadline(FILE_SECONDS)
        async for page in lines:
            yield page

    return StreamingResponse(body(), media_type="text/csv; charset=utf-8", headers=attachment(name))


def attachment(name: str) -> dict[str, str]:
    """Headers of a file that is its owner's alone, and is kept rather than shown."""
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
