"""/mails/unsubscribe: what the links in digests lead to, for people and for mail programs (RFC 8058)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.params import Params, query_params
from gateway_service.routers.page_forms import CALL_SECONDS, PageForms
from gateway_service.routing import Routes
from rookery.notification.v1.preference_service_pb2 import UnsubscribeDigestRequest

PATH = "/mails/unsubscribe"
MAX_TOKEN_CHARS = 100


class Unsubscribing:
    """Needs nobody to be signed in: the token in the link says whose mails end."""

    def __init__(self, forms: PageForms) -> None:
        self._forms = forms
        routes, guarded = Routes("pages"), forms.guarded
        routes.get(PATH, guarded(self.show), "unsubscribe", "The page to get no more digests")
        routes.post(PATH, guarded(self.unsubscribe), "unsubscribe_digest", "Get no more digests by e-mail")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        # A click more, since programs that look into mails follow links.
        return self._forms.render(request, "unsubscribe.html", token=_token(query_params(request)))

    async def unsubscribe(self, request: Request) -> Response:
        """By the page's form, or by a mail program's own POST: it may come from anywhere, and names the token in the
        address."""
        await self._forms.read(request)
        call = UnsubscribeDigestRequest(token=_token(query_params(request)))
        notification = self._forms.clients.notification
        await notification.call("UnsubscribeDigest", call, timeout=CALL_SECONDS, idempotent=True)
        return self._forms.render(request, "done.html", what="unsubscribed")


def _token(params: Params) -> str:
    return params.text("token", MAX_TOKEN_CHARS) or ""
