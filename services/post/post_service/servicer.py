"""PostService over gRPC: requests to calls of the rules, and their results to responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final

import grpc

from post_service import columns
from post_service.callers import require_user
from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.models import (
    MAX_CHUNK_BYTES,
    AccountPostsQuery,
    AuthorsQuery,
    Draft,
    Focus,
    PostCounts,
    PostMarks,
    PostQuery,
    PostView,
    Purpose,
    Visibility,
)
from post_service.poll_servicer import poll_draft
from post_service.quote_models import QuotePolicy
from post_service.reply_models import ReplyPolicy
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.list_posts import AccountPosts
from post_service.service.media import MediaLibrary, UploadHeader
from post_service.service.posts_of_authors import PostsOfAuthors
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.reblog import Reblogger
from post_service.service.threads import ThreadReader
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery.post.v1 import post_service_pb2_grpc as pb_grpc
from rookery.post.v1.poll_pb2 import PollTally
from rookery_common.auth import Identity, TokenVerifier, current_identity
from rookery_common.errors import AppError
from rookery_common.hashtags import normalized_tag
from rookery_common.rpc.batch_serving import serve_batch
from rookery_common.rpc.metadata import CallHead
from rookery_common.rpc.tls import service_of

GATEWAY: Final = "gateway"
FEED: Final = "feed"
SEARCH: Final = "search"
NOTIFICATION: Final = "notification"
ALLOWED_CALLERS: Final = {
    "*": frozenset({GATEWAY}),
    "BatchGetPosts": frozenset({GATEWAY, FEED, NOTIFICATION, "moderation"}),
    "ListEngagedAccounts": frozenset({GATEWAY, NOTIFICATION}),
    "ListAccountPosts": frozenset({GATEWAY, FEED, SEARCH, "user"}),
    "ListPostsOfAuthors": frozenset({FEED}),
    "ListRecentPosts": frozenset({FEED}),
    "ListVoters": frozenset({NOTIFICATION}),
    "ListPostsFor": frozenset({NOTIFICATION}),
    "BookmarkPostsFor": frozenset({"user"}),
    "ListQuotes": frozenset({GATEWAY, NOTIFICATION}),
}

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the RPCs call."""

    writer: PostWriter
    remover: PostRemover
    reader: PostReader
    account_posts: AccountPosts
    posts_of_authors: PostsOfAuthors
    threads: ThreadReader
    engagement: Engagement
    reblogger: Reblogger
    library: MediaLibrary


