"""What viewers do not want to meet: their filters, ready to be tried on each post that they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from gateway_service.schemas.filters import filter_fields
from rookery.user.v1.filter_service_pb2 import Filter, FilterAction, FilterContext
from rookery_common.words import Word, word

NOTHING = b"[]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One filter of a viewer; `head` is what a FilterResult says of it, without its closing brace."""

    head: bytes
    hidden_in: frozenset[int]
    ends_at: float | None
    words: tuple[Word, ...]
    status_ids: frozenset[int]

    def result(self, post_ids: Iterable[int], folded: str) -> bytes | None:
        """A FilterResult where it meets the post, else None."""
        words = [each.text for each in self.words if each.is_in(folded)]
        posts = [str(post_id) for post_id in post_ids if post_id in self.status_ids]
        if not words and not posts:
            return None
        matches = orjson.dumps({"keyword_matches": words or None, "status_matches": posts or None})
        return self.head + b"," + matches[1:]


@dataclass(frozen=True, slots=True)
class Filters:
    """All of a viewer's."""

    rules: tuple[Rule, ...]

    def results(self, post_ids: Sequence[int], folded: str, unix_seconds: float) -> bytes:
        """The list of FilterResults of a post."""
        if not self.rules:
            return NOTHING
        met = (rule.result(post_ids, folded) for rule in self._active(unix_seconds))
        return b"[" + b",".join(result for result in met if result is not None) + b"]"

    def hide(self, post_ids: Sequence[int], folded: str, context: int, unix_seconds: float) -> bool:
        """Whether a filter of this context takes the post away."""
        rules = (rule for rule in self._active(unix_seconds) if context in rule.hidden_in)
        return any(rule.result(post_ids, folded) is not None for rule in rules)

    def _active(self, unix_seconds: float) -> Iterable[Rule]:
        return (rule for rule in self.rules if rule.ends_at is None or rule.ends_at > unix_seconds)


def compiled(filters: Iterable[Filter]) -> Filters:
    """A viewer's filters as user tells them."""
    return Filters(tuple(map(_rule, filters)))


def _rule(message: Filter) -> Rule:
    hides = message.action == FilterAction.FILTER_ACTION_HIDE
    return Rule(
        head=b'{"filter":' + orjson.dumps(filter_fields(message)),
        hidden_in=frozenset(message.contexts) if hides else frozenset[FilterContext.ValueType](),
        ends_at=message.expire_time.ToMicroseconds() / 1e6 if message.HasField("expire_time") else None,
        words=tuple(word(each.keyword, whole=each.whole_word) for each in message.keywords),
        status_ids=frozenset(each.status_id for each in message.statuses),
    )
