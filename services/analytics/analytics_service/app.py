"""Composition root: the engines of analytics, its server, and what makes it ready."""

from __future__ import annotations

from analytics_service import __version__
from analytics_service.config import Settings
from rookery_common.app import App, Component, Role
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.s3 import S3
from rookery_common.rpc.server import RpcServer


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    cql = Cql(settings, "analytics", {})
    s3 = S3(settings)
    components: list[Component] = [cql, s3]
    if Role.SERVE in roles:
        components.append(RpcServer(settings, verifier=None, services=[], allowed_callers={}))
    return App(settings, __version__, components, {"cql": cql.check, "s3": s3.check})
