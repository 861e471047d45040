"""What posts tell: those whom they name, and the author of what they show again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from notification_service.models import Act, Kind, Notification, PostChange, PostGone, PostSeen, TellingKey, Told
from notification_service.placement import notification_id, notification_of
from notification_service.repository.told import ToldRepository
from notification_service.service.tell import Teller, is_told


class Authors(Protocol):
    """Where it is asked whose posts are shown again."""

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        """Without those that nobody but their author may see."""
        ...


class PostTeller:
    """Takes over changes of posts.

    A post is told of once to each whom it names, under the id of the time when it was first told of: its becoming
    visible again after a decision, or an edit, tells only whom it had not told.
    """

    def __init__(self, teller: Teller, told: ToldRepository, authors: Authors) -> None:
        self._teller = teller
        self._told = told
        self._authors = authors

    async def apply(self, changes: Sequence[PostChange]) -> None:
        """In their order for each post. Raises Unavailable: then it is to be done again."""
        await self._tell(await self._acts([change for change in changes if isinstance(change, PostSeen)]))
        await self._unquote([change for change in changes if isinstance(change, PostSeen)])
        await self._end({change.post_id: change for change in changes if isinstance(change, PostGone)})

    async def _acts(self, seen: Sequence[PostSeen]) -> dict[TellingKey, Act]:
        originals = {post.reblog_of_id for post in seen if post.reblog_of_id}
        authors = await self._authors.of_posts(originals) if originals else {}
        acts: dict[TellingKey, Act] = {}
        for post in seen:
            for act in _acts_of(post, authors):
                if is_told(act):
                    acts.setdefault((act.source_id, act.kind, act.recipient_id), act)
        return acts

    async def _tell(self, acts: Mapping[TellingKey, Act]) -> None:
        if not acts:
            return
        found = await self._told.of_posts({source_id for source_id, _, _ in acts})
        known = {(told.source_id, told.kind, told.recipient_id): told.notification_id for told in found}
        due = {key: notification_of(act) for key, act in acts.items() if _is_due(act, known.get(key, 0))}
        await self._told.add([Told(*key, due[key].notification_id) for key in due if key not in known])
        await self._teller.tell(list(due.values()))

    async def _unquote(self, seen: Sequence[PostSeen]) -> None:
        """Whoever takes a post of theirs away from a quote is told of it no longer."""
        keys = [(post.post_id, Kind.QUOTE, post.unquoted_author_id) for post in seen if post.unquoted_author_id]
        if keys:
            authors = {post.post_id: post.author_id for post in seen}
            told = await self._told.standing(keys)
            gone = [
                Notification(number, recipient_id, kind, authors[post_id], post_id)
                for (post_id, kind, recipient_id), number in told.items()
            ]
            await self._teller.put_away(gone, "unquoted")

    async def _end(self, gone: Mapping[int, PostGone]) -> None:
        if not gone:
            return
        told = await self._told.of_posts(gone)
        # That it was taken down stays told, whatever its author does with it.
        ended = [each for each in told if each.kind is not Kind.MODERATION_WARNING]
        await self._teller.put_away([_gone(each, gone[each.source_id]) for each in ended], "post_deleted")


def _gone(told: Told, post: PostGone) -> Notification:
    subject_id = post.reblog_of_id if told.kind is Kind.REBLOG else post.post_id
    return Notification(told.notification_id, told.recipient_id, told.kind, post.author_id, subject_id)


def _is_due(act: Act, known_id: int) -> bool:
    """Not if an earlier event of the post told it; but again if this very one did, whose telling may not have ended."""
    return known_id in (0, notification_id(act))


def _acts_of(post: PostSeen, authors: Mapping[int, int]) -> Iterator[Act]:
    for account_id in post.mentioned:
        yield Act(account_id, Kind.MENTION, post.author_id, post.post_id, post.post_id, post.at_ms)
    if post.quoted_author_id:
        yield Act(post.quoted_author_id, Kind.QUOTE, post.author_id, post.post_id, post.post_id, post.at_ms)
    author_id = authors.get(post.reblog_of_id)
    if author_id is not None:
        yield Act(author_id, Kind.REBLOG, post.author_id, post.reblog_of_id, post.post_id, post.at_ms)
