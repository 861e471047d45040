"""What a request says: JSON, urlencoded or multipart body and query as one tree, read by typed getters."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from starlette.requests import Request

from gateway_service.errors import BodyTooLarge, BodyTooSlow, UnsupportedContentType, invalid
from gateway_service.multipart import MultipartStream
from gateway_service.nesting import MAX_PAIRS, decode_pair, nest, parse_pairs
from rookery_common.errors import AppError, InvalidArgument
from rookery_common.ids import MAX_ID
from rookery_common.paging import Page
from rookery_common.rpc import within

MAX_JSON_DEPTH = 8
MAX_TEXT = 50_000
MAX_ITEMS = 100
BODY_SECONDS = 30.0
_TRUE = frozenset({"true", "1", "on", "t", "yes"})
_FALSE = frozenset({"false", "0", "off", "f", "no"})
T = TypeVar("T")


class Params:
    """A group of parameters. A getter gives None for what is absent, and raises InvalidArgument for what is wrong."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, limit: int = MAX_TEXT) -> str | None:
        value = self._values.get(name)
        return None if value is None else _text(value, self._named(name), limit)

    def required_text(self, name: str, limit: int = MAX_TEXT) -> str:
        value = self.text(name, limit)
        if not value:
            raise invalid(self._named(name), "can't be blank", "ERR_BLANK")
        return value

    def texts(self, name: str, limit: int = MAX_TEXT, items: int = MAX_ITEMS) -> list[str]:
        """A list; a single value is a list of one."""
        return [_text(value, self._named(name), limit) for value in self._list(name, items)]

    def flag(self, name: str) -> bool | None:
        value = self._scalar(name)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).lower()
        if word not in _TRUE and word not in _FALSE:
            raise invalid(self._named(name), "must be true or false")
        return word in _TRUE

    def integer(self, name: str, low: int, high: int) -> int | None:
        value = self._scalar(name)
        if value is None:
            return None
        number = _integer(value)
        if number is None or not low <= number <= high:
            raise invalid(self._named(name), f"must be a whole number from {low} to {high}")
        return number

    def id(self, name: str) -> int | None:
        value = self._scalar(name)
        return None if value is None else _id(value, self._named(name))

    def ids(self, name: str, items: int = MAX_ITEMS) -> list[int]:
        """A list of ids, each once; a single value is a list of one."""
        values = (_id(value, self._named(name)) for value in self._list(name, items))
        return list(dict.fromkeys(values))

    def integers(self, name: str, low: int, high: int, items: int) -> list[int]:
        """A list of whole numbers; a single value is a list of one."""
        numbers = [_integer(value) for value in self._list(name, items)]
        found = [number for number in numbers if number is not None and low <= number <= high]
        if len(found) < len(numbers):
            raise invalid(self._named(name), f"must be whole numbers from {low} to {high}")
        return found

    def choice(self, name: str, options: Mapping[str, T]) -> T | None:
        value = self.text(name)
        if not value:
            return None
        if value not in options:
            raise invalid(self._named(name), f"must be one of {', '.join(options)}", "ERR_INCLUSION")
        return options[value]

    def numbers(self, name: str, items: int = MAX_ITEMS) -> dict[str, float]:
        """Numbers by names: a nested group that nobody has named the members of beforehand."""
        group = self.group(name)
        if len(group._values) > items:
            raise invalid(self._named(name), f"has too many items (at most {items})", "ERR_TOO_MANY")
        found = {key: _float(value) for key, value in group._values.items()}
        for key, number in found.items():
            if not math.isfinite(number):
                raise group.invalid(key, "must be a number")
        return found

    def pair(self, name: str, low: float, high: float) -> tuple[float, float] | None:
        """Two numbers in one text, such as a picture's focus: `-0.5,0.25`."""
        value = self.text(name, 64)
        if not value:
            return None
        numbers = [_number(piece) for piece in value.split(",")]
        if len(numbers) != 2 or not all(low <= number <= high for number in numbers):
            raise invalid(self._named(name), f"must be two numbers from {low:g} to {high:g}, with a comma between")
        return numbers[0], numbers[1]

    def time(self, name: str) -> datetime | None:
        """A date or a time of ISO 8601; in UTC where it names no zone."""
        value = self.text(name, 64)
        if not value:
            return None
        try:
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid(self._named(name), "is not a date or a time of ISO 8601") from None

    def page(self, limit: int, most: int) -> Page:
        """The public API's page parameters: a limit beyond the most is cut down to it, as its clients expect."""
        asked = self.integer("limit", 1, 1_000_000)
        return Page(
            limit=min(asked or limit, most),
            max_id=self.id("max_id"),
            since_id=self.id("since_id"),
            min_id=self.id("min_id"),
        )

    def group(self, name: str) -> Params:
        """A nested group; an empty one where it is absent."""
        value = self._values.get(name)
        if value is None:
            return Params({}, self._named(name))
        if not isinstance(value, dict):
            raise invalid(self._named(name), "must be a group of parameters")
        return Params(value, self._named(name))

    def groups(self, name: str, items: int = MAX_ITEMS) -> list[Params]:
        """A list of groups, given as a list or by index."""
        return [_group(value, f"{self._named(name)}[{n}]") for n, value in enumerate(self._list(name, items))]

    def invalid(self, name: str, description: str, code: str = "ERR_INVALID") -> InvalidArgument:
        """What is wrong with one of them, by its whole name."""
        return invalid(self._named(name), description, code)

    def refuse_others(self, *names: str) -> None:
        """For our own routes, where a name that is not known is a mistake that should be heard of."""
        for name in self._values:
            if name not in names:
                raise invalid(self._named(name), "is not a parameter of this route", "ERR_UNKNOWN")

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _scalar(self, name: str) -> Any:
        value = self._values.get(name)
        return None if value == "" else value

    def _list(self, name: str, items: int) -> list[Any]:
        value = self._values.get(name)
        if value is None or value == "":
            return []
        if isinstance(value, dict):
            if not all(key.isascii() and key.isdigit() for key in value):
                raise invalid(self._named(name), "must be a list")
            value = [value[key] for key in sorted(value, key=int)]
        values = value if isinstance(value, list) else [value]
        if len(values) > items:
            raise invalid(self._named(name), f"has too many items (at most {items})", "ERR_TOO_MANY")
        return [item for item in values if item is not None and item != ""]


