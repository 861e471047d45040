"""Elasticsearch by its own asyncio client: named requests, bounded in time; no retries of its own.

The index is a derived view: whatever is in it can be written again from its owners' events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, ConflictError, NotFoundError, TransportError

from rookery_common.clients.calls import Instruments, time_left
from rookery_common.errors import Aborted, Internal, NotFound, Unavailable
from rookery_common.logs import get_logger

CALL_SECONDS = 5.0
_TRY_LATER = frozenset({408, 429, 502, 503, 504})

instruments = Instruments("elasticsearch")
log = get_logger()


class ElasticUnavailable(Unavailable):
    """The engine is away, too slow, or refuses for a while."""

    reason = "SEARCH_UNAVAILABLE"


class ElasticRejected(Internal):
    """The request is wrong: a defect of ours."""

    reason = "SEARCH_REJECTED"


class DocumentNotFound(NotFound):
    """There is no such document or index."""

    reason = "DOCUMENT_NOT_FOUND"


class DocumentConflict(Aborted):
    """The document has a newer version than the one written."""

    reason = "DOCUMENT_CONFLICT"


class Elastic:
    """A service's indices, by plain requests: the body is what the engine's documentation shows."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._client = AsyncElasticsearch(url, request_timeout=CALL_SECONDS, max_retries=0, retry_on_timeout=False)

    async def start(self) -> None:
        """Connects when first used: an engine that is late makes the process not ready, it doesn't stop it."""

    async def stop(self) -> None:
        await self._client.close()

    async def check(self) -> None:
        """Raises unless the cluster answers."""
        await self.request("health", "GET", "/_cluster/health")

    async def request(
        self,
        name: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        timeout: float = CALL_SECONDS,
    ) -> Any:
        """The decoded answer; `name` is its metrics' label. A body that is a list goes as lines (bulk, msearch)."""
        kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
        headers = {"accept": "application/json", **({"content-type": kind} if body is not None else {})}
        left = time_left(timeout)
        with instruments.observe(self._name, name):
            try:
                client = self._client.options(request_timeout=left)
                response = await client.perform_request(method, path, params=params, headers=headers, body=body)
            except ApiError as error:
                raise _translate(error) from error
            except TransportError as error:
                raise ElasticUnavailable("search is not available") from error
        return response.body


def _translate(error: ApiError) -> Aborted | Internal | NotFound | Unavailable:
    if isinstance(error, NotFoundError):
        return DocumentNotFound("there is no such document")
    if isinstance(error, ConflictError):
        return DocumentConflict("a newer version is there")
    if error.status_code in _TRY_LATER:
        return ElasticUnavailable("search is not available")
    # The kind of the error alone: its text may carry what somebody wrote.
    log.error("elastic.rejected", status=error.status_code, kind=error.error)
    return ElasticRejected("internal error")
