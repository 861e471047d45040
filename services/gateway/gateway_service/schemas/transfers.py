"""What an account takes along to another server, and brings from one, in Mastodon's CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from gateway_service.schemas.credentials import credential_account, preferences
from rookery.user.v1.profile_service_pb2 import GetProfileResponse
from rookery.user.v1.transfer_service_pb2 import TransferKind, TransferRow
from rookery_common.auth import Identity

# With one of these a spreadsheet takes a cell for a formula; a quote before it says that it is none.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Form:
    """One of the files: its head, empty where Mastodon's has none, and what it says of an account at an address."""

    kind: TransferKind.ValueType
    header: tuple[str, ...]
    cells: Callable[[TransferRow, str], Sequence[str]]


def _follow(row: TransferRow, address: str) -> Sequence[str]:
    follow = row.follow
    return address, _flag(follow.reblogs), _flag(follow.notify), ", ".join(follow.languages)


def _flag(value: bool) -> str:
    return "true" if value else "false"


FORMS: Mapping[str, Form] = {
    "following_accounts.csv": Form(
        TransferKind.TRANSFER_KIND_FOLLOWS,
        ("Account address", "Show boosts", "Notify on new posts", "Languages"),
        _follow,
    ),
    "lists.csv": Form(TransferKind.TRANSFER_KIND_LISTS, (), lambda row, address: (row.list_title, address)),
    "muted_accounts.csv": Form(
        TransferKind.TRANSFER_KIND_MUTES,
        ("Account address", "Hide notifications"),
        lambda row, address: (address, _flag(row.notifications)),
    ),
    "blocked_accounts.csv": Form(TransferKind.TRANSFER_KIND_BLOCKS, (), lambda _row, address: (address,)),
}


def own_account(account: bytes, profile: GetProfileResponse, owner: Identity, email: str) -> bytes:
    """The account as its owner is shown it, its preferences and its e-mail address, as JSON for people and programs."""
    shown = credential_account(account, profile.account, profile.settings, owner)
    found = {
        "account": orjson.loads(shown),
        "preferences": orjson.loads(preferences(profile.account, profile.settings)),
        "email": email,
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """Lines of a CSV file, of which none is a formula."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(map(_guarded, rows))
    return lines.getvalue().encode()


def unguarded(cell: str) -> str:
    """A cell as it was before it was said to be no formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _guarded(cells: Sequence[str]) -> list[str]:
    return [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
