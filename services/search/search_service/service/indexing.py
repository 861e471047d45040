"""Live events into every index that takes them: the one that is read, and the one that a rebuild is filling."""

from __future__ import annotations

from collections.abc import Sequence

from search_service.models import Document, Kind
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices


class Indexer:
    """Writes documents of live events."""

    def __init__(self, indices: Indices, documents: Documents) -> None:
        self._indices = indices
        self._documents = documents

    async def write(self, documents: Sequence[Document]) -> None:
        """Returns once every index that was to have them when this began, or has come since, has them durably.

        Asking for the targets again after writing is what lets a rebuild begin at any moment: an index that comes
        later is filled from what the owners answer later, and they knew of these events before anyone was told.
        """
        for kind in Kind:
            wanted = [document for document in documents if document.kind == kind]
            done: frozenset[str] = frozenset()
            while wanted and (targets := await self._indices.write_targets(kind) - done):
                await self._documents.write(wanted, targets)
                done |= targets
