"""What an account brings from another server: Mastodon's CSV files, read; and how an import is getting on."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from gateway_service.errors import invalid
from gateway_service.schemas.transfers import unguarded
from rookery.user.v1.transfer_service_pb2 import FailedRow, Import, ImportMode, ImportRow, TransferKind, TransferRow
from rookery_common.errors import InvalidArgument
from rookery_common.ids import MAX_ID

MAX_ROWS: Final = 20_000
MAX_CELL_CHARS: Final = 1_000
# As Mastodon names them.
TYPES: Mapping[str, TransferKind.ValueType] = {
    "following": TransferKind.TRANSFER_KIND_FOLLOWS,
    "blocking": TransferKind.TRANSFER_KIND_BLOCKS,
    "muting": TransferKind.TRANSFER_KIND_MUTES,
    "lists": TransferKind.TRANSFER_KIND_LISTS,
    "bookmarks": TransferKind.TRANSFER_KIND_BOOKMARKS,
}
MODES: Mapping[str, ImportMode.ValueType] = {
    "merge": ImportMode.IMPORT_MODE_MERGE,
    "overwrite": ImportMode.IMPORT_MODE_OVERWRITE,
}
_TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
_MODE_NAMES = {mode: name for name, mode in MODES.items()}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
# The files of lists and bookmarks have none.
_ADDRESS, _POST = "account address", "post address"
_STATUS = re.compile(r"/(?:users/[^/]+/statuses|@[^/]+)/([1-9][0-9]{0,18})", re.ASCII)
_COLUMNS: Mapping[TransferKind.ValueType, Sequence[str]] = {
    TransferKind.TRANSFER_KIND_FOLLOWS: (_ADDRESS, "show boosts", "notify on new posts", "languages"),
    TransferKind.TRANSFER_KIND_BLOCKS: (_ADDRESS,),
    TransferKind.TRANSFER_KIND_MUTES: (_ADDRESS, "hide notifications"),
    TransferKind.TRANSFER_KIND_LISTS: ("list name", _ADDRESS),
    TransferKind.TRANSFER_KIND_BOOKMARKS: (_POST,),
}
# By user's reason, what people are told of a line.
REASONS: Mapping[str, str] = {
    "ACCOUNT_NOT_FOUND": "There is no such account here",
    "CANNOT_RELATE_TO_ONESELF": "This is your own account",
    "FOLLOW_NOT_ALLOWED": "This account cannot be followed",
    "MEMBER_NOT_FOLLOWED": "Only those whom you follow can be on a list; a request to follow may be waiting",
    "LIST_FULL": "The list is full",
    "TOO_MANY_LISTS": "You have as many lists as there can be",
    "POST_NOT_FOUND": "There is no such post here, or you may not see it",
    "FIELD_INVALID": "Something on this line is not valid",
}


def parsed(kind: TransferKind.ValueType, data: bytes, domain: str) -> list[ImportRow]:
    """The file's rows with their lines. Raises InvalidArgument that says where it is no file of the kind."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("is not UTF-8 text") from None
    if "\0" in text:
        raise _wrong("has a NUL character")
    read = _post_row if kind == TransferKind.TRANSFER_KIND_BOOKMARKS else _row
    rows = [ImportRow(line=line, row=read(line, cells, domain)) for line, cells in _cells(kind, text)]
    if not rows:
        raise _wrong("names nobody" if read is _row else "names no post")
    return rows


