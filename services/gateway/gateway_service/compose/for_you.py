"""For you: rankings of feed's, as statuses that say why they are where they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from gateway_service.clients import Clients
from gateway_service.compose.audience import why_not_for_you
from gateway_service.compose.composer import MAX_ROUNDS, Composer
from rookery.feed.v1.ranking_service_pb2 import ListForYouRequest, ListForYouResponse, RankedEntry
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
DIGITS = 4


@dataclass(frozen=True, slots=True)
class ForYouPage:
    """Statuses, the best first; the cursor is empty on the last page."""

    items: list[bytes]
    cursor: str


class ForYou:
    """Composes pages of rankings."""

    def __init__(self, clients: Clients, composer: Composer) -> None:
        self._clients = clients
        self._composer = composer

    async def page(self, viewer: Identity, limit: int, cursor: str, *, since_id: int = 0) -> ForYouPage:
        """What may not be shown is made up for, in at most three rounds; a page may still be short, or empty, with a
        cursor. Raises InvalidArgument (page_token)."""
        tags = sorted(await self._composer.followed_tags(viewer))
        items: list[bytes] = []
        for _ in range(MAX_ROUNDS):
            call = ListForYouRequest(limit=limit - len(items), page_token=cursor, followed_tags=tags, since_id=since_id)
            answer: ListForYouResponse = await self._clients.feed.call(
                "ListForYou", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
            )
            items += await self._statuses(viewer, answer.entries)
            cursor = answer.next_page_token
            if not cursor or len(items) >= limit:
                break
        return ForYouPage(items, cursor)

    async def _statuses(self, viewer: Identity, ranked: Iterable[RankedEntry]) -> list[bytes]:
        reasons = {each.entry.entry_id: each for each in ranked}
        entries = [each.entry for each in reasons.values()]
        shown = await self._composer.entries(viewer, entries, why_not_for_you)
        return [_explained(status, reasons[entry_id]) for entry_id, status in shown]


def _explained(status: bytes, ranked: RankedEntry) -> bytes:
    """The status with two members more, which those who read statuses pass over."""
    why = [
        {"feature": part.feature, "value": round(part.value, DIGITS), "weight": round(part.weight, DIGITS)}
        for part in ranked.why
    ]
    return b'%b,"score":%b,"why":%b}' % (status[:-1], orjson.dumps(round(ranked.score, DIGITS)), orjson.dumps(why))
