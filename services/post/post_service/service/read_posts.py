"""Reads posts for viewers: by the cache first, and only what each of them may see."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import InvalidField, PostNotFound
from post_service.events import PostCodec
from post_service.models import (
    MAX_POSTS_PER_QUERY,
    NO_MARKS,
    CountedPost,
    Post,
    PostCounts,
    PostQuery,
    PostState,
    PostView,
    SealedPost,
)
from post_service.quote_models import QuoteState
from post_service.repository.cache import PostCache
from post_service.repository.engagements import EngagementRepository
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import quote_fact
from post_service.service.marks import Marked, MarkReader
from post_service.service.polls import PollReader
from post_service.service.visibility import depends_on_follow, is_everybodys, may_review, may_see
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

log = get_logger()


@dataclass(frozen=True, slots=True)
class ViewerQuery:
    """Posts that one viewer asks for; no identity for nobody signed in."""

    identity: Identity | None
    posts: Sequence[PostQuery]


class PostReader:
    """Finds posts and their counts, and decides who may see them."""

    def __init__(
        self,
        posts: PostRepository,
        engagements: EngagementRepository,
        marks: MarkReader,
        polls: PollReader,
        cache: PostCache,
        codec: PostCodec,
        users: UserClient,
        versions: HybridClock,
    ) -> None:
        self._posts = posts
        self._engagements = engagements
        self._marks = marks
        self._polls = polls
        self._cache = cache
        self._codec = codec
        self._users = users
        self._versions = versions

    async def batch_get(self, queries: Sequence[ViewerQuery]) -> list[list[PostView] | AppError]:
        """For each of the queries the posts that its viewer may see, in the order asked for; all are read together."""
        asked = [_ids(query) if len(query.posts) <= MAX_POSTS_PER_QUERY else [] for query in queries]
        viewers = [viewer_of(query.identity) for query in queries]
        found, marks = await asyncio.gather(
            self._load_shown({post_id for post_ids in asked for post_id in post_ids}),
            self._marks.of_posts(list(zip(viewers, asked, strict=True))),
        )
        marked_posts = await self._marks.with_threads(viewers, asked, marks, found)
        # Of these nothing has to be found out for each viewer: most are. Made once for all who hold them as they are.
        everybodys = {
            post_id: PostView(post, counts, True, NO_MARKS)
            for post_id, (post, counts) in found.items()
            if is_everybodys(post)
        }
        follows = await self._follows(queries, found, everybodys)
        answers = [
            _answer(query, found, everybodys, marked, following)
            for query, marked, following in zip(queries, marked_posts, follows, strict=True)
        ]
        return await self._polls.add(viewers, answers)

    async def visible(self, identity: Identity | None, post_ids: Iterable[int]) -> dict[int, SealedPost]:
        """The posts that the viewer may see, by id."""
        return {post_id: post for post_id, (post, _) in (await self.visible_counted(identity, post_ids)).items()}

    async def visible_counted(self, identity: Identity | None, post_ids: Iterable[int]) -> dict[int, CountedPost]:
        """As `visible`, with counts."""
        asked = list(post_ids)
        found = await self._load_shown(asked)
        viewer = viewer_of(identity)
        following = await self._following(identity, (counted.post for counted in found.values()))
        return {
            post_id: found[post_id]
            for post_id in asked
            if post_id in found and _is_shown(viewer, found[post_id].post, found, following)
        }

    async def original(self, post_id: int) -> SealedPost:
        """The post, or the one that it shows if it is a reblog, whoever may see it. Raises PostNotFound."""
        post = (await self.load_posts([post_id])).get(post_id)
        if post is not None and post.reblog_of_id:
            post = (await self.load_posts([post.reblog_of_id])).get(post.reblog_of_id)
        if post is None:
            raise PostNotFound
        return post

    async def require_visible(self, identity: Identity, post: SealedPost) -> None:
        """Before the account does something with the post.

        Raises PostNotFound where it may not see it or a block keeps the two apart, Unavailable while that is not known.
        """
        following: frozenset[int] = frozenset()
        if post.author_id != viewer_of(identity):
            relation = (await self._users.relations(identity, [post.author_id])).get(post.author_id)
            if relation is None:
                raise Unavailable("it is not known now whether this post may be seen")
            if relation.apart:
                raise PostNotFound
            following = frozenset({post.author_id}) if relation.following else following
        if not may_see(viewer_of(identity), post, following):
            raise PostNotFound

    async def load_posts(self, post_ids: Iterable[int]) -> dict[int, SealedPost]:
        """Posts by id, whoever may see them."""
        return {post_id: counted.post for post_id, counted in (await self._load(post_ids)).items()}

    async def refresh_counts(self, post_id: int) -> None:
        """After a write that counts: the next reader sees it."""
        stamp = self._versions.next()
        try:
            counts = await self._count([post_id])
        except (Unavailable, DeadlineExceeded) as error:
            # What was written stands, and must not be reported as failed; the cached count is old for an hour at most.
            log.warning("post.counts_not_refreshed", post_id=post_id, reason=error.reason)
            return
        await self._cache.put_counts(post_id, counts[post_id], stamp)

    async def refresh_quoted(self, post: Post) -> None:
        """After a change of a post that quotes another: what the other counts includes it."""
        fact = quote_fact(post)
        if fact is None:
            return
        try:
            await self._engagements.recount(fact)
        except (Unavailable, DeadlineExceeded) as error:
            log.warning("post.quotes_not_recounted", post_id=fact.post_id, reason=error.reason)
        await self.refresh_counts(fact.post_id)

    async def overwrite(self, post: Post) -> None:
        """After a decision: what is cached shows the post as it is now. Raises Unavailable."""
        stamp = self._versions.next()
        counts = await self._count([post.post_id])
        await self._cache.overwrite(CountedPost(self._codec.seal(post), counts[post.post_id]), stamp)

    async def refresh(self, post_id: int) -> None:
        """After an event that tells of an edit: what an outage has left in the cache goes. Raises Unavailable."""
        post = await self._posts.get(post_id)
        if post is not None:
            await self.overwrite(post)

    async def renew(self, post: Post) -> None:
        """After an edit: as `overwrite`, as far as the cache is there."""
        stamp = self._versions.next()
        counts = await self._count([post.post_id])
        await self._cache.put(CountedPost(self._codec.seal(post), counts[post.post_id]), stamp)

    async def _follows(
        self, queries: Sequence[ViewerQuery], found: Mapping[int, CountedPost], everybodys: Mapping[int, PostView]
    ) -> Sequence[Container[int]]:
        """For each viewer the authors that decide about some of the posts, as far as the viewer follows them."""
        if len(everybodys) == len(found):
            return [frozenset[int]()] * len(queries)
        decisive = [_decisive(query, found, everybodys) for query in queries]
        return await asyncio.gather(
            *(self._following(query.identity, posts) for query, posts in zip(queries, decisive, strict=True))
        )

    async def _following(self, identity: Identity | None, posts: Iterable[SealedPost]) -> frozenset[int]:
        """The authors that decide about some of the posts, as far as the viewer follows them.

        While user is away nobody is known to follow: such posts are left out, the others are shown.
        """
        viewer = viewer_of(identity)
        if identity is None or viewer == 0:
            return frozenset()
        authors = {post.author_id for post in posts if depends_on_follow(viewer, post)}
        if not authors:
            return frozenset()
        try:
            return await self._users.followed_by(identity, sorted(authors))
        except (Unavailable, DeadlineExceeded) as error:
            metrics.HIDDEN_UNCHECKED.inc(len(authors))
            log.warning("post.follows_unknown", reason=error.reason, authors=len(authors))
            return frozenset()

    async def _load_shown(self, post_ids: Iterable[int]) -> dict[int, CountedPost]:
        """The posts, and those that the reblogs and quotes among them show."""
        found = await self._load(post_ids)
        shown = {post.reblog_of_id or post.quoted_id for post, _ in found.values()} - {0, *found}
        return found | await self._load(shown) if shown else found

    async def _load(self, post_ids: Iterable[int]) -> dict[int, CountedPost]:
        ids = [post_id for post_id in dict.fromkeys(post_ids) if post_id > 0]
        found = await self._cache.get_many(ids)
        if len(found) < len(ids):
            found |= await self._read([post_id for post_id in ids if post_id not in found])
        return found

    async def _read(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        """From the store into the cache."""
        stamp = self._versions.next()
        stored = await self._posts.get_many(post_ids)
        counts = await self._count(list(stored))
        found = {post_id: CountedPost(self._codec.seal(post), counts[post_id]) for post_id, post in stored.items()}
        if found:
            await self._cache.fill(found.values(), stamp)
        return found

    async def _count(self, post_ids: Sequence[int]) -> dict[int, PostCounts]:
        replies, engagements = await asyncio.gather(
            self._posts.count_replies(post_ids), self._engagements.count(post_ids)
        )
        return {post_id: PostCounts(replies[post_id], *engagements[post_id]) for post_id in post_ids}


def _ids(query: ViewerQuery) -> list[int]:
    return [post.post_id for post in query.posts if post.post_id > 0]


def _decisive(query: ViewerQuery, found: Mapping[int, CountedPost], everybodys: Container[int]) -> list[SealedPost]:
    """The posts that not everybody sees, and what they show."""
    posts = [found[post_id].post for post_id in _ids(query) if post_id in found and post_id not in everybodys]
    shown = [post.reblog_of_id or post.quoted_id for post in posts]
    return posts + [found[post_id].post for post_id in shown if post_id in found]


def _answer(
    query: ViewerQuery,
    found: Mapping[int, CountedPost],
    everybodys: Mapping[int, PostView],
    marked: Marked,
    following: Container[int],
) -> list[PostView] | AppError:
    if len(query.posts) > MAX_POSTS_PER_QUERY:
        return InvalidField("posts", "ERR_TOO_MANY", f"must be at most {MAX_POSTS_PER_QUERY}")
    viewer, reviews = viewer_of(query.identity), may_review(query.identity)
    views: list[PostView] = []
    for post_id, known_version in query.posts:
        view = everybodys.get(post_id)
        if view is not None and view.post.version == known_version and post_id not in marked:
            views.append(view)
            continue
        if post_id not in found:
            continue
        post, counts = found[post_id]
        quote = None
        if view is None:
            if not _is_shown(viewer, post, found, following, reviews=reviews):
                continue
            quote = _quote_state(viewer, post, found, following)
        marks = marked.get(post_id, NO_MARKS)
        views.append(PostView(post, counts, known_version == post.version, marks, quote=quote))
    return views


def _is_shown(
    viewer: int,
    post: SealedPost,
    found: Mapping[int, CountedPost],
    following: Container[int],
    *,
    reviews: bool = False,
) -> bool:
    """A reblog is shown to those who may see the reblog and what it shows."""
    if not post.reblog_of_id:
        return may_see(viewer, post, following, reviews=reviews)
    original = found.get(post.reblog_of_id)
    return original is not None and may_see(viewer, original.post, following) and may_see(viewer, post, following)


def _quote_state(
    viewer: int, post: SealedPost, found: Mapping[int, CountedPost], following: Container[int]
) -> QuoteState | None:
    """How the viewer is shown what the post quotes; None where it quotes nothing."""
    if not post.quoted_id:
        return None
    quoted = found.get(post.quoted_id)
    if quoted is None or quoted.post.state in (PostState.DELETED, PostState.REMOVED):
        return QuoteState.DELETED
    return QuoteState.ACCEPTED if may_see(viewer, quoted.post, following) else QuoteState.UNAUTHORIZED


def viewer_of(identity: Identity | None) -> int:
    """The account that looks; 0 for nobody signed in, or an application by itself."""
    return 0 if identity is None else identity.account_id
