"""Files that one brings from another server: read, handed on, and told of."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.schemas.imports import parsed
from rookery.user.v1 import transfer_service_pb2 as pb
from rookery_common.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/rookery/v1/imports"
FOLLOWS, BLOCKS, MUTES, LISTS, BOOKMARKS = pb.TransferKind.values()[1:]
HEAD = "Account address,Show boosts,Notify on new posts,Languages\n"


def read(kind: int, text: str) -> list[pb.ImportRow]:
    return parsed(pb.TransferKind.ValueType(kind), text.encode(), "rookery.test")


def test_follows_are_read_as_mastodon_writes_them() -> None:
    lines = (
        'bob@rookery.test,false,true,"de, en"',
        "",
        "carol,,,",
        "@dan@Rookery.Test,true,false,",
        "eve@b.example,1,0,",
    )
    rows = read(FOLLOWS, f"\ufeff{HEAD}" + "\n".join(lines))
    names = [(row.line, row.row.username) for row in rows]
    assert names == [(2, "bob"), (4, "carol"), (5, "dan"), (6, "eve@b.example")]
    bob = rows[0].row.follow
    assert (bob.reblogs, bob.notify, list(bob.languages)) == (False, True, ["de", "en"])
    assert [row.row.HasField("follow") for row in rows] == [True, False, True, True]


def test_columns_are_found_by_their_names_and_older_files_have_only_addresses() -> None:
    [row] = read(FOLLOWS, "Show boosts,Something,Account address\nfalse,x,bob\n")
    assert (row.row.username, row.row.follow.reblogs) == ("bob", False)
    assert [row.row.username for row in read(FOLLOWS, "bob\ncarol\n")] == ["bob", "carol"]


def test_mutes_blocks_and_lists_are_read() -> None:
    muted = read(MUTES, "Account address,Hide notifications\nbob,false\ncarol,true\ndan,\n")
    assert [row.row.notifications for row in muted] == [False, True, True]
    assert [row.row.username for row in read(BLOCKS, "bob\n")] == ["bob"]
    [row] = read(LISTS, '"Birds, and bees",bob@rookery.test\n')
    assert (row.row.list_title, row.row.username) == ("Birds, and bees", "bob")


def test_bookmarks_are_read_by_the_addresses_of_their_posts() -> None:
    addresses = (
        "https://rookery.test/users/bob/statuses/815916531056640001",
        "https://Rookery.test/@bob/815916531056640002",
        "https://b.example/users/bob/statuses/815916531056640001",
        "https://rookery.test/users/bob/statuses/9999999999999999999",
        "https://rookery.test/users/bob",
    )
    rows = [row.row for row in read(BOOKMARKS, "\n".join(addresses))]
    assert [row.post_address for row in rows] == list(addresses)
    assert [row.post_id for row in rows] == [815916531056640001, 815916531056640002, 0, 0, 0]


def test_a_title_that_was_guarded_is_as_it_was() -> None:
    titles = [row.row.list_title for row in read(LISTS, "'=1+1,bob\n'quoted,bob\n")]
    assert titles == ["=1+1", "'quoted"]


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (BLOCKS, b"\xff\xfe", "UTF-8"),
        (BLOCKS, b"bob\0", "NUL"),
        (BLOCKS, b"", "names nobody"),
        (FOLLOWS, HEAD.encode(), "names nobody"),
        (BLOCKS, b'"bob\n', "is not CSV"),
        (BLOCKS, b'bob\n"car"ol\n', "line 2"),
        (FOLLOWS, HEAD.encode() + b"bob,perhaps,,\n", "line 2"),
        (FOLLOWS, HEAD.encode() + b",true,,\n", "names no account in line 2"),
        (LISTS, b",bob\n", "names no list in line 1"),
        (LISTS, b"Birds\n", "names no account in line 1"),
        (BOOKMARKS, b"bob\n", "names no address of a post in line 1"),
        (BOOKMARKS, b"http://[x/\n", "names no address of a post in line 1"),
        (BOOKMARKS, b"\n", "names no post"),
        (BLOCKS, b"b" * 1001, "1000 characters in line 1"),
        (BLOCKS, b"bob\n" * 20_001, "more than 20000 lines"),
    ],
)
def test_what_is_no_file_of_the_kind_is_refused_with_the_place(kind: int, data: bytes, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parsed(pb.TransferKind.ValueType(kind), data, "rookery.test")
    assert [violation.field for violation in caught.value.fields] == ["data"]
    assert told in str(caught.value)


async def test_a_file_is_brought_and_how_it_gets_on_is_told(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "write:follows", "read:follows")
    files = {"data": ("following.csv", f"{HEAD}bob,true,false,\nnobody,true,false,\n")}
    made = await http.post(
        URL, files=files, data={"type": "following", "mode": "overwrite"}, headers={**headers, "idempotency-key": "k"}
    )
    assert (made.status_code, made.headers["location"]) == (202, f"{URL}/{made.json()['id']}")
    [call] = world.transfers.made("CreateImport")
    assert (call.request.kind, call.request.mode, call.request.request_id) == (FOLLOWS, pb.IMPORT_MODE_OVERWRITE, "k")
    found = world.transfers.imports[int(made.json()["id"])]
    found.done, found.failed = 1, 1
    found.finish_time.FromSeconds(1_700_000_100)
    row = pb.ImportRow(line=3, row=pb.TransferRow(username="nobody"))
    world.transfers.failures = [pb.FailedRow(row=row, reason="ACCOUNT_NOT_FOUND")]
    progress = {
        "id": made.json()["id"],
        "type": "following",
        "mode": "overwrite",
        "total": 2,
        "done": 1,
        "failed": 1,
        "created_at": "2023-11-14T22:13:20Z",
        "finished_at": "2023-11-14T22:15:00Z",
    }
    told = {
        "line": 3,
        "account": "nobody",
        "list": None,
        "post": None,
        "reason": "ACCOUNT_NOT_FOUND",
        "description": "There is no such account here",
    }
    assert (await http.get(f"{URL}/{made.json()['id']}", headers=headers)).json() == {**progress, "failures": [told]}
    assert (await http.get(URL, headers=headers)).json() == {"items": [progress]}
    file = await http.get(f"{URL}/{made.json()['id']}/failures", headers=headers)
    assert list(csv.reader(file.text.splitlines())) == [["3", "nobody", "There is no such account here"]]


async def test_failures_are_downloaded_page_by_page(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    world.transfers.failures = [
        pb.FailedRow(row=pb.ImportRow(line=n, row=pb.TransferRow(username=f"=u{n}", list_title="L")), reason="X")
        for n in range(1, 1002)
    ]
    rows = list(csv.reader((await http.get(f"{URL}/90000/failures", headers=headers)).text.splitlines()))
    assert [row[:3] for row in rows] == [[str(n), "L", f"'=u{n}"] for n in range(1, 1002)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "type"),
        ({"type": "domain_blocking"}, "type"),
        ({"type": "blocking", "mode": "x"}, "mode"),
        ({"type": "blocking", "else": "x"}, "else"),
        ({"type": "muting", "data": ""}, "data"),
    ],
)
async def test_what_is_wrong_is_named_before_anything_is_asked_for(
    http: httpx2.AsyncClient, world: World, fields: dict[str, Any], named: str
) -> None:
    _, headers = world.newcomer("alice")
    files = {"data": ("x.csv", fields.pop("data", "bob\n"))}
    answer = await http.post(URL, files=files, data=fields, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{named}"
    assert not world.transfers.calls


async def test_a_file_that_is_too_large_or_no_form_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    large = {"data": ("x.csv", b"x" * (5 * 1024 * 1024 + 1))}
    answer = await http.post(URL, files=large, data={"type": "blocking"}, headers=headers)
    assert answer.status_code in (413, 422)
    assert (await http.post(URL, json={"type": "blocking"}, headers=headers)).status_code == 415
    assert not world.transfers.calls


async def test_a_token_needs_a_scope_of_those(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "write:statuses", "read:statuses")
    files = {"data": ("x.csv", "bob\n")}
    assert (await http.post(URL, files=files, data={"type": "blocking"}, headers=headers)).status_code == 403
    for path in (URL, f"{URL}/1", f"{URL}/1/failures"):
        assert (await http.get(path, headers=headers)).status_code == 403


@pytest.fixture
async def browser(http: httpx2.AsyncClient, world: World) -> httpx2.AsyncClient:
    """Signed in as alice."""
    world.auth.passwords["alice"] = ("correct horse", world.user.add("alice"))
    await http.post("/auth/sign_in", data={"login": "alice", "password": "correct horse"})
    return http


async def bring(http: httpx2.AsyncClient, text: str = "bob\n", **fields: str) -> httpx2.Response:
    token = re.search(r'name="form_token" value="(\w+)"', (await http.get("/auth/data")).text)
    assert token is not None
    form = {"form_token": token[1], "type": "blocking", "mode": "merge", **fields}
    return await http.post("/auth/data/imports", files={"data": ("x.csv", text)}, data=form)


async def test_a_page_brings_a_file_and_shows_how_it_gets_on(browser: httpx2.AsyncClient, world: World) -> None:
    assert (await bring(browser)).headers["location"] == "/auth/data"
    [(import_id, found)] = world.transfers.imports.items()
    page = (await browser.get("/auth/data")).text
    assert "under way" in page
    assert "0 of 1 done" in page
    found.failed = 1
    found.finish_time.FromSeconds(1)
    page = (await browser.get("/auth/data")).text
    assert f'href="/auth/data/imports/{import_id}/failures"' in page
    assert "under way" not in page
    assert (await browser.get(f"/auth/data/imports/{import_id}/failures")).status_code == 200


async def test_a_page_says_what_is_wrong_with_a_file(browser: httpx2.AsyncClient, world: World) -> None:
    answer = await bring(browser, '"bob\n')
    assert answer.status_code == 422
    assert "This file can't be read." in answer.text
    assert "is not CSV" in answer.text
    assert not world.transfers.imports


async def test_a_page_says_that_enough_is_under_way(
    browser: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_request: Any, _who: Any) -> Any:
        error = FailedPrecondition("five are under way")
        error.reason = "TOO_MANY_IMPORTS"
        raise error

    monkeypatch.setattr(world.transfers, "CreateImport", refuse)
    assert "Some imports are under way." in (await bring(browser)).text


async def test_another_site_brings_nothing(browser: httpx2.AsyncClient, world: World) -> None:
    assert (await bring(browser, form_token="0")).status_code == 403
    files = {"data": ("x.csv", "bob\n")}
    answer = await browser.post("/auth/data/imports", files=files, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert not world.transfers.imports
