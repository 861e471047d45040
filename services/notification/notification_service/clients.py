"""What notification asks of others: whose post a reblog shows, who shows a post again, which keys verify a token."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from types import SimpleNamespace
from typing import Any, Final

from notification_service.avoidance import Avoidance, ShownPost
from notification_service.digest_models import Letter, Mailbox
from notification_service.push_models import Author
from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.auth.v1 import mail_service_pb2 as mail_pb
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.auth.v1.mail_service_pb2_grpc import MailServiceStub
from rookery.post.v1 import engagement_service_pb2 as engagement_pb
from rookery.post.v1 import poll_service_pb2 as poll_pb
from rookery.post.v1 import post_service_pb2 as pb
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceStub
from rookery.post.v1.poll_service_pb2_grpc import PollServiceStub
from rookery.post.v1.post_pb2 import Visibility
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery.user.v1 import filter_service_pb2 as filter_pb
from rookery.user.v1 import user_service_pb2 as user_pb
from rookery.user.v1.account_pb2 import Account, Relationship
from rookery.user.v1.filter_service_pb2_grpc import FilterServiceStub
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.errors import NotFound
from rookery_common.rpc import Batcher, RpcClient
from rookery_common.words import folded, word

POSTS_SECONDS: Final = 3.0
KEYS_SECONDS: Final = 2.0
USER_SECONDS: Final = 3.0
STAFF_SECONDS: Final = 3.0
MAIL_SECONDS: Final = 5.0
STAFF_PAGE: Final = 1_000
VOTERS_PAGE: Final = 1_000
POSTS_PER_ENTRY: Final = 100
ENGAGED_PAGE: Final = 80


def post_stub(channel: Any) -> SimpleNamespace:
    """What is called of post's gRPC services, over one channel."""
    posts, engagement, polls = PostServiceStub(channel), EngagementServiceStub(channel), PollServiceStub(channel)
    return SimpleNamespace(
        BatchGetPosts=posts.BatchGetPosts,
        ListEngagedAccounts=engagement.ListEngagedAccounts,
        ListPostsFor=posts.ListPostsFor,
        ListVoters=polls.ListVoters,
    )


def user_stub(channel: Any) -> SimpleNamespace:
    """What is called of user's gRPC services, over one channel."""
    users, filters = UserServiceStub(channel), FilterServiceStub(channel)
    return SimpleNamespace(
        BatchGetAccounts=users.BatchGetAccounts,
        ListFiltersOf=filters.ListFiltersOf,
        ListRelationshipsOf=users.ListRelationshipsOf,
    )


