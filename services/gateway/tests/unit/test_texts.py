"""What the operator wrote about the community, by the editions in the file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from gateway_service.config import Settings
from gateway_service.operator_file import OperatorFileInvalid
from gateway_service.texts import Texts
from rookery_common.testing.clock import FakeClock

DESCRIPTION = "/api/v1/instance/extended_description"
POLICY = "/api/v1/instance/privacy_policy"
TERMS = "/api/v1/instance/terms_of_service"
FILE = """
[[extended_description]]
since = 2026-01-01
markdown = "A place for **birds**. <script>alert(1)</script> [x](javascript:alert(1))"

[[privacy_policy]]
since = 2026-01-01
markdown = "Old"

[[privacy_policy]]
since = 2026-06-01
markdown = '''
# What we keep

| what | how long |
|---|---|
| posts | until deleted |
'''

[[terms_of_service]]
since = 2026-06-01
markdown = "Be kind"

[[terms_of_service]]
since = 2027-01-01
markdown = "Be kinder"
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 6, 2, tzinfo=UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def settings(settings: Settings, file: Path) -> Settings:
    return settings.model_copy(update={"texts_file": str(file)})


def write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest_asyncio.fixture
async def written(texts: Texts) -> AsyncIterator[Texts]:
    await texts.start()
    yield texts
    await texts.stop()


@pytest.mark.usefixtures("written")
async def test_description_is_markdown_in_which_nothing_runs(http: httpx2.AsyncClient) -> None:
    answer = await http.get(DESCRIPTION)
    body = answer.json()
    assert body["updated_at"] == "2026-01-01T00:00:00.000Z"
    assert "<strong>birds</strong>" in body["content"]
    assert "<script" not in body["content"]
    assert 'href="javascript' not in body["content"]
    assert answer.headers["cache-control"].startswith("public, max-age=60")
    again = await http.get(DESCRIPTION, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.usefixtures("written")
async def test_edition_that_holds_today_is_shown(http: httpx2.AsyncClient) -> None:
    body = (await http.get(POLICY)).json()
    assert body["updated_at"] == "2026-06-01T00:00:00.000Z"
    assert "<h1>What we keep</h1>" in body["content"]
    assert "<td>until deleted</td>" in body["content"]


@pytest.mark.usefixtures("written")
async def test_terms_name_what_comes_in_their_place(http: httpx2.AsyncClient, clock: FakeClock) -> None:
    now = {
        "effective_date": "2026-06-01",
        "effective": True,
        "content": "<p>Be kind</p>\n",
        "succeeded_by": "2027-01-01",
    }
    later = {
        "effective_date": "2027-01-01",
        "effective": False,
        "content": "<p>Be kinder</p>\n",
        "succeeded_by": None,
    }
    assert (await http.get(TERMS)).json() == now
    assert (await http.get(f"{TERMS}/2027-01-01")).json() == later
    clock.advance(365 * 86_400)
    assert (await http.get(TERMS)).json() == {**later, "effective": True}
    assert (await http.get(f"{TERMS}/2026-06-01")).json() == now


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("day", ["2026-06-02", "yesterday", "20260601T00", "2026-06-01%00", "99999-01-01"])
async def test_no_edition_of_another_day_is_found(http: httpx2.AsyncClient, day: str) -> None:
    assert (await http.get(f"{TERMS}/{day}")).status_code == 404


async def test_what_nobody_wrote_is_not_there(http: httpx2.AsyncClient) -> None:
    assert (await http.get(DESCRIPTION)).json() == {"updated_at": None, "content": ""}
    for path in (POLICY, TERMS):
        assert (await http.get(path)).status_code == 404


async def test_changed_file_is_taken_over_and_a_bad_one_is_not(
    http: httpx2.AsyncClient, written: Texts, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, '[[privacy_policy]]\nsince = 2026-01-02\nmarkdown = "Nothing at all"')
    written.reload_if_changed()
    assert "Nothing at all" in (await http.get(POLICY)).json()["content"]
    write(file, "[[privacy_policy]]\nsince = 2026-01-02")
    written.reload_if_changed()
    assert "texts.file_refused" in capsys.readouterr().out
    assert "Nothing at all" in (await http.get(POLICY)).json()["content"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[privacy_policy]", "line 1"),
        ('[[policy]]\nsince = 2026-01-01\nmarkdown = "x"', "policy"),
        ('[[privacy_policy]]\nsince = "soon"\nmarkdown = "x"', "privacy_policy.0.since"),
        ('[[privacy_policy]]\nsince = 2026-01-01\nmarkdown = ""', "privacy_policy.0.markdown"),
        ('[[terms_of_service]]\nsince = 2026-01-01\nmarkdown = "a"\n' * 2, "two editions of one day"),
        ("x" * 300_000, "larger than"),
    ],
)
async def test_replica_does_not_start_with_a_bad_file(texts: Texts, file: Path, text: str, named: str) -> None:
    write(file, text)
    with pytest.raises(OperatorFileInvalid, match=named):
        await texts.start()


async def test_replica_does_not_start_without_the_file_that_it_is_told_of(texts: Texts, tmp_path: Path) -> None:
    os.rename(tmp_path / "texts.toml", tmp_path / "elsewhere.toml")
    with pytest.raises(OperatorFileInvalid, match="No such file"):
        await texts.start()
