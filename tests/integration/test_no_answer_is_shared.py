"""A cache between clients and the platform keeps what is everybody's, and never what is somebody's own."""

from __future__ import annotations

import re

import httpx2
import pytest
from harness.people import Person

STREAMS = "/api/v1/streaming"


# Replicas remember the public answers of each their own time.
@pytest.mark.local
def test_each_route_says_truly_what_a_shared_cache_may_keep(http: httpx2.Client, alice: Person, bob: Person) -> None:
    document = http.get("/openapi.json").json()
    read = [path for path, methods in document["paths"].items() if "get" in methods and not path.startswith(STREAMS)]
    public = personal = 0
    for path in read:
        address = re.sub(r"{\w+}", alice.account_id, path)
        mine, theirs, anyones = (
            http.get(address, headers={"X-Request-Id": "of-the-flow", **headers})
            for headers in (bearer(alice), bearer(bob), {})
        )
        assert mine.status_code < 500, f"{path}: {mine.status_code}"
        if "public" in mine.headers["cache-control"]:
            public += 1
            assert mine.content == theirs.content == anyones.content, path
            assert "set-cookie" not in mine.headers, path
        else:
            personal += 1
            assert mine.headers["cache-control"].startswith(("private", "no-store")), path
    assert public >= 8
    assert personal >= 30


def bearer(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}