class PostServicer(pb_grpc.PostServiceServicer):
    """One method for each RPC."""

    def __init__(self, rules: Rules, codec: PostCodec, verifier: TokenVerifier) -> None:
        self._rules = rules
        self._codec = codec
        self._verifier = verifier

    async def CreatePost(self, request: pb.CreatePostRequest, context: Context) -> pb.CreatePostResponse:
        author = require_user("write:statuses")
        made = await self._rules.writer.make(author, draft_of(request))
        return pb.CreatePostResponse(post=self._codec.post(made.post), made_now=made.now)

    async def BatchGetPosts(self, request: pb.BatchGetPostsRequest, context: Context) -> pb.BatchGetPostsResponse:
        results = await serve_batch(request.entries, self._verifier, self._get_posts, pb.BatchGetPostsResult)
        return pb.BatchGetPostsResponse(results=results)

    async def ListPostsFor(self, request: pb.ListPostsForRequest, context: Context) -> pb.ListPostsForResponse:
        if request.account_id <= 0:
            raise InvalidField("account_id", "ERR_INVALID", "must be an id")
        viewer = Identity(account_id=request.account_id, session_id=0, app_id=0)
        queries = [PostQuery(post_id) for post_id in request.post_ids]
        (answer,) = await self._rules.reader.batch_get([ViewerQuery(viewer, queries)])
        if isinstance(answer, AppError):
            raise answer
        return pb.ListPostsForResponse(posts=_result(answer, pb.BatchGetPostsEntry()).posts)

    async def ListAccountPosts(
        self, request: pb.ListAccountPostsRequest, context: Context
    ) -> pb.ListAccountPostsResponse:
        query = AccountPostsQuery(
            account_id=request.account_id,
            page_size=request.page_size,
            max_id=request.max_id,
            min_id=request.min_id,
            since_id=request.since_id,
            exclude_replies=request.exclude_replies,
            only_media=request.only_media,
            exclude_reblogs=request.exclude_reblogs,
            tag=normalized_tag(request.tag),
        )
        identity = current_identity()
        caller = caller_of(context) if identity is None else ""
        if caller == FEED:
            page = await self._rules.account_posts.for_feed(query)
        elif caller == SEARCH:
            page = await self._rules.account_posts.for_search(query)
        else:
            page = await self._rules.account_posts.for_viewer(identity, query)
        response = pb.ListAccountPostsResponse(reached_id=page.reached_id)
        for post in page.posts:
            response.posts.add().MergeFromString(post.body)
        return response

    async def ListPostsOfAuthors(
        self, request: pb.ListPostsOfAuthorsRequest, context: Context
    ) -> pb.ListPostsOfAuthorsResponse:
        query = AuthorsQuery(
            author_ids=request.author_ids,
            reader_id=request.reader_id,
            page_size=request.page_size,
            max_id=request.max_id,
            min_id=request.min_id,
            upwards=request.upwards,
        )
        page = await self._rules.posts_of_authors.page(query)
        return pb.ListPostsOfAuthorsResponse(
            post_ids=[post.post_id for post in page.posts],
            author_ids=[post.author_id for post in page.posts],
            are_reblogs=[post.reblog_of_id != 0 for post in page.posts],
            reached_id=page.reached_id,
        )

    async def ListRecentPosts(self, request: pb.ListRecentPostsRequest, context: Context) -> pb.ListRecentPostsResponse:
        found = await self._rules.posts_of_authors.recent(request.author_ids, request.page_size)
        return pb.ListRecentPostsResponse(
            post_ids=[post.post_id for post in found],
            author_ids=[post.author_id for post in found],
            are_reblogs=[post.reblog_of_id != 0 for post in found],
        )

    async def FavouritePost(self, request: pb.FavouritePostRequest, context: Context) -> pb.FavouritePostResponse:
        account = require_user("write:favourites")
        await self._rules.engagement.favourite(account, request.post_id, active=True)
        return pb.FavouritePostResponse()

    async def UnfavouritePost(self, request: pb.UnfavouritePostRequest, context: Context) -> pb.UnfavouritePostResponse:
        account = require_user("write:favourites")
        await self._rules.engagement.favourite(account, request.post_id, active=False)
        return pb.UnfavouritePostResponse()

    async def BookmarkPost(self, request: pb.BookmarkPostRequest, context: Context) -> pb.BookmarkPostResponse:
        account = require_user("write:bookmarks")
        await self._rules.engagement.bookmark(account, request.post_id, active=True)
        return pb.BookmarkPostResponse()

    async def UnbookmarkPost(self, request: pb.UnbookmarkPostRequest, context: Context) -> pb.UnbookmarkPostResponse:
        account = require_user("write:bookmarks")
        await self._rules.engagement.bookmark(account, request.post_id, active=False)
        return pb.UnbookmarkPostResponse()

    async def ReblogPost(self, request: pb.ReblogPostRequest, context: Context) -> pb.ReblogPostResponse:
        account = require_user("write:statuses")
        visibility = _visibility(request.visibility or Visibility.PUBLIC)
        reblog = await self._rules.reblogger.reblog(account, request.post_id, visibility)
        return pb.ReblogPostResponse(post=self._codec.post(reblog))

    async def UnreblogPost(self, request: pb.UnreblogPostRequest, context: Context) -> pb.UnreblogPostResponse:
        account = require_user("write:statuses")
        await self._rules.reblogger.unreblog(account, request.post_id)
        return pb.UnreblogPostResponse()

    async def DeletePost(self, request: pb.DeletePostRequest, context: Context) -> pb.DeletePostResponse:
        author = require_user("write:statuses")
        post = await self._rules.remover.delete(author, request.post_id, with_media=request.delete_media)
        return pb.DeletePostResponse(post=self._codec.post(post))

    async def GetThread(self, request: pb.GetThreadRequest, context: Context) -> pb.GetThreadResponse:
        thread = await self._rules.threads.thread(current_identity(), request.post_id, request.max_descendants)
        return pb.GetThreadResponse(ancestor_ids=thread.ancestor_ids, descendant_ids=thread.descendant_ids)

    async def UploadMedia(
        self, request_iterator: AsyncIterator[pb.UploadMediaRequest], context: Context
    ) -> pb.UploadMediaResponse:
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidField("file", "ERR_INVALID", "must come after a header that names it")
        purpose = _purpose(first.header.purpose)
        owner = require_user("write:media") if purpose is Purpose.POST else require_user("write:accounts")
        header = UploadHeader(
            filename=first.header.filename,
            content_type=first.header.content_type,
            description=first.header.description,
            focus=Focus(first.header.focus_x, first.header.focus_y),
            purpose=purpose,
            request_id=first.header.request_id,
            accepts_pending=first.header.accepts_pending,
        )
        media = await self._rules.library.upload(owner.account_id, header, _chunks(request_iterator))
        return pb.UploadMediaResponse(media=self._codec.media(media))

    async def GetMedia(self, request: pb.GetMediaRequest, context: Context) -> pb.GetMediaResponse:
        owner = require_user("write:media")
        media = await self._rules.library.get(owner.account_id, request.media_id)
        return pb.GetMediaResponse(media=self._codec.media(media))

    async def UpdateMedia(self, request: pb.UpdateMediaRequest, context: Context) -> pb.UpdateMediaResponse:
        owner = require_user("write:media")
        media = await self._rules.library.update(
            owner.account_id,
            request.media_id,
            description=request.description if request.HasField("description") else None,
            focus_x=request.focus_x if request.HasField("focus_x") else None,
            focus_y=request.focus_y if request.HasField("focus_y") else None,
        )
        return pb.UpdateMediaResponse(media=self._codec.media(media))

    async def DeleteMedia(self, request: pb.DeleteMediaRequest, context: Context) -> pb.DeleteMediaResponse:
        owner = require_user("write:media")
        await self._rules.library.delete(owner.account_id, request.media_id)
        return pb.DeleteMediaResponse()

    async def _get_posts(
        self, entries: list[tuple[int, pb.BatchGetPostsEntry, Identity | None]]
    ) -> Sequence[pb.BatchGetPostsResult | AppError]:
        queries = [ViewerQuery(identity, _queries(entry)) for _, entry, identity in entries]
        answers = await self._rules.reader.batch_get(queries)
        return [
            answer if isinstance(answer, AppError) else _result(answer, entry)
            for (_, entry, _), answer in zip(entries, answers, strict=True)
        ]


