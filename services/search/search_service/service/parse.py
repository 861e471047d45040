"""What people write into a search for statuses, as Mastodon documents it; nothing of it reaches the engine as syntax.

Words (all must occur), "phrases", #hashtags, and `from:`, `has:`, `is:`, `language:`, `before:`, `after:`, `during:`,
`in:`, each negated by a `-` before it. What is no operator is a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from rookery_common.hashtags import normalized_tag
from search_service.errors import InvalidSearch
from search_service.folding import fold
from search_service.models import Term, TermKind

_PART: Final = re.compile(r'(?P<sign>[-+]?)(?:(?P<operator>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))')
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SCOPES: Final = ("all", "public", "library")


def parse(query: str, domain: str) -> tuple[Term, ...]:
    """The query's parts in order. Raises InvalidSearch naming a date or a scope that is none."""
    return tuple(term for match in _PART.finditer(query) if (term := _term(match, domain)) is not None)


def _term(match: re.Match[str], domain: str) -> Term | None:
    negated = match["sign"] == "-"
    value = match["phrase"] if match["phrase"] is not None else match["word"]
    operator = (match["operator"] or "").lower()
    if operator in _OPERATORS and value:
        return _OPERATORS[operator](value, negated, domain)
    if match["operator"]:
        value = f"{match['operator']}:{value}"
    if match["phrase"] is not None:
        return Term(TermKind.PHRASE, fold(value), negated=negated) if value.strip() else None
    if value[0] in "#\N{FULLWIDTH NUMBER SIGN}" and len(value) > 1:
        return Term(TermKind.TAG, normalized_tag(value), negated=negated)
    return Term(TermKind.WORD, fold(value), negated=negated)


def _from(value: str, negated: bool, domain: str) -> Term:
    return Term(TermKind.FROM, local_name(value, domain), negated=negated)


def _property(value: str, negated: bool, _domain: str) -> Term:
    return Term(TermKind.PROPERTY, value.lower(), negated=negated)


def _language(value: str, negated: bool, _domain: str) -> Term:
    return Term(TermKind.LANGUAGE, value.lower(), negated=negated)


def _in(value: str, negated: bool, _domain: str) -> Term:
    scope = value.lower()
    if scope not in _SCOPES:
        raise InvalidSearch("q", f"has an in: that is none of {', '.join(_SCOPES)}")
    return Term(TermKind.IN, scope, negated=negated)


def _on(kind: TermKind) -> Callable[[str, bool, str], Term]:
    def term(value: str, negated: bool, _domain: str) -> Term:
        try:
            day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            raise InvalidSearch("q", f"has a {kind}: that is no date such as 2026-03-01")
        return Term(kind, value, day, negated)

    return term


_OPERATORS: Final[Mapping[str, Callable[[str, bool, str], Term]]] = {
    "from": _from,
    "has": _property,
    "is": _property,
    "language": _language,
    "before": _on(TermKind.BEFORE),
    "after": _on(TermKind.AFTER),
    "during": _on(TermKind.DURING),
    "in": _in,
}


def local_name(value: str, domain: str) -> str:
    """A username in lower case, without '@' and this domain; a name of another domain stays whole."""
    return value.lower().removeprefix("@").removesuffix(f"@{domain.lower()}")
