"""People talk: two and three of them, live, in one order for all, and nothing is lost where a process dies."""

from __future__ import annotations

import concurrent.futures
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

CONVERSATIONS = "/api/rookery/v1/conversations"
RECOVERY_SECONDS = 60.0
Json = dict[str, Any]


class Talk:
    """The conversations of one person, by REST."""

    def __init__(self, http: httpx2.Client, person: Person) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {person.token}"}

    def get(self, path: str = "", **params: Any) -> httpx2.Response:
        return self._http.get(f"{CONVERSATIONS}{path}", params=params, headers=self._headers)

    def post(self, path: str, body: Json, key: str = "") -> httpx2.Response:
        headers = {**self._headers, "idempotency-key": key} if key else self._headers
        return self._http.post(f"{CONVERSATIONS}{path}", json=body, headers=headers)

    def begin(self, *others: Person, title: str = "") -> str:
        """A conversation's id."""
        answer = self.post("", {"member_ids": [other.account_id for other in others], "title": title})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def say(self, conversation_id: str, text: str, key: str = "") -> Json:
        answer = self.post(f"/{conversation_id}/messages", {"text": text}, key)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def heard(self, conversation_id: str, **params: Any) -> list[Json]:
        """The messages, the oldest first unless `before` is asked for."""
        asked = params or {"after": 0}
        answer = self.get(f"/{conversation_id}/messages", limit=100, **asked)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    def listed(self, **params: Any) -> list[str]:
        """Ids of conversations, the latest activity first."""
        return [item["id"] for item in self.get(**params).json()["items"]]


@pytest.fixture
def alices(http: httpx2.Client, alice: Person) -> Talk:
    return Talk(http, alice)


@pytest.fixture
def bobs(http: httpx2.Client, bob: Person) -> Talk:
    return Talk(http, bob)


@pytest.fixture
def carols(http: httpx2.Client, carol: Person) -> Talk:
    return Talk(http, carol)


@contextmanager
def chat(platform: Platform, person: Person) -> Iterator[ClientConnection]:
    """An open WebSocket that messaging knows of."""
    url = f"{platform.url.replace('http', 'ws', 1)}/api/rookery/v1/chat?access_token={person.token}"
    # Without a bound it reads on while a test does something else, and answers pings.
    with connect(url, max_queue=None) as socket:
        frames = sync(socket, "1", 0)
        assert frames[-1]["data"]["status"] == 404
        yield socket


def sync(socket: ClientConnection, conversation_id: str, after: int) -> list[Json]:
    """What the server sends up to its answer to this."""
    asked = secrets.token_hex(4)
    frame = {"type": "sync", "id": asked, "conversation_id": conversation_id, "after": after}
    socket.send(json.dumps(frame))
    frames = [receive(socket)]
    while frames[-1]["id"] != asked:
        frames.append(receive(socket))
    return frames


def receive(socket: ClientConnection) -> Json:
    frame: Json = json.loads(socket.recv(timeout=30))
    assert frame.keys() == {"type", "id", "ts", "data"}
    return frame


def test_two_talk_and_see_each_message_as_it_is_sent(
    platform: Platform, alice: Person, bob: Person, alices: Talk, bobs: Talk
) -> None:
    conversation_id = alices.begin(bob)
    with chat(platform, bob) as bobs_socket, chat(platform, alice) as alices_socket:
        first = alices.say(conversation_id, "Is the rook yours? <b>&")
        second = bobs.say(conversation_id, "It is \N{BLACK CHESS ROOK}")
        for socket in (bobs_socket, alices_socket):
            frames = [receive(socket), receive(socket)]
            assert [frame["type"] for frame in frames] == ["message", "message"]
            assert [frame["data"] for frame in frames] == [first, second]
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert (first["sender_id"], second["sender_id"]) == (alice.account_id, bob.account_id)
    assert bobs.heard(conversation_id) == alices.heard(conversation_id) == [first, second]


