"""What two write to each other alone is a conversation of both, through Mastodon.py."""

from __future__ import annotations

from typing import Any

from harness.people import Person
from harness.platform import Platform
from harness.streams import listening
from harness.waiting import eventually
from mastodon import StreamListener

TOLD_SECONDS = 30.0


class Recorder(StreamListener):
    """The latest posts of the conversations that a stream told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_conversation(self, conversation: Any) -> None:
        self.told.append(str(conversation["last_status"]["id"]))


def told(recorder: Recorder, status: Any) -> None:
    eventually(
        lambda: recorder.told, lambda seen: str(status["id"]) in seen, within=TOLD_SECONDS, what="the conversation"
    )


def in_list(person: Person) -> list[tuple[str, bool]]:
    """The latest posts of the person's conversations, and which are unread."""
    return [(str(each["last_status"]["id"]), each["unread"]) for each in person.api.conversations()]


def test_direct_posts_are_a_conversation_of_those_in_it_live_read_deleted_and_without_whom_one_blocks(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    def say(author: Person, to: Person, answered: Any = None) -> Any:
        return author.api.status_post(f"@{to.username} Between us", visibility="direct", in_reply_to_id=answered)

    recorder = Recorder()
    with listening(bob, recorder, bob.api.stream_direct):

        def knock() -> bool:
            """A stream is open a moment before all services know that it is."""
            say(carol, bob)
            return bool(recorder.told)

        eventually(knock, bool, within=TOLD_SECONDS, what="carol's conversation")
        first = say(alice, bob)
        told(recorder, first)
        answer = say(bob, alice, first)
        again = say(alice, bob, answer)
        told(recorder, again)
    platform.drain()
    first_id, answer_id, again_id = (str(each["id"]) for each in (first, answer, again))
    assert in_list(alice) == [(again_id, False)]
    assert in_list(bob)[0] == (again_id, True)
    newest = bob.api.conversations(limit=1)
    assert [str(each["id"]) for each in newest[0]["accounts"]] == [alice.account_id]
    older = bob.api.fetch_next(newest)
    assert older is not None
    assert [str(each["id"]) for each in older[0]["accounts"]] == [carol.account_id]
    assert not bob.api.conversations_read(newest[0])["unread"]
    assert in_list(bob)[0] == (again_id, False)
    alice.api.status_delete(again)
    assert in_list(bob)[0] == (answer_id, False)
    bob.api.account_block(alice.account_id)
    assert in_list(bob)[0][0] == answer_id
    bob.api.status_delete(answer)
    assert not {first_id, answer_id} & {post_id for post_id, _ in in_list(bob)}
