"""Searches of the indices that are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rookery_common.clients.elasticsearch import DocumentNotFound, Elastic
from search_service.errors import IndexMissing, SearchTooSlow
from search_service.models import Day, Kind, StatusSearch
from search_service.repository import queries
from search_service.repository.indices import Indices

SEARCH_SECONDS: Final = 1.5


class Searches:
    """Ids and counts of what was written until a second ago. Raises Unavailable, SearchTooSlow."""

    def __init__(self, elastic: Elastic, indices: Indices) -> None:
        self._elastic = elastic
        self._indices = indices

    async def accounts(self, name: str, among: Sequence[int] | None, limit: int, offset: int) -> list[int]:
        """Ids of accounts, the best first."""
        return _ids(await self._ask("accounts", Kind.ACCOUNTS, queries.accounts_body(name, among, limit, offset)))

    async def account_ids(self, usernames: Sequence[str]) -> dict[str, int]:
        """Ids by username; unknown ones are left out."""
        answer = await self._ask("names", Kind.ACCOUNTS, queries.names_body(usernames))
        return {hit["fields"]["username_key"][0]: int(hit["_id"]) for hit in answer["hits"]["hits"]}

    async def statuses(self, search: StatusSearch) -> list[int]:
        """Ids of posts, newest first."""
        return _ids(await self._ask("statuses", Kind.POSTS, queries.statuses_body(search)))

    async def tag_exists(self, name: str) -> bool:
        """Whether a public post has the hashtag."""
        return bool(_ids(await self._ask("tag_exists", Kind.POSTS, queries.tag_exists_body(name))))

    async def tags(self, prefix: str, size: int) -> list[str]:
        """Hashtags that begin so, the most used first."""
        answer = await self._ask("tags", Kind.POSTS, queries.tags_body(prefix, size))
        return [bucket["key"] for bucket in answer["aggregations"]["names"]["buckets"]]

    async def history(self, names: Sequence[str], since: int) -> dict[str, list[Day]]:
        """Days with posts by hashtag, from `since` (milliseconds) on; days and hashtags without are left out."""
        answer = await self._ask("history", Kind.POSTS, queries.history_body(names, since))
        return {tag["key"]: _days(tag["days"]["buckets"]) for tag in answer["aggregations"]["names"]["buckets"]}

    async def _ask(self, name: str, kind: Kind, body: queries.Body) -> Any:
        path = f"/{self._indices.read_alias(kind)}/_search"
        try:
            answer = await self._elastic.request(name, "POST", path, body=body, timeout=SEARCH_SECONDS)
        except DocumentNotFound:
            raise IndexMissing(f"there is no index of {kind}") from None
        if answer["timed_out"]:
            raise SearchTooSlow("the search took too long")
        return answer


def _ids(answer: Any) -> list[int]:
    return [int(hit["_id"]) for hit in answer["hits"]["hits"]]


def _days(buckets: Sequence[Any]) -> list[Day]:
    return [
        Day(bucket["key"] // 1000, bucket["doc_count"], bucket["accounts"]["value"])
        for bucket in buckets
        if bucket["doc_count"]
    ]
