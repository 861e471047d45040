"""The few pages that people see: rendered from templates, in their language, with nothing from anywhere else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.config import Settings
from gateway_service.translations import LANGUAGES, catalogue, choose

_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9._:\[\]-]+)?")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; {script}"
    "base-uri 'none'; frame-ancestors 'none'; form-action "
)
_SCRIPT = "script-src 'self'; connect-src 'self'; "


class Pages:
    """Renders the templates of this package; whatever is put into them is escaped."""

    def __init__(self, settings: Settings) -> None:
        self._templates = {language: _environment(language) for language in LANGUAGES}
        self._common = {"title": settings.title, "domain": settings.domain}
        self._default = settings.languages[0]

    def language(self, request: Request) -> str:
        """The page's, as the browser wants it."""
        return choose(request.headers.get("accept-language", ""), self._default)

    def render(
        self, request: Request, name: str, status: int = 200, *, leads_to: str = "", script: bool = False, **values: Any
    ) -> Response:
        """The page; `leads_to` is where its form may end up, since browsers hold redirects to the policy as well."""
        language = self.language(request)
        template = self._templates[language].get_template(name)
        html = template.render(self._common, language=language, **values)
        policy = _POLICY.format(script=_SCRIPT if script else "")
        headers = {
            "content-security-policy": policy + " ".join(["'self'", *_source(leads_to)]),
            "vary": "Accept-Language",
        }
        return Response(html, status, headers, "text/html; charset=utf-8")


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway_service", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined] # of i18n
    return environment


def _source(address: str) -> list[str]:
    """The address's origin, or its scheme where it has none (an app's own), as the policy names it."""
    parts = urlsplit(address)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return [source] if _SOURCE.fullmatch(source) else []
