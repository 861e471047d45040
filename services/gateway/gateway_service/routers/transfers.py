"""/auth/data: what one takes along to another server, and brings from one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.downloads import Lines, attachment, download
from gateway_service.errors import RecordNotFound
from gateway_service.routers.imports import ImportForms
from gateway_service.routers.page_forms import PageForms, redirect
from gateway_service.routing import Routes, path_id
from gateway_service.schemas.transfers import FORMS, Form, own_account, written
from gateway_service.translations import mark
from rookery.post.v1.engagement_service_pb2 import ListBookmarksRequest
from rookery.user.v1.profile_service_pb2 import GetProfileRequest
from rookery.user.v1.transfer_service_pb2 import ExportRowsRequest, TransferKind
from rookery_common.auth import Identity
from rookery_common.errors import AppError, FailedPrecondition, InvalidArgument

PAGE = "/auth/data"
CALL_SECONDS = 5.0
ROWS, BOOKMARKS = 500, 80
TITLES = {
    TransferKind.TRANSFER_KIND_FOLLOWS: mark("Whom you follow"),
    TransferKind.TRANSFER_KIND_LISTS: mark("Your lists"),
    TransferKind.TRANSFER_KIND_MUTES: mark("Whom you mute"),
    TransferKind.TRANSFER_KIND_BLOCKS: mark("Whom you block"),
    TransferKind.TRANSFER_KIND_BOOKMARKS: mark("Your bookmarks"),
}
BOOKMARKS_FILE, ACCOUNT_FILE = "bookmarks.csv", "account.json"


class Transfers:
    """Files for who has just proved who they are: a thief of a session is not to have all of it at once."""

    def __init__(self, clients: Clients, composer: Composer, forms: PageForms, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._forms = forms
        self._settings = settings
        self._imports = ImportForms(clients, settings)
        routes, guarded = Routes("security"), forms.guarded
        routes.get(PAGE, guarded(self.show), "data", "What one can take along")
        routes.get(f"{PAGE}/{ACCOUNT_FILE}", guarded(self.account), "data_account", "One's account and preferences")
        routes.get(f"{PAGE}/{BOOKMARKS_FILE}", guarded(self.bookmarks), "data_bookmarks", "Addresses of bookmarks")
        routes.post(f"{PAGE}/imports", guarded(self.bring), "data_import", "Bring a file")
        routes.get(
            f"{PAGE}/imports/{{id}}/failures", guarded(self.failures), "data_import_failures", "What could not be done"
        )
        routes.get(f"{PAGE}/{{file}}", guarded(self.file), "data_file", "Follows, blocks, mutes or lists, as CSV")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def bring(self, request: Request) -> Response:
        owner = (await self._forms.browser.require(request)).identity
        params, data = await self._imports.read(request)
        self._forms.browser.check_form(request, params)
        try:
            await self._imports.create(owner, params, data, "")
        except (InvalidArgument, FailedPrecondition) as error:
            return await self._page(request, error)
        return redirect(PAGE)

    async def failures(self, request: Request) -> Response:
        owner = (await self._forms.browser.require(request)).identity
        return await self._imports.failures_file(owner, path_id(request))

    async def _page(self, request: Request, error: AppError | None = None) -> Response:
        owner = (await self._forms.browser.require(request)).identity
        imports = (await self._imports.newest(owner)).imports
        # What is wrong with a file is said with its line, which no catalogue knows.
        detail = "; ".join(each.description for each in error.fields if each.field == "data") if error else ""
        return self._forms.render(request, "data.html", error, imports=imports, titles=TITLES, detail=detail)

    async def file(self, request: Request) -> Response:
        name = request.path_params["file"]
        form = FORMS.get(name)
        if form is None:
            raise RecordNotFound
        owner = await self._owner(request)
        return await download(name, self._rows(owner, form))

    async def bookmarks(self, request: Request) -> Response:
        owner = await self._owner(request)
        return await download(BOOKMARKS_FILE, self._bookmarks(owner))

    async def account(self, request: Request) -> Response:
        security = await self._forms.elevated(request)
        owner = (await self._forms.browser.require(request)).identity
        profile = await self._clients.user.call(
            "GetProfile", GetProfileRequest(), timeout=CALL_SECONDS, idempotent=True, identity=owner
        )
        account = await self._composer.account(owner, owner.account_id)
        body = own_account(account, profile, owner, security.email)
        return Response(body, media_type="application/json", headers=attachment(ACCOUNT_FILE))

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
        posts = (await self._clients.batch_get_posts(owner, dict.fromkeys(post_ids, 0))).posts
        authors = {post.author_id for post in posts}
        views = await self._clients.batch_get_accounts(owner, dict.fromkeys(authors, 0))
        names = {view.account_id: view.account.username for view in views}
        found = {post.post_id: names[post.author_id] for post in posts if post.author_id in names}
        url = self._settings.public_url
        return [(f"{url}/users/{found[each]}/statuses/{each}",) for each in post_ids if each in found]
