"""Creates posts: everything is checked, then one batch writes the post with all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import IdempotencyConflict, MediaNotFound
from post_service.events import PostCodec, PostEvents
from post_service.models import (
    CountedPost,
    Draft,
    KeyClaim,
    Media,
    Mention,
    Post,
    PostCounts,
    PostState,
    SealedPost,
)
from post_service.repository.cache import PostCache
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.drafts import body_hash, check_draft, tags_in, usernames_in
from post_service.service.media_states import check_finished
from post_service.service.poll_drafts import new_poll
from post_service.service.poll_ends import PollEnds
from post_service.service.quotes import QuoteRule, quote_of, quoting
from post_service.service.read_posts import PostReader
from post_service.service.replies import ReplyRule
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.ids import IdSource, time_of
from rookery_common.logs import get_logger

log = get_logger()


class Surroundings(NamedTuple):
    """What a draft refers to, as found: what it answers and quotes, its media, mentions and hashtags."""

    parent: SealedPost | None
    quoted: Post | None
    media: Sequence[Media]
    mentions: Sequence[Mention]
    tags: tuple[str, ...]


class Made(NamedTuple):
    """A post, and whether this very request has made it."""

    post: Post
    now: bool


class PostWriter:
    """Creates posts.

    With an Idempotency-Key the key's row is written first and holds the id: after a crash in between, the same request
    finds the id and writes the post under it. Without a key, a request that is repeated makes another post.
    """

    def __init__(
        self,
        posts: PostRepository,
        media: MediaRepository,
        cache: PostCache,
        reader: PostReader,
        users: UserClient,
        codec: PostCodec,
        events: PostEvents,
        poll_ends: PollEnds,
        quotes: QuoteRule,
        replies: ReplyRule,
        ids: IdSource,
        versions: HybridClock,
        local_domain: str,
        *,
        hold: bool = False,
    ) -> None:
        """With `hold`, what is posted waits for moderation's decision before others see it."""
        self._posts = posts
        self._media = media
        self._cache = cache
        self._reader = reader
        self._users = users
        self._codec = codec
        self._events = events
        self._poll_ends = poll_ends
        self._quotes = quotes
        self._replies = replies
        self._ids = ids
        self._versions = versions
        self._local_domain = local_domain
        self._state = PostState.HELD if hold else PostState.VISIBLE

    async def make(self, author: Identity, draft: Draft) -> Made:
        """The new post, or the one that the same request made before. Raises InvalidField, ReplyNotFound,
        ReplyNotAllowed, QuoteNotFound, MediaNotFound and IdempotencyConflict, all before anything is written."""
        draft = check_draft(draft)
        usernames, tags = usernames_in(draft, self._local_domain), tags_in(draft)
        claim = await self._find_claim(author, draft)
        made = await self._posts.get(claim.post_id) if claim else None
        if made is not None:
            return Made(made, now=False)
        parent = await self._replies.answerable(author, draft.in_reply_to_id)
        quoted = await self._quotes.quotable(author, draft.quoted_id)
        media = await self._free_media(author, draft, claim)
        mentions = await self._users.find_accounts(usernames) if usernames else []
        fitting = quoting(draft, author, quoted, mentions)
        if claim is None:
            claim = await self._claim(author, draft)
            made = await self._posts.get(claim.post_id) if draft.request_id else None
            if made is not None:  # The same request, served by another process meanwhile.
                return Made(made, now=False)
        around = Surroundings(parent, quoted, media, mentions, tags)
        post = self._compose(author, fitting, claim.post_id, around)
        await self._write(post)
        return Made(post, now=True)

    def checked(self, draft: Draft) -> Draft:
        """The draft as it would be posted. Raises InvalidField."""
        checked = check_draft(draft)
        usernames_in(checked, self._local_domain)
        tags_in(checked)
        return checked

    async def check(self, author: Identity, draft: Draft, *, held_by: int) -> list[Media]:
        """The media of a checked draft that is posted later, free or held for it.

        Raises ReplyNotFound, ReplyNotAllowed, QuoteNotFound and MediaNotFound.
        """
        await self._replies.answerable(author, draft.in_reply_to_id)
        await self._quotes.quotable(author, draft.quoted_id)
        return await self._free_media(author, draft, KeyClaim(b"", held_by))

    async def free_media(self, author: Identity, draft: Draft, *, held_by: int) -> list[Media]:
        """The media of a draft, free or held for it. Raises MediaNotFound."""
        return await self._free_media(author, draft, KeyClaim(b"", held_by))

    async def publish(self, author: Identity, draft: Draft, post_id: int, held_by: int) -> Post:
        """The post of a checked draft, under the id that was claimed for it, from media held for it; it may be there
        already. Raises ReplyNotFound, ReplyNotAllowed, QuoteNotFound, MediaNotFound, InvalidField."""
        made = await self._posts.get(post_id)
        if made is not None:
            return made
        usernames, tags = usernames_in(draft, self._local_domain), tags_in(draft)
        parent = await self._replies.answerable(author, draft.in_reply_to_id)
        quoted = await self._quotes.quotable(author, draft.quoted_id)
        media = await self._free_media(author, draft, KeyClaim(b"", post_id), held_by)
        mentions = await self._users.find_accounts(usernames) if usernames else []
        around = Surroundings(parent, quoted, media, mentions, tags)
        post = self._compose(author, quoting(draft, author, quoted, mentions), post_id, around)
        await self._write(post)
        return post

    async def _find_claim(self, author: Identity, draft: Draft) -> KeyClaim | None:
        if not draft.request_id:
            return None
        claim = await self._posts.find_claim(author.account_id, draft.request_id)
        return claim and _same_body(claim, draft)

    async def _claim(self, author: Identity, draft: Draft) -> KeyClaim:
        if not draft.request_id:
            return KeyClaim(b"", self._ids.mint())
        minted = KeyClaim(body_hash(draft), self._ids.mint())
        return _same_body(await self._posts.claim(author.account_id, draft.request_id, minted), draft)

    async def _free_media(
        self, author: Identity, draft: Draft, claim: KeyClaim | None, held_by: int = 0
    ) -> list[Media]:
        """The draft's media: the author's own, and attached to nothing but the post that this very request has made."""
        if not draft.media_ids:
            return []
        found = await self._media.get_many(draft.media_ids)
        own = {media_id for media_id, media in found.items() if media.account_id == author.account_id}
        if own != set(draft.media_ids):
            raise MediaNotFound("one of the media does not exist or is not yours")
        check_finished(found.values())
        taken_by = {media.post_id for media in found.values()} - {0, held_by}
        if taken_by and claim is None:  # Perhaps by the same request, which another process serves just now.
            claim = await self._find_claim(author, draft)
        if taken_by - ({claim.post_id} if claim else set()):
            raise MediaNotFound("one of the media is attached to another post")
        return [found[media_id] for media_id in draft.media_ids]

    def _compose(self, author: Identity, draft: Draft, post_id: int, around: Surroundings) -> Post:
        parent, quoted, media, mentions, tags = around
        version = self._versions.next(max((item.version for item in media), default=0))
        return Post(
            post_id=post_id,
            author_id=author.account_id,
            text=draft.text,
            spoiler_text=draft.spoiler_text,
            sensitive=draft.sensitive,
            visibility=draft.visibility,
            language=draft.language,
            in_reply_to_id=parent.post_id if parent else 0,
            in_reply_to_account_id=parent.author_id if parent else 0,
            thread_id=parent.thread_id if parent else post_id,
            create_time=time_of(post_id),
            media=tuple(replace(item, post_id=post_id, version=version) for item in media),
            mentions=tuple(mentions),
            tags=tags,
            application_name=draft.application_name,
            application_website=draft.application_website,
            poll=new_poll(draft.poll, time_of(post_id), post_id) if draft.poll else None,
            version=version,
            state=self._state,
            quote=quote_of(quoted),
            quote_policy=draft.quote_policy,
            reply_policy=draft.reply_policy,
        )

    async def _write(self, post: Post) -> None:
        await self._poll_ends.expect(post)
        event = self._events.created(post)
        await self._posts.create(post, event)
        await self._posts.publish(event)
        metrics.POSTS_CREATED.inc()
        log.info("post.created", post_id=post.post_id, author_id=post.author_id)
        await self._cache.put(CountedPost(self._codec.seal(post), PostCounts()), stamp=0)
        if post.in_reply_to_id and post.state == PostState.VISIBLE:
            await self._reader.refresh_counts(post.in_reply_to_id)
        await self._reader.refresh_quoted(post)


def _same_body(claim: KeyClaim, draft: Draft) -> KeyClaim:
    if claim.body_hash != body_hash(draft):
        raise IdempotencyConflict("this Idempotency-Key was used with another body")
    return claim
