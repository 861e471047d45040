"""Rails' way of nesting in flat forms: `media_ids[]`, `poll[options][]`, `fields_attributes[0][name]`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from gateway_service.errors import invalid
from rookery_common.errors import InvalidArgument

MAX_PAIRS = 1000
MAX_KEY_CHARS = 200
MAX_DEPTH = 6

_TWO_SHAPES = "is given in two shapes"
Tree = dict[str, "Node"]
Node = str | list["Node"] | Tree


def parse_pairs(body: bytes) -> list[tuple[str, str]]:
    """Decodes application/x-www-form-urlencoded strictly: what is not UTF-8 is refused by the name of its field."""
    if not body:
        return []
    pieces = body.split(b"&")
    if len(pieces) > MAX_PAIRS:
        raise InvalidArgument(f"There are more than {MAX_PAIRS} parameters")
    return [_decode_pair(piece) for piece in pieces if piece]


def _decode_pair(piece: bytes) -> tuple[str, str]:
    key, _, value = piece.replace(b"+", b" ").partition(b"=")
    return decode_pair(unquote_to_bytes(key), unquote_to_bytes(value))


def decode_pair(key: bytes, value: bytes) -> tuple[str, str]:
    """A parameter's name and value as text. Raises InvalidArgument by the field's name."""
    try:
        name = key.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("A parameter's name is not valid UTF-8") from None
    try:
        return name, value.decode()
    except UnicodeDecodeError:
        raise invalid(name.partition("[")[0] or name, "is not valid UTF-8") from None


def nest(pairs: Iterable[tuple[str, str]]) -> Tree:
    """The tree that the names spell. A name given twice keeps its last value; one of two shapes is refused."""
    root: Tree = {}
    for key, value in pairs:
        path = _split(key)
        _put(root, path, value, path[0])
    return root


def _split(key: str) -> list[str]:
    if len(key) > MAX_KEY_CHARS:
        raise InvalidArgument(f"A parameter's name is longer than {MAX_KEY_CHARS} characters")
    name, bracket, rest = key.partition("[")
    if not bracket or not name or not rest.endswith("]"):
        return [key]
    path = [name, *rest[:-1].split("][")]
    if len(path) > MAX_DEPTH:
        raise invalid(name, f"is nested deeper than {MAX_DEPTH} levels")
    return path


def _put(node: Tree, path: Sequence[str], value: str, field: str) -> None:
    name, rest = path[0], path[1:]
    if not rest:
        if isinstance(node.get(name), list | dict):
            raise invalid(field, _TWO_SHAPES)
        node[name] = value
    elif rest[0] == "":
        items = node.setdefault(name, [])
        if not isinstance(items, list):
            raise invalid(field, _TWO_SHAPES)
        _append(items, rest[1:], value, field)
    else:
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise invalid(field, _TWO_SHAPES)
        _put(child, rest, value, field)


def _append(items: list[Node], path: Sequence[str], value: str, field: str) -> None:
    if not path:
        items.append(value)
        return
    if path[0] == "":
        raise invalid(field, "is a list of lists")
    last = items[-1] if items else None
    # A list of groups: the next one begins when a name repeats.
    if not isinstance(last, dict) or _has(last, path):
        last = {}
        items.append(last)
    _put(last, path, value, field)


def _has(node: Node, path: Sequence[str]) -> bool:
    for name in path:
        if name == "" or not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True
