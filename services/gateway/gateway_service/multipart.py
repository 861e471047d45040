"""multipart/form-data as a stream: one part after another, its bytes as they arrive, nothing held as a whole."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway_service.errors import UnsupportedContentType, invalid
from rookery_common.errors import InvalidArgument

MAX_PARTS = 500
MAX_NAME_BYTES = 200
MAX_BOUNDARY_BYTES = 200


@dataclass(frozen=True, slots=True)
class Part:
    """What a part's headers say; `filename` is None where it is no file."""

    name: str
    filename: str | None
    content_type: str


class MultipartStream:
    """Reads one body. Every failure of form is an InvalidArgument that says where."""

    def __init__(self, chunks: AsyncIterator[bytes], content_type: str) -> None:
        self._chunks = chunks
        self._events: deque[Part | bytes] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._field = b""
        self._value = b""
        self._parts = 0
        self._complete = False
        self._parser = MultipartParser(
            _boundary(content_type),
            callbacks={
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    async def next_part(self) -> Part | None:
        """The next part, after what is left of the current one; None at the end."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Part):
                    return event
            if not await self._fill():
                return None

    async def data(self) -> AsyncIterator[bytes]:
        """The current part's bytes, as they arrive."""
        while True:
            while self._events:
                if isinstance(self._events[0], Part):
                    return
                event = self._events.popleft()
                if isinstance(event, bytes):
                    yield event
            if not await self._fill():
                return

    async def text(self, part: Part, limit: int) -> bytes:
        """The current part's bytes, of which there may be `limit`."""
        pieces, size = [], 0
        async for piece in self.data():
            size += len(piece)
            if size > limit:
                raise invalid(part.name, f"is too long (at most {limit} bytes)", "ERR_TOO_LONG")
            pieces.append(piece)
        return b"".join(pieces)

    async def _fill(self) -> bool:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if not self._complete:
                raise InvalidArgument("The multipart body ends before its last boundary") from None
            return False
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise InvalidArgument("The multipart body is malformed") from None
        return True

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidArgument(f"The multipart body has more than {MAX_PARTS} parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        self._events.append(_part(self._headers))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(bytes(data[start:end]))

    def _on_end(self) -> None:
        self._complete = True


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
        raise UnsupportedContentType("multipart/form-data needs a boundary")
    return boundary


def _part(headers: dict[bytes, bytes]) -> Part:
    disposition, options = parse_options_header(headers.get(b"content-disposition", b""))
    name = options.get(b"name")
    if disposition != b"form-data" or not name:
        raise InvalidArgument("A part of the multipart body has no name")
    if len(name) > MAX_NAME_BYTES:
        raise InvalidArgument("A part of the multipart body has too long a name")
    filename = options.get(b"filename")
    return Part(
        name=_decode(name, "name"),
        filename=None if filename is None else filename.decode("utf-8", "replace"),
        content_type=headers.get(b"content-type", b"").decode("latin-1"),
    )


def _decode(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidArgument(f"A part's {what} is not valid UTF-8") from None