def _queries(entry: pb.BatchGetPostsEntry) -> list[PostQuery]:
    """What is asked for in either way; a version that is not named is not held."""
    by_columns = map(PostQuery, entry.post_ids, chain(entry.known_versions, repeat(0)))
    return [*(PostQuery(post.post_id, post.known_version) for post in entry.posts), *by_columns]


def _result(views: Sequence[PostView], entry: pb.BatchGetPostsEntry) -> pb.BatchGetPostsResult:
    result = pb.BatchGetPostsResult(by_columns=bool(entry.post_ids))
    if entry.in_columns:
        views = columns.fill(result.unchanged, views)
    for post, counts, known, marks, poll, quote in views:
        message = result.posts.add(post_id=post.post_id, version=post.version, author_id=post.author_id)
        if not known:
            message.post.MergeFromString(post.body)
        # What is 0 or unset, as most is, costs neither side a message.
        if any(counts):
            _count(message.counts, counts)
        if any(marks):
            _mark(message.marks, marks)
        if poll is not None:
            message.poll.CopyFrom(PollTally(votes=poll.votes, voters=poll.voters, own_choices=poll.own_choices))
        if quote is not None:
            message.quote_state = post_pb2.QuoteState.ValueType(quote)
    return result


def _count(message: post_pb2.PostCounts, counts: PostCounts) -> None:
    message.replies, message.reblogs, message.favourites, message.quotes = counts


def _mark(message: post_pb2.PostMarks, marks: PostMarks) -> None:
    message.favourited, message.reblogged, message.bookmarked, message.pinned, message.muted = marks


def draft_of(request: pb.CreatePostRequest) -> Draft:
    """What a request asks to be posted."""
    return Draft(
        text=request.text,
        spoiler_text=request.spoiler_text,
        sensitive=request.sensitive,
        visibility=_visibility(request.visibility),
        language=request.language,
        in_reply_to_id=request.in_reply_to_id,
        media_ids=tuple(request.media_ids),
        application_name=request.application_name,
        application_website=request.application_website,
        request_id=request.request_id,
        poll=poll_draft(request.poll) if request.HasField("poll") else None,
        quoted_id=request.quoted_id,
        quote_policy=quote_policy(request.quote_policy) or QuotePolicy.PUBLIC,
        reply_policy=reply_policy(request.reply_policy) or ReplyPolicy.EVERYONE,
    )


def reply_policy(number: int) -> ReplyPolicy | None:
    """The policy that a request names; None for none. Raises InvalidField."""
    try:
        return ReplyPolicy(number) if number else None
    except ValueError:
        wrong = "must be everyone, followers, mentioned or nobody"
        raise InvalidField("reply_policy", "ERR_INVALID", wrong) from None


def quote_policy(number: int) -> QuotePolicy | None:
    """The policy that a request names; None for none. Raises InvalidField."""
    try:
        return QuotePolicy(number) if number else None
    except ValueError:
        raise InvalidField("quote_approval_policy", "ERR_INVALID", "must be public, followers or nobody") from None


def _visibility(number: int) -> Visibility:
    try:
        return Visibility(number)
    except ValueError:
        raise InvalidField("visibility", "ERR_INVALID", "must be public, unlisted, private or direct") from None


def _purpose(value: int) -> Purpose:
    try:
        return Purpose(value)
    except ValueError:
        raise InvalidField("purpose", "ERR_INVALID", "is not a purpose of an upload") from None


def caller_of(context: Context) -> str:
    """The calling service: by its certificate, else by the metadata, which counts only where calls are plaintext."""
    return service_of(context.auth_context()) or CallHead.of(context.invocation_metadata() or ()).service


async def _chunks(requests: AsyncIterator[pb.UploadMediaRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise InvalidField("file", "ERR_INVALID", "has a second header")
        if len(request.chunk) > MAX_CHUNK_BYTES:
            raise InvalidField("file", "ERR_INVALID", f"must come in chunks of at most {MAX_CHUNK_BYTES} bytes")
        yield request.chunk
