"""What makes something new takes an Idempotency-Key, and hands it on to whoever makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from gateway_fakes.world import World

import gateway_service

DOCUMENT = orjson.loads((Path(gateway_service.__file__).parent / "openapi.json").read_bytes())
# Whatever else an RPC may be called, it says how something is to be: again, it changes nothing. So does adding what is
# in a set already.
MAKING = re.compile(r"\w+\.(Create|Upload|Send|SignUp|Schedule|Import|Add(?!OwnPost|FilterStatus))\w*")
# What they make is a secret, which no store could answer again, and of which the first goes unused.
SECRETS = {
    "auth.CreateApp",
    "auth.CreateToken",
    "auth.CreateAuthorization",
    "auth.CreateRecoveryCodes",
}
# A page's form: its own secret holds for one use.
PAGES = ("/auth/", "/oauth/")


def writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if method == "post":  # What is put, patched or deleted is set to be so, however often.
                yield method.upper(), path, operation


def takes_key(operation: dict[str, Any]) -> bool:
    return any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))


def test_every_route_that_makes_something_takes_a_key() -> None:
    making = [
        (method, path, operation)
        for method, path, operation in writes()
        if not path.startswith(PAGES)
        and {call for call in operation.get("x-calls", ()) if MAKING.fullmatch(call)} - SECRETS
    ]
    assert len(making) >= 7
    assert [f"{method} {path}" for method, path, operation in making if not takes_key(operation)] == []


async def test_an_uploads_key_reaches_post(http: httpx2.AsyncClient, world: World) -> None:
    headers = {**world.newcomer("alice")[1], "idempotency-key": "k1"}
    await http.post("/api/v2/media", files={"file": ("a.png", b"png", "image/png")}, headers=headers)
    await http.post("/api/v1/media", files={"file": ("a.png", b"png", "image/png")}, headers=headers)
    assert [header.request_id for header, _ in world.post.uploads] == ["k1", "k1"]


async def test_an_upload_that_comes_again_is_not_described_again(http: httpx2.AsyncClient, world: World) -> None:
    """Once it is posted it can't be; clients that send the file before the fields would be refused."""
    headers = {**world.newcomer("alice")[1], "content-type": "multipart/form-data; boundary=x"}
    parts = (
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\npng\r\n'
        '--x\r\nContent-Disposition: form-data; name="description"\r\n\r\n{}\r\n--x--\r\n'
    )
    await http.post("/api/v2/media", content=parts.format("A rook"), headers=headers)
    assert len(world.post.made("UpdateMedia")) == 1
    await http.post("/api/v2/media", content=parts.format(""), headers=headers)
    assert len(world.post.made("UpdateMedia")) == 1  # it says so already


@pytest.mark.parametrize("key", ["k" * 201, "k\x07"])
async def test_a_bad_key_is_refused_before_the_file_is_read(http: httpx2.AsyncClient, world: World, key: str) -> None:
    headers = {**world.newcomer("alice")[1], "idempotency-key": key}
    answer = await http.post("/api/v2/media", files={"file": ("a.png", b"png", "image/png")}, headers=headers)
    assert (answer.status_code, world.post.uploads) == (422, [])
    assert "Idempotency-Key" in answer.json()["details"]
