"""What people write into a search for statuses."""

from __future__ import annotations

from datetime import date

import pytest

from search_service.errors import InvalidSearch
from search_service.models import Term, TermKind
from search_service.service.parse import local_name, parse

DOMAIN = "rookery.test:8080"
WORD, PHRASE, TAG, FROM = TermKind.WORD, TermKind.PHRASE, TermKind.TAG, TermKind.FROM


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("blue  Bird", [Term(WORD, "blue"), Term(WORD, "bird")]),
        ("Zoë ﬁsh", [Term(WORD, "zoe"), Term(WORD, "fish")]),
        ('"Blue bird" nest', [Term(PHRASE, "blue bird"), Term(WORD, "nest")]),
        ("bird -cat", [Term(WORD, "bird"), Term(WORD, "cat", negated=True)]),
        ('-"a cat" +bird', [Term(PHRASE, "a cat", negated=True), Term(WORD, "bird")]),
        ("#Birds", [Term(TAG, "birds")]),
        ("＃Vögel -#cats", [Term(TAG, "vögel"), Term(TAG, "cats", negated=True)]),  # noqa: RUF001 - as it is typed
        ("from:Alice", [Term(FROM, "alice")]),
        ("FROM:@Alice", [Term(FROM, "alice")]),
        (f"-from:alice@{DOMAIN}", [Term(FROM, "alice", negated=True)]),
        ("from:alice@elsewhere.example", [Term(FROM, "alice@elsewhere.example")]),
        ("from:me", [Term(FROM, "me")]),
        ("has:Media is:reply", [Term(TermKind.PROPERTY, "media"), Term(TermKind.PROPERTY, "reply")]),
        ("language:PT-br", [Term(TermKind.LANGUAGE, "pt-br")]),
        ("before:2026-03-01", [Term(TermKind.BEFORE, "2026-03-01", date(2026, 3, 1))]),
        ('after:"2026-03-01"', [Term(TermKind.AFTER, "2026-03-01", date(2026, 3, 1))]),
        ("-during:2026-03-01", [Term(TermKind.DURING, "2026-03-01", date(2026, 3, 1), True)]),
        ("in:Library", [Term(TermKind.IN, "library")]),
        ("time:12 https://a.example/b", [Term(WORD, "time:12"), Term(WORD, "https://a.example/b")]),
        ("from: has:", [Term(WORD, "from:"), Term(WORD, "has:")]),
        ('- # " -', [Term(WORD, "-"), Term(WORD, "#"), Term(WORD, '"'), Term(WORD, "-")]),
        ('"" "  "', []),
        ("   ", []),
    ],
)
def test_query_is_taken_apart(query: str, terms: list[Term]) -> None:
    assert list(parse(query, DOMAIN)) == terms


@pytest.mark.parametrize(
    "query",
    [
        "before:yesterday",
        "after:2026-02-30",
        "during:2026-3-1",
        "before:20260301",
        "after:2026-03-01T10:00",
        "in:space",
    ],
)
def test_wrong_date_or_scope_is_refused(query: str) -> None:
    with pytest.raises(InvalidSearch) as refused:
        parse(f"bird {query}", DOMAIN)
    assert refused.value.fields[0].field == "q"


def test_longest_query_is_taken_apart_in_no_time() -> None:
    for query in ('"' * 200, "a:" * 100, "-" * 200, "- " * 100, 'from:"' * 33, "#" * 200):
        assert len(parse(query, DOMAIN)) <= 100


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("@Alice", "alice"),
        (f"alice@{DOMAIN.upper()}", "alice"),
        ("alice@elsewhere.example", "alice@elsewhere.example"),
        ("@", ""),
    ],
)
def test_names_are_local(written: str, name: str) -> None:
    assert local_name(written, DOMAIN) == name
