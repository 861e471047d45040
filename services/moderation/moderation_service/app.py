"""Composition root: the engines of moderation, its server, and what makes it ready."""

from __future__ import annotations

from moderation_service import __version__
from moderation_service.config import Settings
from rookery_common.app import App, Component, Role
from rookery_common.clients.postgres import Postgres
from rookery_common.rpc.server import RpcServer


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    postgres = Postgres.from_settings(settings, name="moderation")
    components: list[Component] = [postgres]
    if Role.SERVE in roles:
        components.append(RpcServer(settings, verifier=None, services=[], allowed_callers={}))
    return App(settings, __version__, components, {"postgres": postgres.check})
