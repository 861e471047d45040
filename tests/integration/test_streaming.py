"""The follower sees a post arrive without asking."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from harness.people import Person
from harness.platform import Platform
from harness.streams import listening
from harness.waiting import eventually
from mastodon import StreamListener
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect


class Recorder(StreamListener):
    def __init__(self) -> None:
        self.updates: list[str] = []

    def on_update(self, status: Any) -> None:
        self.updates.append(str(status["id"]))


@pytest.fixture
def bob_follows_alice(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()


def websocket_url(platform: Platform, query: str) -> str:
    return f"{platform.url.replace('http', 'ws', 1)}/api/v1/streaming{query}"


@pytest.mark.usefixtures("bob_follows_alice")
def test_post_arrives_by_server_sent_events(alice: Person, bob: Person) -> None:
    recorder = Recorder()
    with listening(bob, recorder):
        posted = alice.api.status_post("Look, no hands")
        eventually(lambda: recorder.updates, lambda seen: seen == [str(posted["id"])], within=30, what="the update")


@pytest.mark.parametrize("way", ["query", "header", "subprotocol", "subscribe"])
@pytest.mark.usefixtures("bob_follows_alice")
def test_post_arrives_by_websocket(platform: Platform, alice: Person, bob: Person, way: str) -> None:
    open_stream: dict[str, Callable[[], ClientConnection]] = {
        "query": lambda: connect(websocket_url(platform, f"?stream=user&access_token={bob.token}")),
        "header": lambda: connect(
            websocket_url(platform, "?stream=user"), additional_headers={"Authorization": f"Bearer {bob.token}"}
        ),
        "subprotocol": lambda: connect(websocket_url(platform, "?stream=user"), subprotocols=[bob.token]),  # type: ignore[list-item]
        "subscribe": lambda: connect(websocket_url(platform, f"?access_token={bob.token}")),
    }
    with open_stream[way]() as socket:
        if way == "subscribe":
            socket.send(json.dumps({"type": "subscribe", "stream": "user"}))
        eventually_subscribed(socket)
        posted = alice.api.status_post("Live")
        frame = json.loads(socket.recv(timeout=30))
        assert (frame["stream"], frame["event"]) == (["user"], "update")
        assert json.loads(frame["payload"])["id"] == str(posted["id"])


def eventually_subscribed(socket: ClientConnection) -> None:
    """A ping is answered after what was sent before it."""
    assert socket.ping().wait(timeout=30)


def test_stream_without_a_valid_token_is_refused(platform: Platform) -> None:
    def listen() -> None:
        with connect(websocket_url(platform, "?stream=user&access_token=nonsense")) as socket:
            socket.recv(timeout=30)

    with pytest.raises((InvalidStatus, ConnectionClosed)) as caught:
        listen()
    if isinstance(caught.value, InvalidStatus):
        assert caught.value.response.status_code == 401


def test_revoked_token_ends_its_stream_within_a_second(platform: Platform, bob: Person) -> None:
    closed = threading.Event()
    with connect(websocket_url(platform, f"?stream=user&access_token={bob.token}")) as socket:
        eventually_subscribed(socket)

        def wait() -> None:
            try:
                socket.recv(timeout=30)
            except ConnectionClosed:
                closed.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        bob.api.revoke_access_token(allow_http=True)
        # A second is what is promised; the rest is for a slow machine.
        assert closed.wait(timeout=15)
        waiter.join()
