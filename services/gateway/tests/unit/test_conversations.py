"""Conversations over HTTP: what messaging is asked for, and what people are shown of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import AppError, FieldViolation, InvalidArgument, NotFound, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/rookery/v1/conversations"
Headers = dict[str, str]


class FakeMessaging:
    """One conversation, of whoever asks and the others named; `failure` is raised instead, once it is set."""

    def __init__(self) -> None:
        self.conversation = pb.Conversation(conversation_id=7, title="Rooks", last_sequence=3, read_sequence=1)
        self.conversation.create_time.FromMilliseconds(1_700_000_000_123)
        self.messages = [self._message(sequence) for sequence in (1, 2, 3)]
        self.token = ""
        self.failure: AppError | None = None
        self.calls: list[tuple[str, Any, int]] = []

    async def call(self, method: str, request: Any, *, identity: Identity, idempotent: bool, **_options: Any) -> Any:
        self.calls.append((method, request, identity.account_id))
        assert idempotent
        if self.failure is not None:
            raise self.failure
        return getattr(self, method)(request)

    @property
    def asked(self) -> Any:
        """The last request."""
        return self.calls[-1][1]

    @staticmethod
    def _message(sequence: int) -> pb.Message:
        text = "Caw <b>&amp;"
        message = pb.Message(message_id=100 + sequence, conversation_id=7, sequence=sequence, sender_id=1001, text=text)
        message.create_time.FromMilliseconds(1_700_000_000_123 + sequence)
        return message

    def CreateConversation(self, request: pb.CreateConversationRequest) -> Any:
        return pb.CreateConversationResponse(conversation=self.conversation)

    def ListConversations(self, request: pb.ListConversationsRequest) -> Any:
        return pb.ListConversationsResponse(conversations=[self.conversation], next_page_token=self.token)

    def GetConversation(self, request: pb.GetConversationRequest) -> Any:
        return pb.GetConversationResponse(conversation=self.conversation)

    def SendMessage(self, request: pb.SendMessageRequest) -> Any:
        return pb.SendMessageResponse(message=self.messages[0])

    def ListMessages(self, request: pb.ListMessagesRequest) -> Any:
        return pb.ListMessagesResponse(messages=self.messages if request.oldest_first else self.messages[::-1])

    def MarkRead(self, request: pb.MarkReadRequest) -> Any:
        return pb.MarkReadResponse(read_sequence=3)


@pytest.fixture
def alice(world: World) -> Headers:
    return world.newcomer("alice")[1]


@pytest.fixture(autouse=True)
def messaging(world: World, alice: Headers) -> FakeMessaging:
    fake = FakeMessaging()
    cast(Any, world).messaging = fake
    bob, _ = world.newcomer("bob")
    fake.conversation.member_ids.extend([1001, bob, 9999])
    fake.conversation.creator_id = bob
    return fake


async def test_a_conversation_is_begun_and_shown_with_its_members(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    body = {"member_ids": ["1002"], "title": "Rooks"}
    answer = await http.post(PATH, json=body, headers={**alice, "idempotency-key": "once"})
    assert answer.status_code == 200
    shown = answer.json()
    assert [member["username"] for member in shown.pop("members")] == ["alice", "bob"]
    assert shown == {
        "id": "7",
        "title": "Rooks",
        "creator_id": "1002",
        "member_ids": ["1001", "1002", "9999"],
        "last_sequence": 3,
        "read_sequence": 1,
        "unread_count": 2,
        "created_at": "2023-11-14T22:13:20.123Z",
    }
    method, asked, who = messaging.calls[-1]
    assert (method, who, asked.request_id) == ("CreateConversation", 1001, "once")
    assert (list(asked.member_ids), asked.title) == ([1002], "Rooks")


async def test_without_a_key_each_request_has_one_of_its_own(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    keys = set()
    for _ in range(2):
        await http.post(PATH, json={"member_ids": ["1002"]}, headers=alice)
        keys.add(messaging.asked.request_id)
        await http.post(f"{PATH}/7/messages", json={"text": "Caw"}, headers=alice)
        keys.add(messaging.asked.request_id)
    assert len(keys) == 4
    assert "" not in keys


async def test_a_list_has_a_cursor_and_a_link_while_there_is_more(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    answer = await http.get(PATH, headers=alice)
    assert ([item["id"] for item in answer.json()["items"]], answer.json()["next_cursor"]) == (["7"], None)
    assert "link" not in answer.headers
    assert messaging.asked.page_size == 20
    messaging.token = "next"
    answer = await http.get(PATH, params={"limit": "1000", "cursor": "here"}, headers=alice)
    assert (messaging.asked.page_size, messaging.asked.page_token) == (40, "here")
    assert answer.json()["next_cursor"] == "next"
    assert answer.headers["link"] == f'<http://rookery.test{PATH}?limit=40&cursor=next>; rel="next"'


async def test_a_cursor_of_another_list_is_refused_by_its_name(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    messaging.failure = InvalidArgument("no", fields=[FieldViolation("page_token", "ERR_INVALID", "is wrong")])
    answer = await http.get(PATH, params={"cursor": "there"}, headers=alice)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/cursor"
    messaging.failure = InvalidArgument("no", fields=[FieldViolation("other", "ERR_INVALID", "is wrong")])
    assert (await http.get(PATH, headers=alice)).json()["errors"][0]["pointer"] == "#/other"


async def test_messages_come_in_either_direction(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    async def listed(**params: str) -> tuple[list[int], str]:
        answer = await http.get(f"{PATH}/7/messages", params=params, headers=alice)
        return [item["sequence"] for item in answer.json()["items"]], answer.headers["link"]

    page = f"<http://rookery.test{PATH}/7/messages?limit="
    assert await listed() == ([3, 2, 1], f'{page}40&after=3>; rel="prev"')
    assert (messaging.asked.oldest_first, messaging.asked.after_sequence) == (False, 0)
    del messaging.messages[0]
    assert await listed(after="0", limit="5") == (
        [2, 3],
        f'{page}5&after=3>; rel="next", {page}5&before=2>; rel="prev"',
    )
    assert (messaging.asked.oldest_first, messaging.asked.page_size) == (True, 5)
    assert (await listed(before="9", limit="500"))[0] == [3, 2]
    assert (messaging.asked.before_sequence, messaging.asked.page_size) == (9, 100)
    messaging.messages.clear()
    answer = await http.get(f"{PATH}/7/messages", headers=alice)
    assert answer.json() == {"items": []}
    assert "link" not in answer.headers


async def test_a_message_is_sent_and_shown_as_it_was_written(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging
) -> None:
    answer = await http.post(f"{PATH}/7/messages", json={"text": "Caw <b>&amp;"}, headers=alice)
    assert answer.json() == {
        "id": "101",
        "conversation_id": "7",
        "sequence": 1,
        "sender_id": "1001",
        "text": "Caw <b>&amp;",
        "deleted": False,
        "created_at": "2023-11-14T22:13:20.124Z",
    }
    assert (messaging.asked.conversation_id, messaging.asked.text) == (7, "Caw <b>&amp;")
    answer = await http.post(f"{PATH}/7/read", data={"sequence": "2"}, headers=alice)
    assert answer.json() == {"read_sequence": 3}
    assert messaging.asked == pb.MarkReadRequest(conversation_id=7, sequence=2)


async def test_what_has_not_changed_is_not_sent_again(http: httpx2.AsyncClient, alice: Headers) -> None:
    for path in (PATH, f"{PATH}/7", f"{PATH}/7/messages"):
        first = await http.get(path, headers=alice)
        tag = first.headers["etag"]
        for known in (tag, f'"other", W/{tag}', "*"):
            again = await http.get(path, headers={**alice, "if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await http.get(path, headers={**alice, "if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "?offset=1", None, "offset"),
        ("GET", "?limit=0", None, "limit"),
        ("GET", "/7?full=1", None, "full"),
        ("GET", "/7/messages?max_id=1", None, "max_id"),
        ("GET", "/7/messages?after=-1", None, "after"),
        ("GET", "/7/messages?after=1&before=5", None, "before"),
        ("POST", "", {"member_ids": ["x"]}, "member_ids"),
        ("POST", "", {"member_ids": ["1"], "name": "x"}, "name"),
        ("POST", "/7/messages", {"text": "x", "loud": True}, "loud"),
        ("POST", "/7/messages", {"text": 5}, "text"),
        ("POST", "/7/read", {}, "sequence"),
        ("POST", "/7/read", {"sequence": "last"}, "sequence"),
    ],
)
async def test_what_is_wrong_is_named_in_a_problem(
    http: httpx2.AsyncClient,
    alice: Headers,
    messaging: FakeMessaging,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    field: str,
) -> None:
    answer = await http.request(method, f"{PATH}{path}", json=body, headers=alice)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]
    assert messaging.calls == []


def with_reason(error: AppError, reason: str) -> AppError:
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (with_reason(NotFound("there is no such conversation"), "CONVERSATION_NOT_FOUND"), 404),
        (with_reason(NotFound("has an account that does not exist"), "MEMBER_NOT_FOUND"), 422),
        (with_reason(PermissionDenied("one of you blocks the other"), "BLOCKED"), 403),
        (Unavailable("messaging is away"), 503),
    ],
)
async def test_what_messaging_refuses_is_told_as_a_problem(
    http: httpx2.AsyncClient, alice: Headers, messaging: FakeMessaging, failure: AppError, status: int
) -> None:
    messaging.failure = failure
    for method, path in (("GET", "/7"), ("GET", "/7/messages"), ("POST", "/7/messages")):
        body = {"text": "Caw"} if method == "POST" else None
        answer = await http.request(method, f"{PATH}{path}", json=body, headers=alice)
        assert (answer.status_code, answer.json()["code"]) == (status, failure.reason)


async def test_a_user_and_scopes_are_needed(http: httpx2.AsyncClient, world: World) -> None:
    _, reader = world.newcomer("reader", "read")
    _, writer = world.newcomer("writer", "write")
    assert (await http.get(PATH)).status_code == 401
    assert (await http.get(PATH, headers=world.app_headers())).status_code == 422
    assert (await http.get(PATH, headers=writer)).status_code == 403
    assert (await http.post(f"{PATH}/7/messages", json={"text": "Caw"}, headers=reader)).status_code == 403
    assert (await http.get("/api/rookery/v1/conversations/nonsense", headers=reader)).status_code == 404
