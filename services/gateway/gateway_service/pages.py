"""The few pages that people see: rendered from templates, with nothing from anywhere else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from gateway_service.config import Settings

_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9._:\[\]-]+)?")
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "


class Pages:
    """Renders the templates of this package; whatever is put into them is escaped."""

    def __init__(self, settings: Settings) -> None:
        self._templates = Environment(
            loader=PackageLoader("gateway_service", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._common = {"title": settings.title, "domain": settings.domain, "language": settings.languages[0]}

    def render(self, name: str, status: int = 200, *, leads_to: str = "", **values: Any) -> Response:
        """The page; `leads_to` is where its form may end up, since browsers hold redirects to the policy as well."""
        html = self._templates.get_template(name).render(self._common, **values)
        headers = {"content-security-policy": _POLICY + " ".join(["'self'", *_source(leads_to)])}
        return Response(html, status, headers, "text/html; charset=utf-8")


def _source(address: str) -> list[str]:
    """The address's origin, or its scheme where it has none (an app's own), as the policy names it."""
    parts = urlsplit(address)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return [source] if _SOURCE.fullmatch(source) else []
