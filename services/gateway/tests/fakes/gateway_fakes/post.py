"""Post: posts and media."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from gateway_fakes.service import Call, FakeService, bad, with_reason
from rookery.post.v1 import (
    media_pb2,
    pin_service_pb2,
    poll_pb2,
    poll_service_pb2,
    post_pb2,
    post_service_pb2,
    quote_service_pb2,
    reply_service_pb2,
)
from rookery_common.auth import Identity, ScopeMissing
from rookery_common.errors import (
    FailedPrecondition,
    NotFound,
)

if TYPE_CHECKING:
    from gateway_fakes.world import World


POST_BASE = 50_000


class FakePost(FakeService):
    """Posts and media; every post is anyone's to see."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.posts: dict[int, post_pb2.Post] = {}
        self.pinned: list[int] = []
        self.tallies: dict[int, poll_pb2.PollTally] = {}
        self.quote_states: dict[int, post_pb2.QuoteState.ValueType] = {}
        self.keys: dict[tuple[int, str], int] = {}
        self.media: dict[int, media_pb2.Media] = {}
        self.uploads: list[tuple[post_service_pb2.MediaHeader, list[bytes]]] = []

    def CreatePost(self, request: post_service_pb2.CreatePostRequest, who: Identity | None) -> Any:
        assert who is not None
        if not who.has_scope("write:statuses"):
            raise ScopeMissing("no")
        if not request.text and not request.media_ids:
            raise bad("status", "ERR_BLANK", "can't be blank")
        if len(request.text) > 500:
            raise bad("status", "ERR_TOO_LONG", "is too long (at most 500 characters)")
        if any(media_id not in self.media for media_id in request.media_ids):
            raise with_reason(NotFound("There is no such media"), "MEDIA_NOT_FOUND")
        known = self.keys.get((who.account_id, request.request_id)) if request.request_id else None
        made_now = known is None
        if known is None:
            known = POST_BASE + len(self.posts) + 1
            post = post_pb2.Post(post_id=known, author_id=who.account_id, text=request.text, version=1)
            post.in_reply_to_id = request.in_reply_to_id
            post.visibility, post.reply_policy = request.visibility, request.reply_policy
            post.create_time.FromSeconds(1_700_000_000)
            if request.HasField("poll"):
                post.poll.options[:] = request.poll.options
                post.poll.expire_time.FromSeconds(4_000_000_000)
            if request.quoted_id:
                if request.quoted_id not in self.posts:
                    raise with_reason(NotFound("no"), "QUOTE_NOT_FOUND")
                quoted = self.posts[request.quoted_id]
                post.quote.post_id, post.quote.author_id = quoted.post_id, quoted.author_id
                post.quote.state = post_pb2.QUOTE_STATE_ACCEPTED
            post.quote_policy = request.quote_policy or post_pb2.QUOTE_POLICY_PUBLIC
            self.posts[known] = post
            self.keys[who.account_id, request.request_id] = known
        return post_service_pb2.CreatePostResponse(post=self.posts[known], made_now=made_now)

    def tally(self, post: post_pb2.Post) -> poll_pb2.PollTally | None:
        """What has been voted; None without a poll."""
        return self.tallies.get(post.post_id, poll_pb2.PollTally()) if post.HasField("poll") else None

    def VoteInPoll(self, request: poll_service_pb2.VoteInPollRequest, _who: Any) -> Any:
        post = self.posts.get(request.post_id)
        if post is None or not post.HasField("poll"):
            raise with_reason(NotFound("no"), "POST_NOT_FOUND")
        tally = self.tallies.setdefault(request.post_id, poll_pb2.PollTally())
        if tally.own_choices:
            raise with_reason(FailedPrecondition("you have already voted on this poll"), "ALREADY_VOTED")
        tally.votes[:] = [int(n in request.choices) for n in range(len(post.poll.options))]
        tally.own_choices[:], tally.voters = request.choices, 1
        return poll_service_pb2.VoteInPollResponse()

    def ListQuotes(self, request: Any, _who: Any) -> Any:
        found = [post for post in self.posts.values() if post.quote.post_id == request.post_id]
        found = [post for post in found if not request.max_id or post.post_id < request.max_id]
        found.sort(key=lambda post: -post.post_id)
        page = found[: request.page_size]
        reached = page[-1].post_id if len(found) > len(page) else 0
        quotes = [quote_service_pb2.QuotingPost(post_id=each.post_id, author_id=each.author_id) for each in page]
        return quote_service_pb2.ListQuotesResponse(quotes=quotes, reached_id=reached)

    def RevokeQuote(self, request: Any, _who: Any) -> Any:
        post = self.posts[request.quoting_post_id]
        post.quote.state, post.version = post_pb2.QUOTE_STATE_REVOKED, post.version + 1
        return quote_service_pb2.RevokeQuoteResponse(post=post)

    def SetQuotePolicy(self, request: Any, _who: Any) -> Any:
        post = self.posts[request.post_id]
        post.quote_policy, post.version = request.quote_policy, post.version + 1
        return quote_service_pb2.SetQuotePolicyResponse(post=post)

    def SetReplyPolicy(self, request: Any, _who: Any) -> Any:
        post = self.posts[request.post_id]
        post.reply_policy, post.version = request.reply_policy, post.version + 1
        return reply_service_pb2.SetReplyPolicyResponse(post=post)

    def RemoveReply(self, request: Any, _who: Any) -> Any:
        if request.reply_post_id not in self.posts:
            raise with_reason(NotFound("no"), "POST_NOT_FOUND")
        return reply_service_pb2.RemoveReplyResponse()

    def quote_state(self, post: post_pb2.Post) -> post_pb2.QuoteState.ValueType:
        """How everybody is shown what the post quotes."""
        return self.quote_states.get(post.post_id, post.quote.state)

    def ListAccountPosts(self, request: Any, _who: Any) -> Any:
        found = [post for post in self.posts.values() if post.author_id == request.account_id]
        found = [post for post in found if not request.max_id or post.post_id < request.max_id]
        found = [post for post in found if not request.tag or request.tag.lower() in post.tags]
        found = [post for post in found if not (request.exclude_reblogs and post.reblog_of_id)]
        found.sort(key=lambda post: -post.post_id)
        page = found[: request.page_size]
        reached = page[-1].post_id if len(found) > len(page) else 0
        return post_service_pb2.ListAccountPostsResponse(posts=page, reached_id=reached)

    def ListPinnedPosts(self, request: Any, _who: Any) -> Any:
        pinned = [number for number in self.pinned if self.posts[number].author_id == request.account_id]
        return pin_service_pb2.ListPinnedPostsResponse(post_ids=pinned)

    async def upload(self, method: str, requests: AsyncIterator[Any], *, timeout: float) -> Any:
        self.calls.append(Call(method, None, None, timeout))
        header, chunks = (await anext(requests)).header, []
        async for request in requests:
            chunks.append(request.chunk)
        self.uploads.append((header, chunks))
        media = media_pb2.Media(media_id=90_000 + len(self.uploads), type=media_pb2.MEDIA_TYPE_IMAGE)
        media.description, media.focus_x, media.focus_y = header.description, header.focus_x, header.focus_y
        if header.accepts_pending and header.content_type.startswith("video/"):
            media.state = media_pb2.MEDIA_STATE_PROCESSING
        else:
            media.url = media.preview_url = f"https://media.example/{media.media_id}"
        media.original.width, media.original.height = 4, 3
        media.small.width, media.small.height = 4, 3
        self.media[media.media_id] = media
        return post_service_pb2.UploadMediaResponse(media=media)

    def GetMedia(self, request: Any, _who: Any) -> Any:
        if request.media_id not in self.media:
            raise NotFound("There is no such media")
        return post_service_pb2.GetMediaResponse(media=self.media[request.media_id])

    def DeleteMedia(self, request: Any, _who: Any) -> Any:
        if self.media.pop(request.media_id, None) is None:
            raise with_reason(NotFound("There is no such media"), "MEDIA_NOT_FOUND")
        return post_service_pb2.DeleteMediaResponse()

    def UpdateMedia(self, request: Any, _who: Any) -> Any:
        media = self.media[request.media_id]
        if request.HasField("description"):
            media.description = request.description
        if request.HasField("focus_x"):
            media.focus_x, media.focus_y = request.focus_x, request.focus_y
        return post_service_pb2.UpdateMediaResponse(media=media)
