"""JSON over HTTP from servers that are not ours: no redirect followed, little read, soon given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx2

from auth_service.errors import ProviderUnavailable

FETCH_SECONDS = 3.0
MAX_BYTES = 256 * 1024


class JsonHttp:
    """Component: one pool of connections for all of them."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        """Opens nothing yet: the client, whose certificates cost a moment to read, is made at its first use."""

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The object there. Raises ProviderUnavailable for anything else."""
        status, body = await self._object("GET", url, headers=headers)
        if status != httpx2.codes.OK:
            raise ProviderUnavailable(f"the provider answered with status {status}")
        return body

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> tuple[int, dict[str, Any]]:
        """Status and object. Raises ProviderUnavailable where there is none."""
        return await self._object("POST", url, data=form, auth=auth)

    async def _object(self, method: str, url: str, **request: Any) -> tuple[int, dict[str, Any]]:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                status, text = await self._read(method, url, **request)
            body = json.loads(text)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            raise ProviderUnavailable(f"the provider did not answer as it should: {type(error).__name__}") from None
        if not isinstance(body, dict):
            raise ProviderUnavailable("the provider's answer is no JSON object")
        return status, body

    async def _read(self, method: str, url: str, **request: Any) -> tuple[int, bytes]:
        if self._client is None:
            # Uncompressed, so that what arrives is as large as what is counted.
            headers = {"accept": "application/json", "accept-encoding": "identity"}
            self._client = httpx2.AsyncClient(
                transport=self._transport, headers=headers, timeout=FETCH_SECONDS, follow_redirects=False
            )
        async with self._client.stream(method, url, **request) as answer:
            if "content-encoding" in answer.headers:
                raise ProviderUnavailable("the provider's answer is compressed, which was not asked for")
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > MAX_BYTES:
                    raise ProviderUnavailable(f"the provider's answer is larger than {MAX_BYTES} bytes")
                parts.append(part)
            return answer.status_code, b"".join(parts)
