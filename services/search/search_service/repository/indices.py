"""Versioned indices behind aliases: one that is read, and all that are written while a rebuild is under way.

An index is named `<prefix><kind>-<number>`. The alias `<prefix><kind>` is the index that searches read, the alias
`<prefix><kind>.write` all that live events go to. Nothing but `create_next` makes an index: the templates forbid it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rookery_common.clients.elasticsearch import DocumentNotFound, Elastic, ElasticRejected
from rookery_common.logs import get_logger
from search_service.errors import IndexMissing, RebuildRunning
from search_service.models import Kind

ADMIN_SECONDS: Final = 30.0
log = get_logger()


class Indices:
    """The indices of one prefix."""

    def __init__(self, elastic: Elastic, prefix: str, folder: Path, *, shards: int = 1) -> None:
        self._elastic = elastic
        self._prefix = prefix
        self._folder = folder
        self._shards = shards

    def read_alias(self, kind: Kind) -> str:
        """What searches name."""
        return f"{self._prefix}{kind}"

    def write_alias(self, kind: Kind) -> str:
        return f"{self._prefix}{kind}.write"

    async def migrate(self) -> None:
        """Templates for new indices, the first index of each kind, and new fields for those that are there."""
        for kind in Kind:
            await self._put_template(kind)
            written = await self._behind(self.write_alias(kind))
            if not written:
                first = f"{self._prefix}{kind}-000001"
                await self._create(first, [self.read_alias(kind), self.write_alias(kind)])
            for index in written:
                await self._add_fields(kind, index)

    async def write_targets(self, kind: Kind) -> frozenset[str]:
        """The indices that a live event belongs in. Raises IndexMissing where there is none."""
        targets = await self._behind(self.write_alias(kind))
        if not targets:
            raise IndexMissing(f"there is no index of {kind}")
        return targets

    async def read_target(self, kind: Kind) -> str:
        """The index that searches read. Raises IndexMissing."""
        for index in await self._behind(self.read_alias(kind)):
            return index
        raise IndexMissing(f"there is no index of {kind}")

    async def create_next(self, kind: Kind) -> str:
        """An empty index that live events go to from now on, and nobody reads. Raises RebuildRunning if one exists."""
        targets = await self.write_targets(kind)
        if targets != {await self.read_target(kind)}:
            raise RebuildRunning(f"another rebuild of {kind} is under way, or was interrupted")
        await self._put_template(kind)
        (current,) = targets
        name = f"{self._prefix}{kind}-{int(current.rpartition('-')[2]) + 1:06}"
        try:
            await self._create(name, [self.write_alias(kind)])
        except ElasticRejected:
            raise RebuildRunning(f"another rebuild of {kind} has begun at this moment") from None
        return name

    async def discard_unread(self, kind: Kind) -> None:
        """Drops what an interrupted rebuild left."""
        await self.drop(await self.write_targets(kind) - {await self.read_target(kind)})

    async def swap(self, fresh: Mapping[Kind, str]) -> list[str]:
        """At once for all kinds: searches read the fresh indices, and only these are written.

        Returns the ones before them, which searches under way may still read; also what an earlier swap left.
        """
        actions: list[dict[str, Any]] = []
        before: list[str] = []
        for kind, index in fresh.items():
            read, write = self.read_alias(kind), self.write_alias(kind)
            actions.append({"add": {"index": index, "alias": read}})
            actions.append({"remove": {"index": await self.read_target(kind), "alias": read}})
            written = await self.write_targets(kind) - {index}
            actions += [{"remove": {"index": old, "alias": write}} for old in written]
            there = await self._elastic.request("indices", "GET", f"/{self._prefix}{kind}-*/_alias")
            before += [old for old in there if old != index]
        await self._admin("swap", "POST", "/_aliases", {"actions": actions})
        return before

    async def refresh(self, indices: Iterable[str]) -> None:
        """Everything written is found from now on."""
        await self._elastic.request("refresh", "POST", f"/{','.join(indices)}/_refresh", timeout=ADMIN_SECONDS)

    async def drop(self, indices: Iterable[str]) -> None:
        """Those that are there."""
        names = ",".join(sorted(indices))
        if names:
            params = {"ignore_unavailable": "true"}
            await self._elastic.request("drop_index", "DELETE", f"/{names}", params=params, timeout=ADMIN_SECONDS)

    async def _behind(self, alias: str) -> frozenset[str]:
        try:
            answer = await self._elastic.request("alias", "GET", f"/_alias/{alias}")
        except DocumentNotFound:
            return frozenset()
        return frozenset(answer)

    async def _put_template(self, kind: Kind) -> None:
        template = self._template(kind)
        template["settings"]["index"]["number_of_shards"] = self._shards
        body = {
            "index_patterns": [f"{self._prefix}{kind}-*"],
            "priority": 500,
            "allow_auto_create": False,
            "template": template,
        }
        await self._admin("template", "PUT", f"/_index_template/{self._prefix}{kind}", body)

    async def _create(self, index: str, aliases: Iterable[str]) -> None:
        await self._admin("create_index", "PUT", f"/{index}", {"aliases": {alias: {} for alias in aliases}})
        log.info("search.index_created", index=index)

    async def _add_fields(self, kind: Kind, index: str) -> None:
        """What is new can be written at once; what is otherwise needs a rebuild, and says so."""
        try:
            await self._admin("mapping", "PUT", f"/{index}/_mapping", self._template(kind)["mappings"])
        except ElasticRejected:
            log.warning("search.rebuild_needed", index=index)

    def _template(self, kind: Kind) -> dict[str, Any]:
        template: dict[str, Any] = json.loads((self._folder / f"{kind}.json").read_text())
        return template

    async def _admin(self, name: str, method: str, path: str, body: Any) -> None:
        await self._elastic.request(name, method, path, body=body, timeout=ADMIN_SECONDS)
