"""Composition root: the engines of notification, its server, and what makes it ready."""

from __future__ import annotations

from notification_service import __version__
from notification_service.config import Settings
from rookery_common.app import App, Component, Role
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.rpc.server import RpcServer


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    cql = Cql(settings, "notification", {})
    cache = RedisClient.cache(settings, "notification")
    state = RedisClient.state(settings, "notification")
    components: list[Component] = [cql, cache, state]
    if Role.SERVE in roles:
        components.append(RpcServer(settings, verifier=None, services=[], allowed_callers={}))
    return App(
        settings, __version__, components, {"cql": cql.check, "redis_cache": cache.check, "redis_state": state.check}
    )
