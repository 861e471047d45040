"""A session that was ended is over at once, also while an engine is away: auth tells every gateway of it itself.

Named to run after the other flows, since it takes engines away from under the platform.
"""

from __future__ import annotations

import time

import httpx2
import pytest
from harness.people import Person, Town
from harness.platform import Platform
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

pytestmark = pytest.mark.local

VERIFY = "/api/v1/accounts/verify_credentials"
# A second is what is promised; the rest is for a slow machine. Not told, a gateway trusts a token for minutes.
SECONDS = 15.0


def is_closed(socket: ClientConnection, *, within: float) -> bool:
    """Whether the server ends it in time, whatever it sends before."""
    end = time.monotonic() + within
    try:
        while (left := end - time.monotonic()) > 0:
            socket.recv(timeout=left)
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False
    return False


@pytest.mark.timeout(240)
@pytest.mark.parametrize("engines", [("kafka",), ("redis_cache", "redis_state")], ids=["kafka", "redis"])
@pytest.mark.alone
def test_a_revoked_token_and_its_open_stream_are_dead_within_a_second_while_an_engine_is_away(
    platform: Platform, town: Town, http: httpx2.Client, alice: Person, engines: tuple[str, ...]
) -> None:
    bearer = {"authorization": f"Bearer {alice.token}"}
    client = {"client_id": town.client_id, "client_secret": town.client_secret}
    url = f"{platform.url.replace('http', 'ws', 1)}/api/v1/streaming?stream=user&access_token={alice.token}"
    with connect(url) as socket:
        try:
            for engine in engines:
                platform.stop(engine)
            assert http.get(VERIFY, headers=bearer).status_code == 200
            assert http.post("/oauth/revoke", data={**client, "token": alice.token}).status_code == 200
            assert is_closed(socket, within=SECONDS)
            assert http.get(VERIFY, headers=bearer).status_code == 401
        finally:
            for engine in engines:
                platform.start(engine)
