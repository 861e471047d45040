"""Flags hold as the file says, and a file that turns bad changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rookery_common.flags import MAX_FILE_BYTES, Flag, Flags, FlagsFileInvalid, parse

SEARCH = Flag("search", "Nobody finds anything.")
BETA = Flag("beta", "Nothing new is shown.", default=False)


def document(**flags: bool) -> str:
    variants = {"on": True, "off": False}
    entries = {
        key: {"state": "ENABLED", "variants": variants, "defaultVariant": "on" if value else "off"}
        for key, value in flags.items()
    }
    return json.dumps({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": entries})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    path.write_text(document())
    return path


@pytest_asyncio.fixture
async def flags(file: Path) -> AsyncIterator[Flags]:
    made = Flags(str(file), [SEARCH, BETA], service="test")
    await made.start()
    yield made
    await made.stop()


def read(flags: Flags, file: Path, text: str) -> None:
    """What it does each second, with another file."""
    file.write_text(text)
    flags.reload_if_changed()


async def test_without_a_file_each_flag_is_as_the_code_says() -> None:
    made = Flags("", [SEARCH, BETA], service="without")
    await made.start()
    assert (made.on(SEARCH), made.on(BETA)) == (True, False)
    await made.stop()


async def test_the_file_turns_off_what_is_on_and_on_what_is_off(flags: Flags, file: Path) -> None:
    read(flags, file, document(search=False, beta=True))
    assert (flags.on(SEARCH), flags.on(BETA)) == (False, True)
    read(flags, file, document())
    assert (flags.on(SEARCH), flags.on(BETA)) == (True, False)


async def test_what_was_read_ends_with_who_read_it(flags: Flags, file: Path) -> None:
    read(flags, file, document(search=False))
    first, second = (Flags(str(file), [SEARCH], service="again") for _ in range(2))
    await first.start()
    assert not first.on(SEARCH)
    await first.stop()
    assert Flags("", [SEARCH], service="again").on(SEARCH)
    await second.start()
    await first.stop()
    assert not second.on(SEARCH)
    await second.stop()


async def test_a_swapped_folder_is_seen_by_itself(tmp_path: Path) -> None:
    """As the kubelet does it: the files are behind a link that is put to another folder."""
    for name, value in (("old", True), ("new", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.json").write_text(document(search=value))
    link = tmp_path / "data"
    link.symlink_to("old")
    made = Flags(str(link / "flags.json"), [SEARCH], service="swapped")
    await made.start()
    fresh = tmp_path / "fresh"
    fresh.symlink_to("new")
    os.replace(fresh, link)
    async with asyncio.timeout(10):
        while made.on(SEARCH):  # noqa: ASYNC110 - a file knows no event
            await asyncio.sleep(0.05)
    await made.stop()


async def test_who_asked_is_told_each_time_that_a_flag_goes_off(flags: Flags, file: Path) -> None:
    calls: list[str] = []
    flags.when_off(SEARCH, lambda: calls.append("search"))
    for value in (False, False, True, False):
        read(flags, file, document(search=value) + " " * len(calls))
    assert calls == ["search", "search"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"flags": {"search": true}}'])
async def test_a_file_that_turns_bad_changes_nothing(flags: Flags, file: Path, text: str) -> None:
    read(flags, file, document(search=False))
    read(flags, file, text)
    assert not flags.on(SEARCH)
    read(flags, file, document(search=True))
    assert flags.on(SEARCH)


def test_a_file_that_is_gone_changes_nothing(flags: Flags, file: Path) -> None:
    read(flags, file, document(search=False))
    file.unlink()
    flags.reload_if_changed()
    assert not flags.on(SEARCH)


@pytest.mark.parametrize("text", [None, "{", " " * (MAX_FILE_BYTES + 1)])
async def test_a_replica_does_not_start_with_a_file_that_it_cannot_read(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "flags.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FlagsFileInvalid, match=str(path)):
        await Flags(str(path), [SEARCH], service="refusing").start()


def test_a_disabled_entry_sets_nothing() -> None:
    entry = {"state": "DISABLED", "variants": {"off": False}, "defaultVariant": "off"}
    assert parse(json.dumps({"flags": {"search": entry}})) == {}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"state": "OFF"}, "flags.search.state"),
        ({"variants": {"on": "yes"}}, "flags.search.variants.on"),
        ({"variants": {}}, "flags.search.variants"),
        ({"defaultVariant": "of"}, "flags.search.*'of'"),
        ({"targeting": {"if": []}}, "flags.search.targeting"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(change: dict[str, Any], place: str) -> None:
    entry = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"} | change
    with pytest.raises(FlagsFileInvalid, match=place):
        parse(json.dumps({"flags": {"search": entry}}))
