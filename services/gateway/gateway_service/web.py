"""The web application: the routers under one error handling, inside the Edge."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from gateway_service.config import Settings
from gateway_service.errors import handle_app_error, handle_http_exception
from gateway_service.middleware import Edge
from gateway_service.overload import Admission, Gate
from gateway_service.route_table import RouteTable
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError


class Web(Starlette):
    """Routes under handlers of errors, and no more around each request: crashes are the Edge's."""

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)


def build_web(settings: Settings, routers: Iterable[APIRouter], gate: Gate | None = None) -> ASGIApp:
    """Of routes that take the same request, the first has it."""
    web = Web(exception_handlers={AppError: handle_app_error, HTTPException: handle_http_exception})
    # Put in as they are: an included router costs each request a second round of matching.
    web.router = RouteTable(route for router in routers for route in router.routes)
    return Admission(Edge(web, settings), gate or Gate(SystemClock()))
