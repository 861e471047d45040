"""What people write is never more than a value in what the engine is asked."""

from __future__ import annotations

from datetime import date

import pytest

from search_service.models import StatusSearch, Term, TermKind
from search_service.repository.queries import statuses_body, tags_body

VIEWER = 9


def body_of(*terms: Term, **bounds: int) -> dict[str, object]:
    found = statuses_body(StatusSearch(VIEWER, terms, {"alice": 7}, 20, **bounds))
    query = found["query"]["bool"]
    assert query["filter"][0] == {
        "bool": {"should": [{"term": {"visibility": "public"}}, {"term": {"author_id": VIEWER}}]}
    }
    return {"filter": query["filter"][1:], "must_not": query["must_not"]}


def test_words_are_one_match_so_that_common_ones_do_not_count() -> None:
    words = body_of(Term(TermKind.WORD, "the"), Term(TermKind.WORD, "rook"), Term(TermKind.WORD, "cat", negated=True))
    assert words == {
        "filter": [{"match": {"text": {"query": "the rook", "operator": "and"}}}],
        "must_not": [{"match": {"text": {"query": "cat", "operator": "and"}}}],
    }


@pytest.mark.parametrize(
    ("term", "clause"),
    [
        (Term(TermKind.PHRASE, "a b"), {"match_phrase": {"text": "a b"}}),
        (Term(TermKind.TAG, "birds"), {"term": {"tags": "birds"}}),
        (Term(TermKind.FROM, "me"), {"term": {"author_id": VIEWER}}),
        (Term(TermKind.FROM, "alice"), {"term": {"author_id": 7}}),
        (Term(TermKind.FROM, "nobody"), {"term": {"author_id": 0}}),
        (Term(TermKind.IN, "library"), {"term": {"author_id": VIEWER}}),
        (Term(TermKind.IN, "public"), {"term": {"visibility": "public"}}),
        (Term(TermKind.IN, "all"), {"match_all": {}}),
        (Term(TermKind.BEFORE, "", date(1970, 1, 2)), {"range": {"created_at": {"lt": 86_400_000}}}),
        (Term(TermKind.AFTER, "", date(1970, 1, 2)), {"range": {"created_at": {"gte": 172_800_000}}}),
        (
            Term(TermKind.DURING, "", date(1970, 1, 2)),
            {"range": {"created_at": {"gte": 86_400_000, "lt": 172_800_000}}},
        ),
        (
            Term(TermKind.DURING, "", date.max),
            {"range": {"created_at": {"gte": 253402214400000, "lt": 253402300800000}}},
        ),
    ],
)
def test_each_operator_is_a_clause(term: Term, clause: dict[str, object]) -> None:
    assert body_of(term) == {"filter": [clause], "must_not": []}


def test_bounds_are_exclusive() -> None:
    bounds = body_of(Term(TermKind.FROM, "me"), max_id=9, min_id=3, author_id=4)["filter"]
    assert bounds == [
        {"term": {"author_id": 4}},
        {"range": {"post_id": {"lt": 9, "gt": 3}}},
        {"term": {"author_id": VIEWER}},
    ]


def test_prefix_of_a_hashtag_is_no_pattern() -> None:
    names = tags_body(".*|a_b{9}", 5)["aggs"]["names"]["terms"]
    assert names["include"] == r"\.\*\|a_b\{9\}" + ".*"
