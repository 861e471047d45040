"""Erases what the index has of a deleted account."""

from __future__ import annotations

from collections.abc import Sequence

from rookery_common.erasure import ErasureStep
from search_service.models import FOR_GOOD, Document, Kind
from search_service.service.indexing import Indexer


class AccountErasure:
    """Its own document; its posts leave the index as they are deleted by post."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    @property
    def steps(self) -> Sequence[ErasureStep]:
        return (self._bury,)

    async def _bury(self, account_id: int) -> int:
        """In every index, also one that a rebuild is filling: no event that comes late brings it back."""
        await self._indexer.write([Document.tombstone(Kind.ACCOUNTS, account_id, FOR_GOOD)])
        return 0
