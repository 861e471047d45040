"""For you: rankings of feed's, as statuses that say why they are where they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from gateway_service.cache import PostFragment
from gateway_service.clients import Clients
from gateway_service.compose.audience import Relations, Rule, Why
from gateway_service.compose.composer import MAX_ROUNDS, Composer
from gateway_service.compose.preferences import rule_of, weights_of
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.feed.v1.ranking_service_pb2 import ListForYouRequest, ListForYouResponse, RankedEntry
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
DIGITS = 4
_FOLLOWED_TAG, _PUBLIC = Reason.REASON_FOLLOWED_TAG, Reason.REASON_PUBLIC


@dataclass(frozen=True, slots=True)
class ForYouPage:
    """Statuses, the best first; the cursor is empty on the last page."""

    items: list[bytes]
    cursor: str
    # The newest that is among them; 0 for none.
    newest_id: int = 0


class ForYou:
    """Composes pages of rankings."""

    def __init__(self, clients: Clients, composer: Composer) -> None:
        self._clients = clients
        self._composer = composer

    async def page(self, viewer: Identity, limit: int, cursor: str, *, since_id: int = 0) -> ForYouPage:
        """What may not be shown is made up for, in at most three rounds; a page may still be short, or empty, with a
        cursor. Raises InvalidArgument (page_token)."""
        tags = sorted(await self._composer.followed_tags(viewer))
        preferences = await self._composer.preferences.of(viewer)
        rule = rule_for_you(rule_of(preferences))
        items, newest_id = list[bytes](), 0
        for _ in range(MAX_ROUNDS):
            call = ListForYouRequest(
                limit=limit - len(items),
                page_token=cursor,
                followed_tags=tags,
                since_id=since_id,
                weights=weights_of(preferences),
                author_weights=preferences.author_weights,
                without_reblogs=preferences.without_reblogs,
            )
            answer: ListForYouResponse = await self._clients.feed.call(
                "ListForYou", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
            )
            shown = await self._statuses(viewer, answer.entries, rule)
            items += shown.values()
            newest_id = max(newest_id, *shown) if shown else newest_id
            cursor = answer.next_page_token
            if not cursor or len(items) >= limit:
                break
        return ForYouPage(items, cursor, newest_id)

    async def _statuses(self, viewer: Identity, ranked: Iterable[RankedEntry], rule: Rule) -> dict[int, bytes]:
        reasons = {each.entry.entry_id: each for each in ranked}
        entries = [each.entry for each in reasons.values()]
        shown = await self._composer.entries(viewer, entries, rule)
        return {entry_id: _explained(status, reasons[entry_id]) for entry_id, status in shown}


def rule_for_you(home: Rule) -> Rule:
    """As for what is in the home, but that it may be public and by anybody, as what a hashtag brings may be."""

    def rule(viewer_id: int, post: PostFragment, reason: int, relations: Relations) -> Why | None:
        return home(viewer_id, post, _FOLLOWED_TAG if reason == _PUBLIC else reason, relations)

    return rule


def _explained(status: bytes, ranked: RankedEntry) -> bytes:
    """The status with two members more, which those who read statuses pass over."""
    why = [
        {"feature": part.feature, "value": round(part.value, DIGITS), "weight": round(part.weight, DIGITS)}
        for part in ranked.why
    ]
    return b'%b,"score":%b,"why":%b}' % (status[:-1], orjson.dumps(round(ranked.score, DIGITS)), orjson.dumps(why))