class PostClient:
    """Authors of posts, and who reblogs them, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post
        self._authors: Batcher[pb.BatchGetPostsEntry, pb.BatchGetPostsResult] = Batcher(self._send, name="authors")

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        """Authors by post; of posts that not anyone may see nothing is said."""
        ids = sorted(post_ids)
        parts = [ids[first : first + POSTS_PER_ENTRY] for first in range(0, len(ids), POSTS_PER_ENTRY)]
        results = await asyncio.gather(*(self._ask(part) for part in parts))
        return {view.post_id: view.author_id for result in results for view in result.posts}

    async def shown_to(self, account_id: int, post_id: int) -> ShownPost | None:
        """The post as the account is shown it, if it is."""
        request = pb.ListPostsForRequest(account_id=account_id, post_ids=[post_id])
        response: pb.ListPostsForResponse = await self._post.call(
            "ListPostsFor", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        return next((_shown(view) for view in response.posts if view.post_id == post_id), None)

    async def rebloggers(self, post_id: int, after_id: int) -> tuple[Sequence[int], int]:
        """Some of those who reblog a post, and after whom to go on (0 at the end); none where not anyone may see it."""
        request = engagement_pb.ListEngagedAccountsRequest(
            post_id=post_id,
            kind=engagement_pb.EngagementKind.ENGAGEMENT_KIND_REBLOG,
            page_size=ENGAGED_PAGE,
            after_account_id=after_id,
        )
        try:
            response: engagement_pb.ListEngagedAccountsResponse = await self._post.call(
                "ListEngagedAccounts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
            )
        except NotFound:
            return (), 0
        return response.account_ids, response.reached_id

    async def voters(self, post_id: int, ballot: int, after_id: int) -> tuple[Sequence[int], int]:
        """Some of those who have voted in a poll, and after whom to go on (0 at the end)."""
        request = poll_pb.ListVotersRequest(
            post_id=post_id, ballot=ballot, page_size=VOTERS_PAGE, after_account_id=after_id
        )
        response: poll_pb.ListVotersResponse = await self._post.call(
            "ListVoters", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        return response.account_ids, response.reached_id

    async def _ask(self, post_ids: Sequence[int]) -> pb.BatchGetPostsResult:
        entry = pb.BatchGetPostsEntry(posts=[pb.PostQuery(post_id=post_id) for post_id in post_ids])
        return await self._authors(entry, timeout=POSTS_SECONDS, identity=None)

    async def _send(self, entries: list[pb.BatchGetPostsEntry], timeout: float) -> Sequence[pb.BatchGetPostsResult]:
        request = pb.BatchGetPostsRequest(entries=entries)
        response: pb.BatchGetPostsResponse = await self._post.call("BatchGetPosts", request, timeout=timeout)
        return response.results


class UserClient:
    """Who somebody is, and what a recipient is to them, asked for with no user behind the call. Raises AppError."""

    def __init__(self, user: RpcClient, missing_icon: str) -> None:
        self._user = user
        self._missing_icon = missing_icon
        self._accounts: Batcher[user_pb.BatchGetAccountsEntry, user_pb.BatchGetAccountsResult] = Batcher(
            self._send, name="accounts"
        )

    async def author(self, recipient_id: int, account_id: int) -> Author | None:
        """None of whom nothing is known; for 0 the community, which nobody mutes."""
        if not account_id:
            return Author("", self._missing_icon, is_muted=False, is_followed=True, is_follower=True)
        view, relationship = await asyncio.gather(
            self._account(account_id), self._relationship(recipient_id, account_id)
        )
        if view is None or relationship is None:
            return None
        return Author(
            name=view.display_name or view.username,
            icon=view.avatar_url or self._missing_icon,
            is_muted=relationship.muting_notifications or relationship.blocking or relationship.blocked_by,
            is_followed=relationship.following,
            is_follower=relationship.followed_by,
        )

    async def avoided(self, account_id: int) -> Sequence[Avoidance]:
        """What the account wants no notifications of."""
        response: filter_pb.ListFiltersOfResponse = await self._user.call(
            "ListFiltersOf",
            filter_pb.ListFiltersOfRequest(account_id=account_id),
            timeout=USER_SECONDS,
            idempotent=True,
            identity=None,
        )
        return [_avoidance(each) for each in response.filters if _is_hiding(each)]

    async def _account(self, account_id: int) -> Account | None:
        entry = user_pb.BatchGetAccountsEntry(accounts=[user_pb.AccountQuery(account_id=account_id)])
        result = await self._accounts(entry, timeout=USER_SECONDS, identity=None)
        return next((view.account for view in result.accounts), None)

    async def _relationship(self, recipient_id: int, account_id: int) -> Relationship | None:
        request = user_pb.ListRelationshipsOfRequest(account_id=recipient_id, account_ids=[account_id])
        response: user_pb.ListRelationshipsOfResponse = await self._user.call(
            "ListRelationshipsOf", request, timeout=USER_SECONDS, idempotent=True, identity=None
        )
        return next(iter(response.relationships), None)

    async def _send(
        self, entries: list[user_pb.BatchGetAccountsEntry], timeout: float
    ) -> Sequence[user_pb.BatchGetAccountsResult]:
        request = user_pb.BatchGetAccountsRequest(entries=entries)
        response: user_pb.BatchGetAccountsResponse = await self._user.call(
            "BatchGetAccounts", request, timeout=timeout, identity=None
        )
        return response.results


def _shown(view: pb.PostView) -> ShownPost:
    post = view.post
    return ShownPost(
        post_id=view.post_id,
        author_id=view.author_id,
        answered_id=post.in_reply_to_account_id,
        text=folded(post.spoiler_text, post.text, *post.poll.options, *(media.description for media in post.media)),
        is_direct=post.visibility == Visibility.VISIBILITY_DIRECT,
        is_muted=view.marks.muted,
    )


def _is_hiding(message: filter_pb.Filter) -> bool:
    is_here = filter_pb.FilterContext.FILTER_CONTEXT_NOTIFICATIONS in message.contexts
    return is_here and message.action == filter_pb.FilterAction.FILTER_ACTION_HIDE


def _avoidance(message: filter_pb.Filter) -> Avoidance:
    return Avoidance(
        words=[word(each.keyword, whole=each.whole_word) for each in message.keywords],
        post_ids=frozenset(each.status_id for each in message.statuses),
        ends_at_ms=message.expire_time.ToMilliseconds() if message.HasField("expire_time") else 0,
    )


def auth_stub(channel: Any) -> SimpleNamespace:
    """What is called of auth's gRPC services, over one channel."""
    tokens, mails = AuthServiceStub(channel), MailServiceStub(channel)
    return SimpleNamespace(
        GetSigningKeys=tokens.GetSigningKeys,
        ListPermittedAccounts=tokens.ListPermittedAccounts,
        GetMailbox=mails.GetMailbox,
        SendMail=mails.SendMail,
    )


