"""What a browser finds: the front page, its style, and the pictures of accounts that have none."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.config import Settings
from gateway_service.errors import RouteNotFound
from gateway_service.fixed import Fixed
from gateway_service.pages import Pages
from gateway_service.routing import Routes

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "png": "image/png"}
_ANYWHERE = {"access-control-allow-origin": "*"}
CACHED_SECONDS = 86_400
# Where clients that know Mastodon expect them.
_DEFAULT_PICTURES = {
    "/avatars/original/missing.png": "avatar.png",
    "/headers/original/missing.png": "header.png",
    "/favicon.ico": "avatar.png",
}


class FrontPages:
    """Serves the files of this package, read once."""

    def __init__(self, pages: Pages, settings: Settings) -> None:
        self._pages = pages
        self._settings = settings
        folder = files("gateway_service") / "static"
        self._assets = {entry.name: _fixed(entry.name, entry.read_bytes()) for entry in folder.iterdir()}
        routes = Routes("pages")
        routes.get("/", self.home, "pages_home", "What this is")
        routes.get("/assets/{name}", self.asset, "pages_asset", "A file of the pages")
        for path in _DEFAULT_PICTURES:
            routes.get(path, self.picture, f"pages{path}".replace("/", "_").replace(".", "_"), "A default picture")
        self.router = routes.router

    async def home(self, request: Request) -> Response:
        return self._pages.render(
            request, "home.html", description=self._settings.description, rules=self._settings.rules
        )

    async def asset(self, request: Request) -> Response:
        return await self._file(request, request.path_params["name"])

    async def picture(self, request: Request) -> Response:
        return await self._file(request, _DEFAULT_PICTURES[request.scope["path"]])

    async def _file(self, request: Request, name: str) -> Response:
        file = self._assets.get(name)
        if file is None:
            raise RouteNotFound("Not found")
        return await file(request)


def _fixed(name: str, body: bytes) -> Fixed:
    return Fixed(body, _TYPES[name.rpartition(".")[2]], seconds=CACHED_SECONDS, headers=_ANYWHERE)
