"""Documents go in, in bulk: a newer version replaces an older one, and never the other way round."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rookery_common.clients.elasticsearch import Elastic, ElasticUnavailable
from rookery_common.logs import get_logger
from search_service.errors import DocumentRejected
from search_service.metrics import DOCUMENTS
from search_service.models import Document

BULK_SECONDS: Final = 20.0
MAX_OPERATIONS: Final = 1_000
_NOT_FOUND, _CONFLICT = 404, 409
_TRY_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})
log = get_logger()


class Documents:
    """Writes documents of any kind."""

    def __init__(self, elastic: Elastic) -> None:
        self._elastic = elastic

    async def write(self, documents: Sequence[Document], indices: Collection[str]) -> None:
        """All documents into all of the indices, save where a newer version or no such index is there.

        Returns once all is durable. Raises ElasticUnavailable, or DocumentRejected if one can never be taken.
        """
        lines = [line for document in documents for index in indices for line in _operation(document, index)]
        for start in range(0, len(lines), 2 * MAX_OPERATIONS):
            body = lines[start : start + 2 * MAX_OPERATIONS]
            answer = await self._elastic.request("bulk", "POST", "/_bulk", body=body, timeout=BULK_SECONDS)
            _judge([item["index"] for item in answer["items"]])


def _operation(document: Document, index: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    action = {
        "_index": index,
        "_id": str(document.id),
        "version": document.version,
        "version_type": "external_gte",
    }
    return {"index": action}, document.fields


def _judge(items: Sequence[Mapping[str, Any]]) -> None:
    rejected = False
    for item in items:
        status = item["status"]
        outcome = _outcome(status)
        DOCUMENTS.labels(item["_index"].rpartition("-")[0].rpartition("-")[2], outcome).inc()
        if outcome == "postponed":
            raise ElasticUnavailable("search is not available")
        if outcome == "rejected":
            rejected = True
            log.error("search.document_rejected", index=item["_index"], id=item["_id"], kind=item["error"]["type"])
    if rejected:
        raise DocumentRejected("internal error")


def _outcome(status: int) -> str:
    if status < 300:
        return "written"
    if status == _CONFLICT:
        return "older"
    if status == _NOT_FOUND:
        return "no_index"
    return "postponed" if status in _TRY_LATER else "rejected"
