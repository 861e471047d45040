"""/auth/delete: the end of one's account."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.routers.page_forms import PageForms
from gateway_service.routing import Routes
from rookery.user.v1.deletion_service_pb2 import DeleteAccountRequest
from rookery_common.errors import InvalidArgument

PAGE = "/auth/delete"
# The account's end waits for that of its sessions.
CALL_SECONDS = 8.0
MAX_USERNAME_CHARS = 100


class DeletionPage:
    """For who has just proved who they are, and types whose account it is: neither a slip nor a thief deletes one."""

    def __init__(self, forms: PageForms) -> None:
        self._forms = forms
        routes = Routes("security")
        routes.get(PAGE, forms.guarded(self.show), "deletion", "The page about deleting one's account")
        routes.post(PAGE, forms.guarded(self.delete), "deletion_confirm", "Delete one's account for good")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        security = await self._forms.elevated(request)
        return self._forms.render(request, "delete.html", username=security.username)

    async def delete(self, request: Request) -> Response:
        params = await self._forms.form(request)
        security = await self._forms.elevated(request)
        owner = (await self._forms.browser.require(request)).identity
        call = DeleteAccountRequest(username=params.text("username", MAX_USERNAME_CHARS) or "")
        try:
            await self._forms.clients.user.call(
                "DeleteAccount", call, timeout=CALL_SECONDS, idempotent=True, identity=owner
            )
        except InvalidArgument as error:
            return self._forms.render(request, "delete.html", error, username=security.username)
        response = self._forms.render(request, "done.html", what="deleted")
        self._forms.browser.forget(request, response)
        return response
