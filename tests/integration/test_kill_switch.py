"""Operators switch a part off while everything runs, and on again."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator

import httpx2
import pytest
from harness.people import Person
from harness.platform import required
from harness.waiting import eventually

pytestmark = pytest.mark.local

Switch = Callable[[bool], None]


@pytest.fixture
def switch() -> Iterator[Switch]:
    """Switches search; it is on again afterwards."""
    file = pathlib.Path(required("ROOKERY_INSTANCE")) / "flags.json"
    before = file.read_text()

    def to(on: bool) -> None:
        variants = {"on": True, "off": False}
        entry = {"state": "ENABLED", "variants": variants, "defaultVariant": "on" if on else "off"}
        file.write_text(json.dumps({"flags": {"search": entry}}))

    yield to
    file.write_text(before)


def test_search_is_switched_off_and_on_while_homes_go_on(http: httpx2.Client, alice: Person, switch: Switch) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}

    def search() -> httpx2.Response:
        return http.get("/api/v2/search", params={"q": "rook"}, headers=headers)

    assert search().status_code == 200
    switch(False)
    refused = eventually(search, lambda answer: answer.status_code == 503, within=20, what="search to be off")
    assert refused.headers["x-rookery-switched-off"] == "search"
    posted = alice.api.status_post("Still here")
    assert alice.home_ids() == [str(posted["id"])]
    switch(True)
    eventually(search, lambda answer: answer.status_code == 200, within=20, what="search to be on again")
