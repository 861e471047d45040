"""Edits posts: everything is checked, then one batch replaces what the post says and keeps what it said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import InvalidField, MediaNotFound, PostNotFound, TooManyEdits
from post_service.events import PostEvents
from post_service.models import MAX_EDITS, UNFINISHED, Draft, Edit, Media, MediaChange, Post, PostState, Visibility
from post_service.quote_models import QuotePolicy
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service.delete_post import PostRemover
from post_service.service.drafts import check_draft, tags_in, usernames_in
from post_service.service.media import described
from post_service.service.media_states import check_finished
from post_service.service.poll_drafts import edited_poll
from post_service.service.poll_ends import PollEnds
from post_service.service.read_posts import PostReader
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

_EDITABLE = (PostState.VISIBLE, PostState.HELD)
log = get_logger()


class PostEditor:
    """Edits posts. With `hold`, what an edit says waits for moderation's decision, as a new post does."""

    def __init__(
        self,
        posts: PostRepository,
        revisions: RevisionRepository,
        media: MediaRepository,
        reader: PostReader,
        remover: PostRemover,
        settler: Settler,
        users: UserClient,
        events: PostEvents,
        poll_ends: PollEnds,
        versions: HybridClock,
        clock: Clock,
        local_domain: str,
        *,
        hold: bool = False,
    ) -> None:
        self._posts = posts
        self._revisions = revisions
        self._media = media
        self._reader = reader
        self._remover = remover
        self._settler = settler
        self._users = users
        self._events = events
        self._poll_ends = poll_ends
        self._versions = versions
        self._clock = clock
        self._local_domain = local_domain
        self._hold = hold

    async def edit(self, author: Identity, post_id: int, edit: Edit) -> Post:
        """The post as it is now. Raises PostNotFound, also for others' posts, and InvalidField, MediaNotFound and
        TooManyEdits, all before anything is written."""
        before = await self._editable(author, post_id)
        edited = await self._compose(before, edit)
        if _says(edited) == _says(before):
            await self._reader.renew(before)  # A crash may have come between the edit and the cache.
            return before
        if before.edit_time and await self._revisions.count(post_id, MAX_EDITS + 1) > MAX_EDITS:
            raise TooManyEdits(f"a post can be edited {MAX_EDITS} times at most")
        if edited.poll != before.poll:
            await self._poll_ends.expect(edited)
        event = self._events.edited(edited)
        await self._revisions.edit(before, edited, event)
        metrics.POSTS_EDITED.inc()
        log.info("post.edited", post_id=edited.post_id, author_id=edited.author_id)
        stored = await self._settler.settle(edited)
        if stored.state == PostState.DELETED:
            await self._remover.remove_again(stored)
            raise PostNotFound
        await self._reader.renew(stored)
        await self._revisions.publish(event)  # After the cache: whoever is told of the edit finds it there.
        if stored.in_reply_to_id and stored.state != before.state:
            await self._reader.refresh_counts(stored.in_reply_to_id)
        if stored.state != before.state:
            await self._reader.refresh_quoted(stored)
        return stored

    async def _editable(self, author: Identity, post_id: int) -> Post:
        post = await self._posts.get(post_id)
        is_own = post is not None and post.author_id == author.account_id and not post.reblog_of_id
        if post is None or not is_own or post.state not in _EDITABLE:
            raise PostNotFound
        return post

    async def _compose(self, before: Post, edit: Edit) -> Post:
        draft = check_draft(
            Draft(
                text=edit.text,
                spoiler_text=edit.spoiler_text,
                sensitive=edit.sensitive,
                language=edit.language or before.language,
                media_ids=edit.media_ids,
                poll=edit.poll,
                quoted_id=before.quote.post_id if before.quote else 0,
            )
        )
        usernames, tags = usernames_in(draft, self._local_domain), tags_in(draft)
        media = await self._media_of(before, edit)
        mentions = await self._users.find_accounts(usernames) if usernames else []
        version = self._versions.next(max([before.version, *(item.version for item in media)]))
        return replace(
            before,
            text=draft.text,
            spoiler_text=draft.spoiler_text,
            sensitive=draft.sensitive,
            language=draft.language,
            media=tuple(replace(item, post_id=before.post_id, version=version) for item in media),
            mentions=tuple(mentions),
            tags=tags,
            poll=edited_poll(before.poll, draft.poll, self._clock.now(), version),
            version=version,
            edit_time=self._clock.now(),
            quote_policy=_policy(before, edit),
            state=PostState.HELD if self._hold else before.state,
        )

    async def _media_of(self, before: Post, edit: Edit) -> Sequence[Media]:
        """The author's own, attached to this post or to none, with the changes that are asked for."""
        changes = {change.media_id: change for change in edit.media_changes}
        if not changes.keys() <= set(edit.media_ids):
            raise InvalidField("media_attributes", "ERR_INVALID", "must be of media_ids")
        if not edit.media_ids:
            return []
        found = await self._media.get_many(edit.media_ids)
        own = {
            media.media_id
            for media in found.values()
            if media.account_id == before.author_id and media.post_id in (0, UNFINISHED, before.post_id)
        }
        if own != set(edit.media_ids):
            raise MediaNotFound("one of the media does not exist, is not yours, or is attached to another post")
        check_finished(found.values())
        return [_changed(found[media_id], changes.get(media_id)) for media_id in edit.media_ids]


def _changed(media: Media, change: MediaChange | None) -> Media:
    if change is None:
        return media
    return described(media, change.description, change.focus_x, change.focus_y)


def _policy(before: Post, edit: Edit) -> QuotePolicy:
    if edit.quote_policy is None or before.visibility in (Visibility.PRIVATE, Visibility.DIRECT):
        return before.quote_policy
    return edit.quote_policy


def _says(post: Post) -> tuple[object, ...]:
    """What an edit may change."""
    media = [(each.media_id, each.description, each.focus) for each in post.media]
    return post.text, post.spoiler_text, post.sensitive, post.language, post.poll, post.quote_policy, media
