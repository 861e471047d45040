"""/api/v1/media and /api/v2/media: uploads go through to the post service as they arrive."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import JSON, FileTooLarge, UnsupportedContentType, invalid
from gateway_service.multipart import MultipartStream, Part
from gateway_service.nesting import decode_pair
from gateway_service.params import Params, body_chunks, checked, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.uploads import FORM_BYTES, MAX_FIELD_BYTES, MAX_NAME_CHARS, send_file
from rookery.post.v1.media_pb2 import Media as MediaMessage
from rookery.post.v1.media_pb2 import MediaState
from rookery.post.v1.post_service_pb2 import DeleteMediaRequest, GetMediaRequest, MediaHeader, UpdateMediaRequest
from rookery_common.auth import Identity, with_identity
from rookery_common.errors import NotFound

CALL_SECONDS = 5.0
PROCESSING, PARTIAL = 202, 206
"""What Mastodon answers for a file that is being processed: to its upload, and to whoever asks for it."""


class Upload:
    """One form with a file in it: the fields before the file, its chunks, the fields after it."""

    def __init__(self, request: Request, limit: int, seconds: float) -> None:
        content_type = request.headers.get("content-type", "")
        if not content_type.lower().startswith("multipart/form-data"):
            raise UnsupportedContentType("An upload must be multipart/form-data")
        chunks = body_chunks(request, limit + FORM_BYTES, FileTooLarge(limit), seconds)
        self.stream = MultipartStream(chunks, content_type)
        self.fields: dict[str, str] = {}

    async def find_file(self) -> Part:
        """The file's part, after the fields that stand before it."""
        part = await self._read_fields()
        if part is None:
            raise invalid("file", "can't be blank", "ERR_BLANK")
        return part

    async def rest(self) -> None:
        """Reads the fields that stand after the file."""
        while await self._read_fields() is not None:
            pass

    async def _read_fields(self) -> Part | None:
        while (part := await self.stream.next_part()) is not None:
            if part.filename is not None and part.name == "file":
                return part
            if part.filename is None:
                name, value = decode_pair(part.name.encode(), await self.stream.text(part, MAX_FIELD_BYTES))
                self.fields[name] = value
        return None


class Media:
    """Takes files, and describes them."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        self._limit = max(settings.max_upload_bytes, settings.max_video_bytes)
        routes = Routes("media")
        routes.post("/api/v2/media", self.create, "media_create", "Upload a file")
        routes.post("/api/v1/media", self.create_v1, "media_create_v1", "Upload a file (older clients)")
        routes.get("/api/v1/media/{id}", self.get, "media_get", "One of the caller's files")
        routes.put("/api/v1/media/{id}", self.update, "media_update", "Describe a file before it is posted")
        routes.delete("/api/v1/media/{id}", self.delete, "media_delete", "Delete a file that no status has")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        """What takes long is processed after the answer, which is 202 then."""
        message = await self._create(request, accepts_pending=True)
        return media_response(self._composer, message, PROCESSING)

    async def create_v1(self, request: Request) -> Response:
        """All is processed before the answer."""
        return json_response(self._composer.media(await self._create(request, accepts_pending=False)))

    async def _create(self, request: Request, *, accepts_pending: bool) -> MediaMessage:
        caller = await self._exchange.require_user(request, "write:media")
        key = idempotency_key(request)
        upload = Upload(request, self._limit, self._settings.upload_seconds)
        part = await upload.find_file()
        before = checked(dict(upload.fields))
        with with_identity(caller.identity):
            header = header_of(part, before, key)
            header.accepts_pending = accepts_pending
            message = await self._send(upload, header)
            await upload.rest()
            after = checked({name: value for name, value in upload.fields.items() if name not in before})
            call = update_request(message.media_id, after)
            if changes(message, call):
                # Some clients send the file first. It has begun to be stored before these were known.
                message = await self._update(call)
        return message

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:media")
        answer = await self._call("GetMedia", GetMediaRequest(media_id=path_id(request)), caller.identity)
        return media_response(self._composer, answer.media, PARTIAL)

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:media")
        params = await read_params(request, self._settings.max_body_bytes)
        answer = await self._call("UpdateMedia", update_request(path_id(request), params), caller.identity)
        return media_response(self._composer, answer.media, PARTIAL)

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:media")
        await self._call("DeleteMedia", DeleteMediaRequest(media_id=path_id(request)), caller.identity)
        return json_response(b"{}")

    async def _send(self, upload: Upload, header: MediaHeader) -> MediaMessage:
        return await send_file(self._clients.post, upload.stream, header, self._limit, self._settings.upload_seconds)

    async def _call(self, method: str, call: Any, identity: Identity) -> Any:
        """About a file that the address names: where it is not there, the address is not found."""
        try:
            return await self._clients.post.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity)
        except NotFound as error:
            raise NotFound(str(error)) from None

    async def _update(self, call: UpdateMediaRequest) -> MediaMessage:
        answer = await self._clients.post.call("UpdateMedia", call, timeout=CALL_SECONDS, idempotent=True)
        media: MediaMessage = answer.media
        return media


def media_response(composer: Composer, media: MediaMessage, unfinished: int) -> Response:
    """A file, with another status than 200 while it is processed: then it has no address."""
    is_done = media.state == MediaState.MEDIA_STATE_UNSPECIFIED
    return Response(composer.media(media), 200 if is_done else unfinished, None, JSON)


def header_of(part: Part, params: Params, key: str) -> MediaHeader:
    """What is known of a file before its first byte."""
    focus_x, focus_y = params.pair("focus", -1, 1) or (0.0, 0.0)
    return MediaHeader(
        filename=(part.filename or "")[:MAX_NAME_CHARS],
        content_type=part.content_type[:MAX_NAME_CHARS],
        description=params.text("description") or "",
        focus_x=focus_x,
        focus_y=focus_y,
        request_id=key,
    )


def changes(media: MediaMessage, call: UpdateMediaRequest) -> bool:
    """Whether anything would be another; nothing is, where the same upload comes again."""
    described = call.HasField("description") and call.description != media.description
    focus = (call.focus_x, call.focus_y)
    return described or (call.HasField("focus_x") and focus != (media.focus_x, media.focus_y))


def update_request(media_id: int, params: Params) -> UpdateMediaRequest:
    """What is not named stays as it is."""
    call = UpdateMediaRequest(media_id=media_id)
    description, focus = params.text("description"), params.pair("focus", -1, 1)
    if description is not None:
        call.description = description
    if focus is not None:
        call.focus_x, call.focus_y = focus
    return call