def query_params(request: Request) -> Params:
    """The query alone: for routes that read."""
    return checked(nest(parse_pairs(request.scope["query_string"])))


def checked(values: Mapping[str, Any]) -> Params:
    """Parameters that hold nothing that no field may hold."""
    _check_tree(values, 0, "")
    return Params(values)


async def read_params(request: Request, limit: int, *, query: bool = True) -> Params:
    """The body, over the query unless that is not wanted. Raises BodyTooLarge, UnsupportedContentType, or by field."""
    values: dict[str, Any] = {}
    if query:
        values.update(nest(parse_pairs(request.scope["query_string"])))
    values.update(await _read_body(request, limit))
    return checked(values)


async def body_chunks(
    request: Request, limit: int, refusal: AppError, seconds: float = BODY_SECONDS
) -> AsyncIterator[bytes]:
    """The body as it arrives, in no more than `seconds`. Raises the refusal where it has more than `limit` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise refusal
    size, ends = 0, asyncio.get_running_loop().time() + within(seconds)
    stream = request.stream()
    while True:
        try:
            # Around each wait, not around the loop: an upload's chunks are taken by another task than its fields.
            async with asyncio.timeout_at(ends):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlow("The request's body did not arrive in time") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise refusal
        if chunk:
            yield chunk


async def _read_body(request: Request, limit: int) -> Mapping[str, Any]:
    content_type = request.headers.get("content-type", "")
    if request.headers.get("content-length") == "0":
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    chunks = body_chunks(request, limit, BodyTooLarge(limit))
    if kind == "multipart/form-data":
        return nest(await _read_multipart(MultipartStream(chunks, content_type), limit))
    body = b"".join([chunk async for chunk in chunks])
    if not body:
        return {}
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return _read_json(body)
    if kind == "application/x-www-form-urlencoded":
        return nest(parse_pairs(body))
    raise UnsupportedContentType("The body must be JSON, application/x-www-form-urlencoded or multipart/form-data")


async def _read_multipart(stream: MultipartStream, limit: int) -> list[tuple[str, str]]:
    pairs = []
    while (part := await stream.next_part()) is not None:
        if part.filename is None:
            pairs.append(decode_pair(part.name.encode(), await stream.text(part, limit)))
    return pairs


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not _is_utf8(body):
            raise InvalidArgument("The body is not valid UTF-8") from None
        raise InvalidArgument(f"The body is not valid JSON: line {error.lineno}, column {error.colno}") from None
    if not isinstance(values, dict):
        raise InvalidArgument("The body must be a JSON object")
    return values


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_tree(node: Any, depth: int, path: str) -> None:
    """Refuses what no field may hold: NUL, which stores refuse late, and depth, which costs stack."""
    if isinstance(node, str):
        if "\0" in node:
            raise invalid(path, "contains a NUL character")
    elif isinstance(node, dict):
        if depth >= MAX_JSON_DEPTH or len(node) > MAX_PAIRS:
            raise invalid(path or "body", "is nested too deep or has too many parameters")
        for key, value in node.items():
            if "\0" in key:
                raise invalid(path or "body", "has a parameter name with a NUL character")
            _check_tree(value, depth + 1, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        if depth >= MAX_JSON_DEPTH:
            raise invalid(path, "is nested too deep")
        for value in node:
            _check_tree(value, depth + 1, path)


def _text(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str):
        raise invalid(name, "must be text")
    if len(value) > limit:
        raise invalid(name, f"is too long (at most {limit} characters)", "ERR_TOO_LONG")
    return value


def _group(value: Any, name: str) -> Params:
    if not isinstance(value, dict):
        raise invalid(name, "must be a group of parameters")
    return Params(value, name)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.lstrip("-").isdigit():
        return int(value) if value.count("-") <= 1 else None
    return None


def _id(value: Any, name: str) -> int:
    number = _integer(value)
    if number is None or not 0 <= number <= MAX_ID:
        raise invalid(name, "is not an id")
    return number


def _float(value: Any) -> float:
    """NaN for what is no number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return _number(value) if isinstance(value, str) and len(value) <= 64 else math.nan


def _number(piece: str) -> float:
    """NaN for what is no number: it fails every comparison."""
    try:
        return float(piece)
    except ValueError:
        return math.nan
