"""/auth/data: what one takes along to another server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.routers.page_forms import PageForms
from gateway_service.routing import Routes
from gateway_service.schemas.transfers import FORMS, Form, own_account, written
from rookery.post.v1.engagement_service_pb2 import ListBookmarksRequest
from rookery.post.v1.post_service_pb2 import PostQuery
from rookery.user.v1.profile_service_pb2 import GetProfileRequest
from rookery.user.v1.transfer_service_pb2 import ExportRowsRequest
from rookery.user.v1.user_service_pb2 import AccountQuery
from rookery_common.auth import Identity
from rookery_common.rpc.deadline import start_deadline

PAGE = "/auth/data"
CALL_SECONDS = 5.0
# A reader who is slower than this gets a file that is broken off, and no one's memory is held for longer.
FILE_SECONDS = 600.0
ROWS, BOOKMARKS = 500, 80
BOOKMARKS_FILE, ACCOUNT_FILE = "bookmarks.csv", "account.json"
Lines = AsyncIterator[bytes]


class Transfers:
    """Files for who has just proved who they are: a thief of a session is not to have all of it at once."""

    def __init__(self, clients: Clients, composer: Composer, forms: PageForms, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._forms = forms
        self._settings = settings
        routes, guarded = Routes("security"), forms.guarded
        routes.get(PAGE, guarded(self.show), "data", "What one can take along")
        routes.get(f"{PAGE}/{ACCOUNT_FILE}", guarded(self.account), "data_account", "One's account and preferences")
        routes.get(f"{PAGE}/{BOOKMARKS_FILE}", guarded(self.bookmarks), "data_bookmarks", "Addresses of bookmarks")
        routes.get(f"{PAGE}/{{file}}", guarded(self.file), "data_file", "Follows, blocks, mutes or lists, as CSV")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        await self._forms.browser.require(request)
        return self._forms.render(request, "data.html")

    async def file(self, request: Request) -> Response:
        name = request.path_params["file"]
        form = FORMS.get(name)
        if form is None:
            raise RecordNotFound
        owner = await self._owner(request)
        return await _streamed(name, self._rows(owner, form))

    async def bookmarks(self, request: Request) -> Response:
        owner = await self._owner(request)
        return await _streamed(BOOKMARKS_FILE, self._bookmarks(owner))

    async def account(self, request: Request) -> Response:
        security = await self._forms.elevated(request)
        owner = (await self._forms.browser.require(request)).identity
        profile = await self._clients.user.call(
            "GetProfile", GetProfileRequest(), timeout=CALL_SECONDS, idempotent=True, identity=owner
        )
        account = await self._composer.account(owner, owner.account_id)
        body = own_account(account, profile, owner, security.email)
        return Response(body, media_type="application/json", headers=_download(ACCOUNT_FILE))

    async def _owner(self, request: Request) -> Identity:
        """Who has just proved who they are. Raises NotSignedIn, ElevationRequired."""
        await self._forms.elevated(request)
        return (await self._forms.browser.require(request)).identity

    async def _rows(self, owner: Identity, form: Form) -> Lines:
        """The file, page by page."""
        head, call = [form.header] if form.header else [], ExportRowsRequest(kind=form.kind, page_size=ROWS)
        while True:
            answer = await self._clients.user.call(
                "ExportRows", call, timeout=CALL_SECONDS, idempotent=True, identity=owner
            )
            rows = (form.cells(row, f"{row.username}@{self._settings.domain}") for row in answer.rows)
            yield written([*head, *rows])
            if not answer.next_page_token:
                return
            head, call.page_token = [], answer.next_page_token

    async def _bookmarks(self, owner: Identity) -> Lines:
        """The addresses of posts that the owner may still see."""
        call = ListBookmarksRequest(page_size=BOOKMARKS)
        while True:
            answer = await self._clients.post.call(
                "ListBookmarks", call, timeout=CALL_SECONDS, idempotent=True, identity=owner
            )
            yield written(await self._addresses(owner, [each.post_id for each in answer.posts]))
            if not answer.reached_id:
                return
            call.max_id = answer.reached_id

    async def _addresses(self, owner: Identity, post_ids: Sequence[int]) -> list[tuple[str]]:
        if not post_ids:
            return []
        posts = await self._clients.batch_get_posts(owner, [PostQuery(post_id=each) for each in post_ids])
        authors = {post.author_id for post in posts}
        views = await self._clients.batch_get_accounts(owner, [AccountQuery(account_id=each) for each in authors])
        names = {view.account_id: view.account.username for view in views}
        found = {post.post_id: names[post.author_id] for post in posts if post.author_id in names}
        url = self._settings.public_url
        return [(f"{url}/users/{found[each]}/statuses/{each}",) for each in post_ids if each in found]


async def _streamed(name: str, lines: Lines) -> Response:
    """The file, of which the first page is there: what can be refused is refused before it begins."""
    first = await anext(lines)

    async def body() -> Lines:
        yield first
        start_deadline(FILE_SECONDS)
        async for page in lines:
            yield page

    return StreamingResponse(body(), media_type="text/csv; charset=utf-8", headers=_download(name))


def _download(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
