"""Streams of lists and of what everybody sees: a client is told without asking, through Mastodon.py."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from harness.people import Person
from harness.platform import Platform
from harness.streams import listening
from harness.waiting import eventually
from mastodon import StreamListener

TOLD_SECONDS = 30.0


class Recorder(StreamListener):
    """The posts that a stream told of, and those whose end it told of."""

    def __init__(self) -> None:
        self.updates: list[str] = []
        self.edits: list[str] = []
        self.deletes: list[str] = []

    def on_update(self, status: Any) -> None:
        self.updates.append(str(status["id"]))

    def on_status_update(self, status: Any) -> None:
        self.edits.append(str(status["id"]))

    def on_delete(self, status_id: Any) -> None:
        self.deletes.append(str(status_id))


def told(told_of: list[str], post: str) -> None:
    """Waits for it: what comes next may overtake, for a post is shown as it is when it is asked for."""
    eventually(lambda: told_of, lambda seen: post in seen, within=TOLD_SECONDS, what="the event")


def test_public_posts_hashtags_and_lists_arrive_as_they_happen_without_whom_one_mutes(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    tag = f"Rooks{alice.account_id}"
    bob.api.account_follow(alice.account_id)
    bob.api.account_mute(carol.account_id)
    platform.drain()
    kept = bob.api.list_create("Rooks")
    bob.api.list_accounts_add(kept, [alice.account_id])
    everything, tagged, listed = Recorder(), Recorder(), Recorder()
    with ExitStack() as stack:
        stack.enter_context(listening(bob, everything, bob.api.stream_public))
        stack.enter_context(listening(bob, tagged, bob.api.stream_hashtag, tag.lower()))
        stack.enter_context(listening(bob, listed, bob.api.stream_list, kept))
        opened = (everything, tagged, listed)

        def knock() -> bool:
            """A stream is open a moment before all services know that it is."""
            alice.api.status_post(f"Is anybody there? #{tag}")
            return all(each.updates for each in opened)

        eventually(knock, bool, within=TOLD_SECONDS, what="all streams are listened to", step=1.0)
        unseen = str(carol.api.status_post(f"Nobody listens #{tag}")["id"])
        unlisted = str(alice.api.status_post(f"Quietly #{tag}", visibility="unlisted")["id"])
        told(listed.updates, unlisted)
        post = str(alice.api.status_post(f"One #{tag}")["id"])
        for each in opened:
            told(each.updates, post)
        alice.api.status_update(post, f"Two #{tag}")
        for each in opened:
            told(each.edits, post)
        alice.api.status_delete(post)
        for each in opened:
            told(each.deletes, post)
    assert not {unseen, unlisted} & {*everything.updates, *tagged.updates}
    assert unseen not in listed.updates
    assert {*tagged.edits} == {*listed.edits} == {*tagged.deletes} == {*listed.deletes} == {post}
