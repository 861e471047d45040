"""The rules of a policy, and which of them a post breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from moderation_service.policy.folding import fold, hosts, words


class Action(StrEnum):
    """What becomes of a post that breaks a rule."""

    REPORT = "report"
    HOLD = "hold"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its name, and what follows from breaking it."""

    name: str
    action: Action


@dataclass(frozen=True, slots=True)
class KeywordRule(Rule):
    """Words and phrases, each a sequence of folded words."""

    phrases: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LinkRule(Rule):
    """Domains, each with all below it, in their one spelling."""

    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class RateRule(Rule):
    """More than `posts` by one author within `window`."""

    posts: int
    window: timedelta


class _PhraseTrie:
    """All phrases of all rules, word by word: a text is searched in one pass, whatever their number."""

    def __init__(self, rules: Iterable[KeywordRule]) -> None:
        self._root: dict[str, Any] = {}
        for rule in rules:
            for phrase in rule.phrases:
                node = self._root
                for word in phrase:
                    node = node.setdefault(word, {})
                # No word is empty, so that this key is free for the rules whose phrase ends here.
                node.setdefault("", []).append(rule)

    def find(self, text: Sequence[str]) -> set[Rule]:
        found: set[Rule] = set()
        if not self._root:
            return found
        for start in range(len(text)):
            node: Mapping[str, Any] | None = self._root
            for position in range(start, len(text)):
                node = node.get(text[position]) if node else None
                if node is None:
                    break
                found.update(node.get("", ()))
        return found


class Policy:
    """All rules, ready to be asked."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self.rates = tuple(rule for rule in rules if isinstance(rule, RateRule))
        self._phrases = _PhraseTrie(rule for rule in rules if isinstance(rule, KeywordRule))
        self._domains: dict[str, list[Rule]] = {}
        for rule in rules:
            for domain in rule.domains if isinstance(rule, LinkRule) else ():
                self._domains.setdefault(domain, []).append(rule)

    def broken_by(self, texts: Iterable[str]) -> list[Rule]:
        """The keyword and link rules that the texts of a post break, in the policy's order."""
        found: set[Rule] = set()
        for text in texts:
            folded = fold(text)
            found |= self._phrases.find(words(folded))
            if self._domains:
                found.update(rule for host in hosts(folded) for rule in self._domains.get(host, ()))
        return [rule for rule in self.rules if rule in found]


def exceeds(rule: RateRule, at: float, others: Sequence[float]) -> bool:
    """Whether a post made at that second is in some window of the rule with too many, of posts in any order.

    `others` are times of the author's posts, this one among them; twice the rule's number and one of them is enough.
    """
    length = rule.window.total_seconds()
    near = sorted(time for time in others if at - length < time < at + length)
    if len(near) > 2 * rule.posts:
        return True  # those before and those after can't both be few enough
    first = 0
    for last, end in enumerate(near):
        while near[first] <= end - length:
            first += 1
        if end >= at and near[first] <= at and last - first + 1 > rule.posts:
            return True
    return False
