"""Composition root: the engines of search, its server, and what makes it ready."""

from __future__ import annotations

from rookery_common.app import App, Component, Role
from rookery_common.clients.elasticsearch import Elastic
from rookery_common.rpc.server import RpcServer
from search_service import __version__
from search_service.config import Settings


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    elastic = Elastic(settings.elasticsearch_url.get_secret_value(), "search")
    components: list[Component] = [elastic]
    if Role.SERVE in roles:
        components.append(RpcServer(settings, verifier=None, services=[], allowed_callers={}))
    return App(settings, __version__, components, {"elasticsearch": elastic.check})