def test_two_have_one_conversation_whoever_begins_it(alice: Person, bob: Person, alices: Talk, bobs: Talk) -> None:
    conversation_id = alices.begin(bob)
    assert bobs.begin(alice) == conversation_id
    assert alices.begin(bob) == conversation_id
    assert alices.begin(bob, title="Another") != conversation_id
    shown = bobs.get(f"/{conversation_id}").json()
    assert {member["username"] for member in shown["members"]} == {alice.username, bob.username}


def test_three_see_one_order(
    platform: Platform, alice: Person, bob: Person, carol: Person, alices: Talk, bobs: Talk, carols: Talk
) -> None:
    talks = [alices, bobs, carols]
    conversation_id = alices.begin(bob, carol, title="Rooks")
    with (
        chat(platform, alice) as one,
        chat(platform, bob) as two,
        chat(platform, carol) as three,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        said = list(pool.map(lambda n: talks[n % 3].say(conversation_id, f"number {n}"), range(30)))
        assert sorted(message["sequence"] for message in said) == list(range(1, 31))
        live = [[receive(socket)["data"] for _ in range(30)] for socket in (one, two, three)]
    stored = alices.heard(conversation_id)
    assert [message["sequence"] for message in stored] == list(range(1, 31))
    assert live == [stored] * 3
    assert bobs.heard(conversation_id) == carols.heard(conversation_id) == stored


def test_who_comes_back_resumes_after_what_was_seen(platform: Platform, bob: Person, alices: Talk, bobs: Talk) -> None:
    conversation_id = alices.begin(bob)
    said = [alices.say(conversation_id, f"number {n}") for n in range(5)]
    with chat(platform, bob) as socket:
        *frames, synced = sync(socket, conversation_id, 2)
        assert [frame["data"] for frame in frames] == said[2:]
        assert synced["data"] == {"conversation_id": conversation_id, "last_sequence": 5, "more": False}
        later = alices.say(conversation_id, "later")
        assert receive(socket)["data"] == later
        socket.send(json.dumps({"type": "sync", "conversation_id": conversation_id, "since": 1}))
        assert receive(socket)["type"] == "error"


def test_who_is_no_member_finds_nothing(
    platform: Platform, alice: Person, bob: Person, carol: Person, alices: Talk, carols: Talk
) -> None:
    conversation_id = alices.begin(bob)
    alices.say(conversation_id, "For you alone")
    refused = [
        carols.get(f"/{conversation_id}"),
        carols.get(f"/{conversation_id}/messages"),
        carols.post(f"/{conversation_id}/messages", {"text": "Hello?"}),
        carols.post(f"/{conversation_id}/read", {"sequence": 1}),
        alices.get("/999"),
    ]
    for answer in refused:
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "CONVERSATION_NOT_FOUND"
    assert conversation_id not in carols.listed()
    with chat(platform, carol) as socket:
        (frame,) = sync(socket, conversation_id, 0)
        assert (frame["type"], frame["data"]["status"]) == ("error", 404)
    with pytest.raises(InvalidStatus) as caught:
        connect(f"{platform.url.replace('http', 'ws', 1)}/api/rookery/v1/chat?access_token=nonsense")
    assert caught.value.response.status_code == 401


def test_wrong_requests_are_refused_by_the_name_of_their_field(alice: Person, bob: Person, alices: Talk) -> None:
    conversation_id = alices.begin(bob)
    wrong: list[tuple[str, Json, str]] = [
        ("", {"member_ids": []}, "member_ids"),
        ("", {"member_ids": ["12345"]}, "member_ids"),
        ("", {"member_ids": [bob.account_id], "topic": "x"}, "topic"),
        ("", {"member_ids": [bob.account_id], "title": "x" * 101}, "title"),
        (f"/{conversation_id}/messages", {"text": " "}, "text"),
        (f"/{conversation_id}/messages", {"text": "x" * 5001}, "text"),
        (f"/{conversation_id}/messages", {"text": "x", "loud": True}, "loud"),
        (f"/{conversation_id}/read", {"sequence": 1}, "sequence"),
    ]
    for path, body, field in wrong:
        answer = alices.post(path, body)
        assert answer.status_code == 422, (path, body, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]
    assert alices.heard(conversation_id) == []


def test_same_key_sends_once_and_another_body_is_refused(alice: Person, bob: Person, alices: Talk) -> None:
    conversation_id = alices.begin(bob)
    first = alices.say(conversation_id, "Once", key="k1")
    assert alices.say(conversation_id, "Once", key="k1") == first
    refused = alices.post(f"/{conversation_id}/messages", {"text": "Twice"}, "k1")
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    begun = [alices.post("", {"member_ids": [bob.account_id], "title": "T"}, "k2").json()["id"] for _ in range(2)]
    assert begun[0] == begun[1]
    assert alices.heard(conversation_id) == [first]


def test_latest_activity_comes_first_page_by_page(
    alice: Person, bob: Person, carol: Person, alices: Talk, bobs: Talk
) -> None:
    numbers = [alices.begin(bob, title=f"Talk {n}") for n in range(5)]
    assert alices.listed() == numbers[::-1]
    bobs.say(numbers[0], "Up")
    alices.say(numbers[2], "Up")
    order = [numbers[2], numbers[0], numbers[4], numbers[3], numbers[1]]
    assert alices.listed() == bobs.listed() == order
    pages: list[list[str]] = []
    asked: Json = {}
    for _ in range(3):
        page = alices.get(limit=2, **asked).json()
        pages.append([item["id"] for item in page["items"]])
        asked = {"cursor": page["next_cursor"]}
    assert asked == {"cursor": None}
    assert pages == [order[:2], order[2:4], order[4:]]
    token = alices.get(limit=2).json()["next_cursor"]
    assert bobs.get(cursor=token).status_code == 422


def test_what_was_read_never_goes_back(alice: Person, bob: Person, alices: Talk, bobs: Talk) -> None:
    conversation_id = alices.begin(bob)
    for number in range(3):
        alices.say(conversation_id, f"number {number}")
    assert bobs.post(f"/{conversation_id}/read", {"sequence": 3}).json() == {"read_sequence": 3}
    assert bobs.post(f"/{conversation_id}/read", {"sequence": 1}).json() == {"read_sequence": 3}
    shown = bobs.get(f"/{conversation_id}")
    assert (shown.json()["read_sequence"], shown.json()["unread_count"]) == (3, 0)
    assert alices.get(f"/{conversation_id}").json()["read_sequence"] == 0


def test_messages_survive_a_killed_process_without_a_gap(
    platform: Platform, bob: Person, alices: Talk, bobs: Talk
) -> None:
    conversation_id = alices.begin(bob)
    texts = [f"number {number}" for number in range(40)]
    sent: list[Json] = []

    def say(text: str) -> Json:
        """Again and again with the same key, as a client does that hears nothing or a 503."""

        def once() -> Json:
            answer = alices.post(f"/{conversation_id}/messages", {"text": text}, text)
            return answer.json() if answer.status_code == 200 else {}

        return eventually(once, bool, within=RECOVERY_SECONDS, what="the message is sent")

    def say_all() -> None:
        for text in texts:
            sent.append(say(text))

    with chat(platform, bob) as socket, concurrent.futures.ThreadPoolExecutor(1) as pool:
        talking = pool.submit(say_all)
        for already in (5, 20):
            eventually(lambda: len(sent), lambda count, least=already: count >= least, within=60, what="messages")  # type: ignore[misc]
            platform.kill("messaging")
            platform.start("messaging")
        talking.result(timeout=RECOVERY_SECONDS)
        stored = bobs.heard(conversation_id)
        assert [message["sequence"] for message in stored] == list(range(1, len(texts) + 1))
        assert [message["text"] for message in stored] == texts
        assert sent == stored
        frames: list[Json] = []
        while len([frame for frame in frames if frame["type"] == "message"]) < len(texts):
            frames.append(receive(socket))
        assert [frame["data"] for frame in frames if frame["type"] == "message"] == stored
