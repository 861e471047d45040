"""A member's list by latest activity. Runs over the fakes, and from tests/engine over the engines."""

from __future__ import annotations

import pytest

from messaging_service.errors import InvalidField
from messaging_service.models import ConversationDraft
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.service import inbox as module
from messaging_service.service.conversations import Conversations
from messaging_service.service.inbox import Inbox
from messaging_service.service.messages import Messages
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock

HOUR = 3600.0


class Talks:
    """Conversations of alice and bob, by number."""

    def __init__(self, conversations: Conversations, messages: Messages, inbox: Inbox, alice: Identity) -> None:
        self._conversations = conversations
        self._messages = messages
        self._inbox = inbox
        self._alice = alice
        self.ids: list[int] = []
        self._count = 0

    async def begin(self) -> int:
        draft = ConversationDraft(f"c{len(self.ids)}", (102,), f"Talk {len(self.ids)}")
        view = await self._conversations.create(self._alice, draft)
        self.ids.append(view.conversation.conversation_id)
        return self.ids[-1]

    async def say(self, number: int) -> None:
        self._count += 1
        await self._messages.send(self._alice, self.ids[number], f"r{self._count}", "Caw")

    async def listed(self, member_id: int, size: int) -> list[list[int]]:
        """Numbers, page by page."""
        pages, token = [], ""
        while True:
            views, token = await self._inbox.page(member_id, size, token)
            pages.append([self.ids.index(view.conversation.conversation_id) for view in views])
            if not token:
                return pages


@pytest.fixture
def talks(conversations: Conversations, messages: Messages, inbox: Inbox, alice: Identity) -> Talks:
    return Talks(conversations, messages, inbox, alice)


async def test_the_latest_activity_comes_first(talks: Talks, clock: FakeClock) -> None:
    for _ in range(5):
        await talks.begin()
        clock.advance(1)
    assert await talks.listed(102, 40) == [[4, 3, 2, 1, 0]]
    await talks.say(1)
    clock.advance(1)
    await talks.say(3)
    assert await talks.listed(101, 2) == [[3, 1], [4, 2], [0]]
    assert await talks.listed(103, 2) == [[]]


async def test_conversations_move_from_hour_to_hour(
    talks: Talks, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP_ROWS", 3)
    for _ in range(12):
        await talks.begin()
        clock.advance(HOUR / 5)
    order = list(range(11, -1, -1))
    for number in (0, 7, 3, 7, 11, 0):
        clock.advance(HOUR * 0.7)
        await talks.say(number)
        order = [number, *(each for each in order if each != number)]
        for size in (1, 4, 12, 40):
            found = await talks.listed(102, size)
            assert [number for page in found for number in page] == order
            assert all(len(page) == size for page in found[:-1])


async def test_a_list_tells_how_things_stand(
    talks: Talks, conversations: Conversations, inbox: Inbox, clock: FakeClock
) -> None:
    number = await talks.begin()
    for _ in range(3):
        await talks.say(0)
    await conversations.mark_read(102, number, 2)
    (view,), token = await inbox.page(102, 0, "")
    assert (view.title, view.head.sequence, view.read_sequence, token) == ("Talk 0", 3, 2, "")


async def test_what_becomes_active_while_one_turns_pages_is_not_shown_twice(
    talks: Talks, inbox: Inbox, clock: FakeClock
) -> None:
    for _ in range(4):
        await talks.begin()
        clock.advance(1)
    first, token = await inbox.page(101, 2, "")
    clock.advance(HOUR)
    await talks.say(0)
    second, token = await inbox.page(101, 2, token)
    seen = [talks.ids.index(view.conversation.conversation_id) for view in (*first, *second)]
    assert (seen, token) == ([3, 2, 1], "")


async def test_a_row_that_was_left_behind_is_put_right_when_it_is_read(
    talks: Talks, conversation_rows: ConversationRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await talks.begin()
        clock.advance(HOUR)

    async def fails(*_args: object) -> None:
        raise Unavailable("the database is not available")

    with monkeypatch.context() as patched:
        patched.setattr(conversation_rows, "index", fails)
        await talks.say(0)
    for member in (101, 102):
        assert await talks.listed(member, 40) == [[0, 2, 1]]
        assert await talks.listed(member, 1) == [[0], [2], [1]]


async def test_a_token_is_of_one_member_and_of_this_list(talks: Talks, inbox: Inbox, clock: FakeClock) -> None:
    for _ in range(3):
        await talks.begin()
        clock.advance(1)
    _, token = await inbox.page(101, 1, "")
    for member, wrong in ((102, token), (101, token[:-1]), (101, "nonsense")):
        with pytest.raises(InvalidField) as caught:
            await inbox.page(member, 1, wrong)
        assert caught.value.fields[0].field == "page_token"
    for size in (-1, 41):
        with pytest.raises(InvalidField):
            await inbox.page(101, size, "")
