"""The web application: the routers under one error handling, inside the Edge."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from gateway_service import __version__
from gateway_service.config import Settings
from gateway_service.errors import handle_app_error, handle_http_exception
from gateway_service.middleware import Edge, handle_crash
from gateway_service.overload import Admission, Gate
from gateway_service.route_table import RouteTable
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError


def build_web(settings: Settings, routers: Iterable[APIRouter], gate: Gate | None = None) -> ASGIApp:
    """Of routes that take the same request, the first has it."""
    web = FastAPI(
        title=settings.title,
        version=__version__,
        description="The Mastodon client API, and what Rookery adds to it.",
        openapi_url=None,  # routers/reference.py has one that says more
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    web.add_exception_handler(AppError, handle_app_error)
    web.add_exception_handler(HTTPException, handle_http_exception)
    web.add_exception_handler(RequestValidationError, handle_http_exception)
    web.add_exception_handler(Exception, handle_crash)
    # Put in as they are: an included router costs each request a second round of matching.
    web.router = RouteTable(route for router in routers for route in router.routes)
    return Admission(Edge(web, settings), gate or Gate(SystemClock()))