def _cells(kind: TransferKind.ValueType, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line's number, and its cells by their columns: those that its first line names, or else Mastodon's."""
    columns, count = _COLUMNS[kind], 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            line = reader.line_num
            stripped = [unguarded(cell.strip()) for cell in cells]
            if not any(stripped):
                continue
            names = [cell.lower() for cell in stripped]
            if not count and _ADDRESS in names:
                columns = names
                continue
            count += 1
            if count > MAX_ROWS:
                raise _wrong(f"has more than {MAX_ROWS} lines")
            if any(len(cell) > MAX_CELL_CHARS for cell in stripped):
                raise _wrong(f"has a cell of more than {MAX_CELL_CHARS} characters in line {line}")
            named = dict(zip(columns, stripped, strict=False))
            yield line, {name: named.get(name, "") for name in _COLUMNS[kind]}
    except csv.Error as error:
        raise _wrong(f"is not CSV: line {reader.line_num}: {error}") from None


def _row(line: int, cells: Mapping[str, str], domain: str) -> TransferRow:
    address = cells[_ADDRESS].lstrip("@")
    name, _, at = address.partition("@")
    row = TransferRow(username=name if at.lower() in ("", domain.lower()) else address)
    if not row.username:
        raise _wrong(f"names no account in line {line}")
    if "list name" in cells:
        row.list_title = cells["list name"]
        if not row.list_title:
            raise _wrong(f"names no list in line {line}")
    if cells.get("show boosts") or cells.get("notify on new posts") or cells.get("languages"):
        row.follow.reblogs = _flag(line, cells, "show boosts", absent=True)
        row.follow.notify = _flag(line, cells, "notify on new posts", absent=False)
        row.follow.languages.extend(_languages(cells["languages"]))
    row.notifications = "hide notifications" in cells and _flag(line, cells, "hide notifications", absent=True)
    return row


def _post_row(line: int, cells: Mapping[str, str], domain: str) -> TransferRow:
    """A post that is not of here keeps its address, so that its owner is told which one it was."""
    address = cells[_POST]
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise _wrong(f"names no address of a post in line {line}")
    found = _STATUS.fullmatch(parts.path) if parts.netloc.lower() == domain.lower() else None
    post_id = int(found[1]) if found else 0
    return TransferRow(post_address=address, post_id=post_id if post_id <= MAX_ID else 0)


def _flag(line: int, cells: Mapping[str, str], column: str, *, absent: bool) -> bool:
    cell = cells[column].lower()
    if cell and cell not in _FLAGS:
        raise _wrong(f'has neither true nor false as "{column}" in line {line}')
    return _FLAGS.get(cell, absent)


def _languages(cell: str) -> list[str]:
    return list(dict.fromkeys(code.strip() for code in cell.split(",") if code.strip()))


def _wrong(description: str) -> InvalidArgument:
    return invalid("data", description)


def imports(found: Iterable[Import]) -> bytes:
    """All that are remembered."""
    return orjson.dumps({"items": [_progress(each) for each in found]})


def one_import(found: Import, failures: Iterable[FailedRow] = ()) -> bytes:
    """How it is getting on, with the first lines that could not be done."""
    return orjson.dumps({**_progress(found), "failures": [_failure(each) for each in failures]})


def failure_cells(failed: FailedRow) -> list[str]:
    """A line of the file of failures."""
    told = _failure(failed)
    named = [cell for cell in (told["list"], told["account"], told["post"]) if cell]
    return [str(told["line"]), *named, told["description"]]


def _progress(found: Import) -> dict[str, Any]:
    return {
        "id": str(found.import_id),
        "type": _TYPE_NAMES[found.kind],
        "mode": _MODE_NAMES[found.mode],
        "total": found.total,
        "done": found.done,
        "failed": found.failed,
        "created_at": _time(found.create_time),
        "finished_at": _time(found.finish_time) if found.HasField("finish_time") else None,
    }


def _failure(failed: FailedRow) -> dict[str, Any]:
    return {
        "line": failed.row.line,
        "account": failed.row.row.username or None,
        "list": failed.row.row.list_title or None,
        "post": failed.row.row.post_address or None,
        "reason": failed.reason,
        "description": REASONS.get(failed.reason, "This could not be done"),
    }


def _time(value: Timestamp) -> str:
    return f"{value.ToDatetime(UTC):%Y-%m-%dT%H:%M:%SZ}"
