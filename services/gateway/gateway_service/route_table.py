"""Finds a request's route by the form of its path, instead of trying the pattern of each of some two hundred."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from starlette.routing import BaseRoute, Match, Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send

Key = tuple[str | None, ...]
Ranked = tuple[int, BaseRoute]
_RANK = itemgetter(0)


class RouteTable(Router):
    """Routes in the order in which they are tried; only those are whose fixed segments are the path's."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        super().__init__(redirect_slashes=False)
        self.routes.extend(routes)
        self._anywhere: list[Ranked] = []
        self._by_key: dict[Key, list[Ranked]] = {}
        # By the number of a path's segments: where patterns of that length have parameters.
        self._variable: dict[int, set[frozenset[int]]] = {}
        for ranked in enumerate(self.routes):
            self._enter(ranked)
        # By method and path, where no part of it varies: what would be found for them.
        self._fixed: dict[tuple[str, str], tuple[BaseRoute, Scope]] = {}
        for route in self.routes:
            if isinstance(route, Route) and "{" not in route.path:
                for method in route.methods or ():
                    self._fix(method, route.path)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request to the first route that takes it; else to one of its path, which says that it does not."""
        fixed = self._fixed.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if fixed is not None:
            route, child = fixed
            scope.update(child, path_params=dict(child["path_params"]))
            await route.handle(scope, receive, send)
            return
        other: tuple[BaseRoute, Scope] | None = None
        for _, route in self._candidates(scope["path"]):
            match, child = route.matches(scope)
            if match is Match.FULL:
                scope.update(child)
                await route.handle(scope, receive, send)
                return
            if match is Match.PARTIAL and other is None:
                other = route, child
        if other is None:
            await self.default(scope, receive, send)
            return
        route, child = other
        scope.update(child)
        await route.handle(scope, receive, send)

    def _enter(self, ranked: Ranked) -> None:
        route = ranked[1]
        if not isinstance(route, Route | WebSocketRoute) or ":path}" in route.path:
            self._anywhere.append(ranked)
            return
        segments = route.path.split("/")
        variable = frozenset(place for place, segment in enumerate(segments) if "{" in segment)
        self._variable.setdefault(len(segments), set()).add(variable)
        self._by_key.setdefault(_key(segments, variable), []).append(ranked)

    def _fix(self, method: str, path: str) -> None:
        for _, route in self._candidates(path):
            match, child = route.matches({"type": "http", "method": method, "path": path})
            if match is Match.FULL:
                self._fixed[method, path] = route, child
                return

    def _candidates(self, path: str) -> list[Ranked]:
        segments = path.split("/")
        found = [*self._anywhere]
        for variable in self._variable.get(len(segments), ()):
            found += self._by_key.get(_key(segments, variable), ())
        found.sort(key=_RANK)
        return found


def _key(segments: list[str], variable: frozenset[int]) -> Key:
    return tuple(None if place in variable else segment for place, segment in enumerate(segments))
