"""/api/rookery/v1/imports: what one brings from another server, and how it is getting on."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import KIB, Settings
from gateway_service.downloads import Lines, download
from gateway_service.errors import JSON, BodyTooLarge, invalid
from gateway_service.multipart import MultipartStream
from gateway_service.nesting import decode_pair, nest
from gateway_service.params import Params, body_chunks, checked, query_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas.imports import MODES, TYPES, failure_cells, imports, one_import, parsed
from gateway_service.schemas.transfers import written
from gateway_service.uploads import FORM_BYTES, MAX_FIELD_BYTES
from rookery.user.v1.transfer_service_pb2 import (
    CreateImportRequest,
    GetImportRequest,
    Import,
    ImportMode,
    ListFailedRowsRequest,
    ListFailedRowsResponse,
    ListImportsRequest,
    ListImportsResponse,
)
from rookery_common.auth import Identity

PATH = "/api/rookery/v1/imports"
MAX_FILE_BYTES = 5 * 1024 * KIB
CALL_SECONDS, WRITE_SECONDS = 5.0, 20.0
SHOWN_FAILURES, FAILURES = 100, 500
WRITES = (
    "write:follows",
    "write:blocks",
    "write:mutes",
    "write:lists",
    "write:bookmarks",
)  # one of them, as the type needs
READS = ("read:follows", "read:blocks", "read:mutes", "read:lists", "read:bookmarks")


class ImportForms:
    """Reads forms with a file, and asks user for what they say: for the API, and for the page."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings

    async def read(self, request: Request) -> tuple[Params, bytes]:
        """The fields, and the file named `data`. Raises InvalidArgument, BodyTooLarge, UnsupportedContentType."""
        chunks = body_chunks(
            request,
            MAX_FILE_BYTES + FORM_BYTES,
            BodyTooLarge(MAX_FILE_BYTES),
            self._settings.upload_seconds,
        )
        stream = MultipartStream(chunks, request.headers.get("content-type", ""))
        pairs, data = [], b""
        while (part := await stream.next_part()) is not None:
            if part.name == "data":
                data = await stream.text(part, MAX_FILE_BYTES)
            elif part.filename is None:
                pairs.append(decode_pair(part.name.encode(), await stream.text(part, MAX_FIELD_BYTES)))
        return checked(nest(pairs)), data

    async def create(self, owner: Identity, params: Params, data: bytes, key: str) -> Import:
        """The import that the form asks for. Raises InvalidArgument by field, and what user refuses."""
        kind = params.choice("type", TYPES)
        if kind is None:
            raise invalid("type", "can't be blank", "ERR_BLANK")
        mode = params.choice("mode", MODES) or ImportMode.IMPORT_MODE_MERGE
        # Not here: the largest takes longer than others should wait.
        rows = await asyncio.to_thread(parsed, kind, data, self._settings.domain)
        call = CreateImportRequest(kind=kind, mode=mode, rows=rows, request_id=key)
        answer = await self._clients.user.call(
            "CreateImport", call, timeout=WRITE_SECONDS, idempotent=bool(key), identity=owner
        )
        made: Import = answer.progress
        return made

    async def newest(self, owner: Identity) -> ListImportsResponse:
        """Those that are remembered, the newest first."""
        answer: ListImportsResponse = await self._clients.user.call(
            "ListImports", ListImportsRequest(), timeout=CALL_SECONDS, idempotent=True, identity=owner
        )
        return answer

    async def get(self, owner: Identity, import_id: int) -> Import:
        """One of them. Raises NotFound."""
        answer = await self._clients.user.call(
            "GetImport", GetImportRequest(import_id=import_id), timeout=CALL_SECONDS, idempotent=True, identity=owner
        )
        found: Import = answer.progress
        return found

    async def failures(self, owner: Identity, call: ListFailedRowsRequest) -> ListFailedRowsResponse:
        """A page of what could not be done. Raises NotFound."""
        answer: ListFailedRowsResponse = await self._clients.user.call(
            "ListFailedRows", call, timeout=CALL_SECONDS, idempotent=True, identity=owner
        )
        return answer

    async def failures_file(self, owner: Identity, import_id: int) -> Response:
        """All of that, as a file for people."""
        call = ListFailedRowsRequest(import_id=import_id, page_size=FAILURES)
        return await download(f"failures-{import_id}.csv", self._failure_lines(owner, call))

    async def _failure_lines(self, owner: Identity, call: ListFailedRowsRequest) -> Lines:
        while True:
            page = await self.failures(owner, call)
            yield written(map(failure_cells, page.rows))
            if not page.more:
                return
            call.after_line = page.rows[-1].row.line


class Imports:
    """Takes files in, and tells of them."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings) -> None:
        self._exchange = exchange
        self._forms = ImportForms(clients, settings)
        routes = Routes("account")
        routes.get(PATH, self.list, "imports_list", "The caller's latest imports, the newest first")
        routes.post(PATH, self.create, "imports_create", "Bring follows, blocks, mutes, lists or bookmarks as CSV")
        routes.get(f"{PATH}/{{id}}", self.get, "imports_get", "How an import is getting on")
        routes.get(f"{PATH}/{{id}}/failures", self.failures, "imports_failures", "What could not be done, as CSV")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller, key = await self._exchange.require_user(request, *WRITES), idempotency_key(request)
        query_params(request).refuse_others()
        params, data = await self._forms.read(request)
        params.refuse_others("type", "mode")
        made = await self._forms.create(caller.identity, params, data, key)
        return Response(one_import(made), 202, {"Location": f"{PATH}/{made.import_id}"}, JSON)

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, *READS)
        query_params(request).refuse_others()
        return json_response(imports((await self._forms.newest(caller.identity)).imports))

    async def get(self, request: Request) -> Response:
        caller, import_id = await self._exchange.require_user(request, *READS), path_id(request)
        query_params(request).refuse_others()
        found = await self._forms.get(caller.identity, import_id)
        call = ListFailedRowsRequest(import_id=import_id, page_size=SHOWN_FAILURES)
        failures = (await self._forms.failures(caller.identity, call)).rows if found.failed else ()
        return json_response(one_import(found, failures))

    async def failures(self, request: Request) -> Response:
        caller, import_id = await self._exchange.require_user(request, *READS), path_id(request)
        query_params(request).refuse_others()
        return await self._forms.failures_file(caller.identity, import_id)