class AuthClient:
    """The keys by which internal tokens are verified, whom roles permit something, and who gets mails."""

    def __init__(self, auth: RpcClient) -> None:
        self._auth = auth

    async def signing_keys(self) -> str:
        """A JWKS document. Raises AppError."""
        request = auth_pb.GetSigningKeysRequest()
        response: auth_pb.GetSigningKeysResponse = await self._auth.call(
            "GetSigningKeys", request, timeout=KEYS_SECONDS, idempotent=True, identity=None
        )
        return response.jwks_json

    async def permitted(self, permission: str) -> Sequence[int]:
        """All whom a role of their own permits it. Raises AppError."""
        found: list[int] = []
        after_id, more = 0, True
        while more:
            request = auth_pb.ListPermittedAccountsRequest(
                permission=permission, page_size=STAFF_PAGE, after_account_id=after_id
            )
            response: auth_pb.ListPermittedAccountsResponse = await self._auth.call(
                "ListPermittedAccounts", request, timeout=STAFF_SECONDS, idempotent=True, identity=None
            )
            found += response.account_ids
            after_id = response.reached_id
            more = after_id > 0
        return found

    async def mailbox(self, recipient_id: int) -> Mailbox | None:
        """None of who gets no mails. Raises AppError."""
        request = mail_pb.GetMailboxRequest(account_id=recipient_id)
        response: mail_pb.GetMailboxResponse = await self._auth.call(
            "GetMailbox", request, timeout=MAIL_SECONDS, idempotent=True, identity=None
        )
        if not response.reachable:
            return None
        return Mailbox(response.username, response.locale, response.last_seen_time.ToDatetime(UTC))

    async def send(self, mail_id: int, recipient_id: int, letter: Letter) -> None:
        """Sent at most once for an id, within a day; who gets no mails any more gets none. Raises AppError."""
        request = mail_pb.SendMailRequest(
            mail_id=mail_id,
            account_id=recipient_id,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            unsubscribe_url=letter.unsubscribe_url,
        )
        with suppress(NotFound):
            await self._auth.call("SendMail", request, timeout=MAIL_SECONDS, idempotent=True, identity=None)
