"""/api/v1/admin/reports and /api/rookery/v1/desk: what moderators do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.reports import STATES, admin_report, decision
from rookery.moderation.v1.moderation_service_pb2 import (
    AssignReportRequest,
    DecidePostRequest,
    GetReportRequest,
    ListReportsRequest,
    ReopenReportRequest,
    Report,
    ResolveReportRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
PAGE_REPORTS, MOST_REPORTS = 100, 200
# Of all reports of a page together; one report alone is always shown with all of its posts.
MOST_STATUSES = 1000
READ, WRITE = "admin:read:reports", "admin:write:reports"
ReportWrite = ResolveReportRequest | ReopenReportRequest | AssignReportRequest


class AdminReports:
    """Shows reports to moderators, and takes their decisions; moderation knows who is one."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("admin")
        base = "/api/v1/admin/reports"
        routes.get(base, self.get_many, "admin_reports_list", "Reports, newest first")
        routes.get(f"{base}/{{id}}", self.get, "admin_reports_get", "One report")
        routes.post(f"{base}/{{id}}/resolve", self.resolve, "admin_reports_resolve", "Close a report")
        routes.post(f"{base}/{{id}}/reopen", self.reopen, "admin_reports_reopen", "Open a closed report again")
        routes.post(f"{base}/{{id}}/assign_to_self", self.assign, "admin_reports_assign", "Take a report on")
        routes.post(f"{base}/{{id}}/unassign", self.unassign, "admin_reports_unassign", "Let a report go")
        routes.post("/api/rookery/v1/desk/decisions", self.decide, "desk_decide", "Decide on a post")
        self.router = routes.router

    async def get_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        call = list_request(query_params(request))
        answer = await self._call("ListReports", call, caller.identity)
        reports: Sequence[Report] = answer.reports
        link = {}
        if reports:
            url = self._settings.public_url
            link = link_header(url, request, older=reports[-1].report_id, newer=reports[0].report_id)
        known = await self._known(caller.identity, reports)
        return json_array([admin_report(report, *known) for report in reports], link)

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        report = (await self._call("GetReport", GetReportRequest(report_id=path_id(request)), caller.identity)).report
        return json_response(admin_report(report, *await self._known(caller.identity, [report])))

    async def resolve(self, request: Request) -> Response:
        return await self._change(request, "ResolveReport", ResolveReportRequest(report_id=path_id(request)))

    async def reopen(self, request: Request) -> Response:
        return await self._change(request, "ReopenReport", ReopenReportRequest(report_id=path_id(request)))

    async def assign(self, request: Request) -> Response:
        call = AssignReportRequest(report_id=path_id(request), assigned=True)
        return await self._change(request, "AssignReport", call)

    async def unassign(self, request: Request) -> Response:
        return await self._change(request, "AssignReport", AssignReportRequest(report_id=path_id(request)))

    async def decide(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        params.refuse_others("post_id", "state")
        answer = await self._call("DecidePost", decide_request(params), caller.identity)
        return json_response(decision(answer.decision))

    async def _change(self, request: Request, method: str, call: ReportWrite) -> Response:
        """What shows the report is known before it changes: nobody is told to try again for what is done."""
        caller = await self._exchange.require_user(request, WRITE)
        before = await self._call("GetReport", GetReportRequest(report_id=call.report_id), caller.identity)
        known = await self._known(caller.identity, [before.report], caller.identity.account_id)
        answer = await self._call(method, call, caller.identity)
        return json_response(admin_report(answer.report, *known))

    async def _call(self, method: str, call: Any, identity: Identity) -> Any:
        # All of these may be repeated: the same decision or resolution again changes nothing.
        return await self._clients.moderation.call(
            method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity
        )

    async def _known(
        self, viewer: Identity, reports: Sequence[Report], *more_ids: int
    ) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """By id: the accounts that they name, and some more; those of their posts that the moderator may see now."""
        named_ids = (
            account_id
            for report in reports
            for account_id in (report.account_id, report.target_account_id, report.assignee_id, report.resolver_id)
        )
        account_ids = {account_id for account_id in (*named_ids, *more_ids) if account_id}
        post_ids = dict.fromkeys(islice(chain.from_iterable(report.post_ids for report in reports), MOST_STATUSES))
        accounts, statuses = await asyncio.gather(
            self._composer.accounts_by_id(viewer, sorted(account_ids)), self._composer.statuses(viewer, [*post_ids])
        )
        return {0: self._composer.community(), **accounts}, _by_id(statuses)


def list_request(params: Params) -> ListReportsRequest:
    """Open reports, unless resolved ones are asked for."""
    page = params.page(PAGE_REPORTS, MOST_REPORTS)
    return ListReportsRequest(
        resolved=params.flag("resolved") or False,
        account_id=params.id("account_id") or 0,
        target_account_id=params.id("target_account_id") or 0,
        limit=page.limit,
        max_id=page.max_id or 0,
        since_id=page.since_id or 0,
        min_id=page.min_id or 0,
    )


def decide_request(params: Params) -> DecidePostRequest:
    """Both are needed."""
    post_id, state = params.id("post_id"), params.choice("state", STATES)
    if not post_id:
        raise invalid("post_id", "can't be blank", "ERR_BLANK")
    if state is None:
        raise invalid("state", "can't be blank", "ERR_BLANK")
    return DecidePostRequest(post_id=post_id, state=state)


def _by_id(entities: Iterable[bytes]) -> dict[int, bytes]:
    return {int(orjson.loads(entity)["id"]): entity for entity in entities}
