"""Threads of direct posts to conversations, as clients know them: the latest post that the viewer is shown, and with
whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway_service.compose.audience import why_not_public
from gateway_service.compose.facts import Facts
from gateway_service.compose.hydrate import Hydrator
from gateway_service.compose.present import Presenter
from rookery.messaging.v1.direct_thread_service_pb2 import DirectPost, DirectThread
from rookery_common.auth import Identity
from rookery_common.clock import Clock


class DirectConversations:
    """Hydrates one answer's conversations, those whose latest posts may not be shown in a second round."""

    def __init__(self, hydrator: Hydrator, clock: Clock) -> None:
        self._hydrator = hydrator
        self._clock = clock

    async def shown(self, viewer: Identity, threads: Sequence[DirectThread]) -> dict[int, bytes]:
        """Conversations by the id of their thread, in this order, without those of which the viewer is shown no post.

        Raises AppError.
        """
        found = await self._round(viewer, [(thread, thread.posts[:1]) for thread in threads])
        rest = [thread for thread in threads if thread.thread_id not in found and len(thread.posts) > 1]
        if rest:
            found |= await self._round(viewer, [(thread, thread.posts[1:]) for thread in rest])
        return {thread.thread_id: found[thread.thread_id] for thread in threads if thread.thread_id in found}

    async def _round(
        self, viewer: Identity, candidates: Sequence[tuple[DirectThread, Sequence[DirectPost]]]
    ) -> dict[int, bytes]:
        posts = [post for _, posts in candidates for post in posts]
        if not posts:
            return {}
        people = {account_id for post in posts for account_id in post.account_ids}
        facts = await self._hydrator.posts(viewer, [post.post_id for post in posts], people)
        await self._hydrator.originals(viewer, facts)
        presenter = Presenter(viewer, facts, self._clock.unix_ms() / 1000)
        found = {}
        for thread, some in candidates:
            body = next((body for post in some if (body := _body(viewer, facts, presenter, thread, post))), None)
            if body is not None:
                found[thread.thread_id] = body
        return found


def _body(viewer: Identity, facts: Facts, presenter: Presenter, thread: DirectThread, post: DirectPost) -> bytes | None:
    """None where the viewer may not or would not see the post: nothing of those who are blocked or muted."""
    known = facts.posts.get(post.post_id)
    if known is None or why_not_public(viewer.account_id, known, 0, facts.relations) is not None:
        return None
    status = presenter.listed([post.post_id])
    if not status:
        return None
    accounts = {account_id: each.body for account_id, each in facts.accounts.items() if account_id in post.account_ids}
    return b'{"id":"%d","unread":%b,"accounts":[%b],"last_status":%b}' % (
        thread.thread_id,
        b"true" if thread.unread else b"false",
        b",".join(_others(viewer.account_id, accounts)),
        status[0],
    )


def _others(viewer_id: int, accounts: Mapping[int, bytes]) -> list[bytes]:
    """Whoever writes to nobody else talks to oneself."""
    others = [body for account_id, body in sorted(accounts.items()) if account_id != viewer_id]
    return others or list(accounts.values())
