"""/api/rookery/v1/media/uploads: files that clients put straight into the store, in parts, with breaks if they must."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.times import time_text
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, read_params
from gateway_service.routers.media import PROCESSING, media_response
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.uploads import MAX_NAME_CHARS
from rookery.post.v1.post_service_pb2 import MediaHeader
from rookery.post.v1.upload_service_pb2 import (
    AbortUploadRequest,
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
)
from rookery_common.auth import Identity
from rookery_common.errors import NotFound

PATH = "/api/rookery/v1/media/uploads"
SCOPE = "write:media"
CALL_SECONDS = 5.0
COMPLETE_SECONDS = 30.0
MAX_SIZE = 2**31 - 1


class PartUploads:
    """Says where the parts go, and makes media of them; post knows the limits."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("media")
        routes.post(PATH, self.create, "media_uploads_create", "Begin to upload a file in parts")
        routes.get(f"{PATH}/{{id}}", self.get, "media_uploads_get", "The parts of an upload that are missing")
        routes.post(f"{PATH}/{{id}}/complete", self.complete, "media_uploads_complete", "Make a file of its parts")
        routes.delete(f"{PATH}/{{id}}", self.abort, "media_uploads_abort", "Give up an upload in parts")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        key = idempotency_key(request)
        call = create_request(await read_params(request, self._settings.max_body_bytes), key)
        answer = await self._clients.post.call(
            "CreateUpload", call, timeout=CALL_SECONDS, idempotent=bool(key), identity=caller.identity
        )
        return json_response(_body(answer.upload))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        answer = await self._call("GetUpload", GetUploadRequest(upload_id=path_id(request)), caller.identity)
        return json_response(_body(answer.upload))

    async def complete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        call = CompleteUploadRequest(upload_id=path_id(request), accepts_pending=True)
        answer = await self._call("CompleteUpload", call, caller.identity, COMPLETE_SECONDS)
        return media_response(self._composer, answer.media, PROCESSING)

    async def abort(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        await self._call("AbortUpload", AbortUploadRequest(upload_id=path_id(request)), caller.identity)
        return json_response(b"{}")

    async def _call(self, method: str, call: Any, identity: Identity, seconds: float = CALL_SECONDS) -> Any:
        """About an upload that the address names: where it is not there, the address is not found."""
        try:
            return await self._clients.post.call(method, call, timeout=seconds, idempotent=True, identity=identity)
        except NotFound as error:
            raise NotFound(str(error)) from None


def create_request(params: Params, key: str) -> CreateUploadRequest:
    """What is to be uploaded, as far as its form can be wrong here."""
    size = params.integer("size", 1, MAX_SIZE)
    if size is None:
        raise invalid("size", "can't be blank", "ERR_BLANK")
    focus_x, focus_y = params.pair("focus", -1, 1) or (0.0, 0.0)
    header = MediaHeader(
        filename=params.text("name", MAX_NAME_CHARS) or "",
        content_type=params.text("type", MAX_NAME_CHARS) or "",
        description=params.text("description") or "",
        focus_x=focus_x,
        focus_y=focus_y,
        request_id=key,
    )
    return CreateUploadRequest(header=header, size=size)


def _body(upload: Upload) -> bytes:
    return orjson.dumps(
        {
            "id": str(upload.upload_id),
            "size": upload.size,
            "part_size": upload.part_size,
            "parts": [{"number": part.number, "size": part.size, "url": part.url} for part in upload.missing],
            "expires_at": time_text(upload.expire_time),
        }
    )
