"""Composition root: the engines of messaging, its server, and what makes it ready."""

from __future__ import annotations

from messaging_service import __version__
from messaging_service.config import Settings
from rookery_common.app import App, Component, Role
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.rpc.server import RpcServer


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    cql = Cql(settings, "messaging", {})
    cache = RedisClient.cache(settings, "messaging")
    state = RedisClient.state(settings, "messaging")
    components: list[Component] = [cql, cache, state]
    if Role.SERVE in roles:
        components.append(RpcServer(settings, verifier=None, services=[], allowed_callers={}))
    return App(
        settings, __version__, components, {"cql": cql.check, "redis_cache": cache.check, "redis_state": state.check}
    )
