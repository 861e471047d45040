"""What is asked of the engine, as bodies of its query language. What people wrote is only ever a value in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from search_service.models import StatusSearch, Term, TermKind

ENGINE_SECONDS: Final = 1.0
"""How long the engine looks before it gives up."""
MAX_TAGGED_POSTS: Final = 50_000
"""Of how many posts, the newest, hashtags with a prefix are gathered."""
_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NOBODY: Final = 0
_EXACT, _NAME, _DISPLAY_NAME, _NOTE, _DISCOVERABLE = 100, 10, 8, 1, 1.5
_SYNTAX: Final = re.compile(r"(\W)")
Body = dict[str, Any]
PUBLIC: Final[Mapping[str, Any]] = {"term": {"visibility": "public"}}


def accounts_body(name: str, among: Sequence[int] | None, limit: int, offset: int) -> Body:
    """Accounts whose username or display name has words that begin so; and those, by their note, who want to be found.

    The account of exactly this username comes first; `among` these accounts, where they are named.
    """
    wanted = [
        _scored({"term": {"username_key": name}}, _EXACT),
        _scored({"match_bool_prefix": {"username": {"query": name, "operator": "and"}}}, _NAME),
        _scored({"match_bool_prefix": {"display_name": {"query": name, "operator": "and"}}}, _DISPLAY_NAME),
        _scored(_all(_words("note", name), {"term": {"discoverable": True}}), _NOTE),
    ]
    query: Body = {"bool": {"must": [{"dis_max": {"queries": wanted}}]}}
    if among is not None:
        query["bool"]["filter"] = [{"terms": {"account_id": list(among)}}]
    discoverable = {"filter": {"term": {"discoverable": True}}, "weight": _DISCOVERABLE}
    scored = {"function_score": {"query": query, "functions": [discoverable], "boost_mode": "multiply"}}
    return _page(scored, limit, offset, [{"_score": "desc"}, {"account_id": "asc"}])


def names_body(usernames: Sequence[str]) -> Body:
    """The accounts of exactly these usernames."""
    page = _page({"terms": {"username_key": list(usernames)}}, len(usernames), 0, ["_doc"])
    return {**page, "docvalue_fields": ["username_key"]}


def statuses_body(search: StatusSearch) -> Body:
    """Posts, newest first, that have all the terms and may be seen by the viewer: public ones, and the viewer's own."""
    own = {"term": {"author_id": search.viewer_id}}
    filters: list[Mapping[str, Any]] = [{"bool": {"should": [PUBLIC, own]}}]
    if search.author_id:
        filters.append({"term": {"author_id": search.author_id}})
    if search.max_id or search.min_id:
        bounds = {"lt": search.max_id, "gt": search.min_id}
        filters.append({"range": {"post_id": {name: bound for name, bound in bounds.items() if bound}}})
    words = " ".join(term.text for term in search.terms if term.kind == TermKind.WORD and not term.negated)
    if words:
        filters.append(_words("text", words))
    asked = [term for term in search.terms if term.negated or term.kind != TermKind.WORD]
    filters += [_clause(term, search) for term in asked if not term.negated]
    without = [_clause(term, search) for term in asked if term.negated]
    query = {"bool": {"filter": filters, "must_not": without}}
    return _page(query, search.limit, search.offset, [{"post_id": "desc"}])


def tag_exists_body(name: str) -> Body:
    """The newest public post with exactly this hashtag."""
    return _page(_all(PUBLIC, {"term": {"tags": name}}), 1, 0, [{"post_id": "desc"}])


def tags_body(prefix: str, size: int) -> Body:
    """The hashtags that begin so, the most used first, of the newest public posts that have one."""
    names = {"terms": {"field": "tags", "include": _SYNTAX.sub(r"\\\1", prefix) + ".*", "size": size}}
    query = _all(PUBLIC, {"prefix": {"tags": prefix}})
    return {**_count(query, {"names": names}), "terminate_after": MAX_TAGGED_POSTS}


def history_body(names: Sequence[str], since: int) -> Body:
    """For each hashtag and day (UTC) from `since` (milliseconds) on: public posts, and their authors."""
    accounts = {"cardinality": {"field": "author_id", "precision_threshold": 1_000}}
    days = {"date_histogram": {"field": "created_at", "calendar_interval": "day"}, "aggs": {"accounts": accounts}}
    tags = {"terms": {"field": "tags", "include": list(names), "size": len(names)}, "aggs": {"days": days}}
    recent = {"range": {"created_at": {"gte": since}}}
    return _count(_all(PUBLIC, {"terms": {"tags": list(names)}}, recent), {"names": tags})


def _clause(term: Term, search: StatusSearch) -> Mapping[str, Any]:
    if term.kind == TermKind.IN:
        return _scope(term.text, search.viewer_id)
    if term.day is not None:
        return {"range": {"created_at": _days(term.kind, term.day)}}
    clauses: Mapping[TermKind, Mapping[str, Any]] = {
        TermKind.WORD: _words("text", term.text),
        TermKind.PHRASE: {"match_phrase": {"text": term.text}},
        TermKind.TAG: {"term": {"tags": term.text}},
        TermKind.FROM: {"term": {"author_id": _author(term.text, search)}},
        TermKind.PROPERTY: {"term": {"properties": term.text}},
        TermKind.LANGUAGE: {"term": {"language": term.text}},
    }
    return clauses[term.kind]


def _author(name: str, search: StatusSearch) -> int:
    return search.viewer_id if name == "me" else search.account_ids.get(name, _NOBODY)


def _scope(scope: str, viewer_id: int) -> Mapping[str, Any]:
    scopes: Mapping[str, Mapping[str, Any]] = {
        "all": {"match_all": {}},
        "public": PUBLIC,
        "library": {"term": {"author_id": viewer_id}},
    }
    return scopes[scope]


def _days(kind: TermKind, day: date) -> dict[str, int]:
    """Before, after or during a whole day, UTC."""
    start = (day.toordinal() - _EPOCH) * _DAY_MS
    end = start + _DAY_MS
    if kind == TermKind.BEFORE:
        return {"lt": start}
    return {"gte": end} if kind == TermKind.AFTER else {"gte": start, "lt": end}


def _words(field: str, words: str) -> Mapping[str, Any]:
    return {"match": {field: {"query": words, "operator": "and"}}}


def _all(*clauses: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"bool": {"filter": list(clauses)}}


def _scored(clause: Mapping[str, Any], score: float) -> Mapping[str, Any]:
    return {"constant_score": {"filter": clause, "boost": score}}


def _page(query: Mapping[str, Any], size: int, start: int, sort: Sequence[Any]) -> Body:
    return {
        "query": query,
        "size": size,
        "from": start,
        "sort": list(sort),
        "_source": False,
        "track_total_hits": False,
        "timeout": f"{int(ENGINE_SECONDS * 1000)}ms",
    }


def _count(query: Mapping[str, Any], aggregations: Mapping[str, Any]) -> Body:
    return {**_page(query, 0, 0, []), "aggs": dict(aggregations)}
