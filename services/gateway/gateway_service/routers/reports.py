"""/api/v1/reports: what people report."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.reports import CATEGORIES, report
from rookery.moderation.v1.moderation_service_pb2 import CreateReportRequest, ReportCategory

CALL_SECONDS = 5.0
# One more than moderation takes, so that it is the one to refuse.
MAX_POSTS = 101
MAX_RULES = 100


class Reports:
    """Takes reports of accounts, with posts of theirs."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("reports")
        routes.post("/api/v1/reports", self.create, "reports_create", "Report an account")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:reports")
        params = await read_params(request, self._settings.max_body_bytes)
        call = create_request(params, idempotency_key(request))
        # Before anything is made: nobody is told to try again for what is reported already.
        target = await self._composer.account(caller.identity, call.target_account_id)
        answer = await self._clients.moderation.call(
            "CreateReport", call, timeout=CALL_SECONDS, idempotent=bool(call.request_id), identity=caller.identity
        )
        return json_response(report(answer.report, target))


def create_request(params: Params, request_id: str) -> CreateReportRequest:
    """Rules of the community that are named make it a violation, as Mastodon has it; which ones is not kept."""
    category = params.choice("category", CATEGORIES) or ReportCategory.REPORT_CATEGORY_OTHER
    if params.ids("rule_ids", MAX_RULES):
        category = ReportCategory.REPORT_CATEGORY_VIOLATION
    call = CreateReportRequest(
        request_id=request_id,
        target_account_id=params.id("account_id") or 0,
        post_ids=params.ids("status_ids", MAX_POSTS),
        comment=params.text("comment") or "",
        category=category,
    )
    if not call.target_account_id:
        raise invalid("account_id", "can't be blank", "ERR_BLANK")
    return call
