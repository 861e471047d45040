"""UserService over gRPC: a message in, one call of the service, a message out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc

from rookery.user.v1 import user_service_pb2 as pb
from rookery.user.v1 import user_service_pb2_grpc
from rookery_common.auth import Identity, TokenVerifier, current_identity
from rookery_common.errors import AppError, Unauthenticated
from rookery_common.rpc import serve_batch
from user_service.errors import FieldInvalid
from user_service.events import account_message
from user_service.models import Account, AccountView
from user_service.relationship_servicer import WRITE_FOLLOWS, caller_id, relationship_message, sent_flags
from user_service.relationships.listing import RelationshipLists
from user_service.relationships.models import Flags, FollowSettings, Pair
from user_service.relationships.service import Relationships
from user_service.service import UserService, check_ids

SERVICE_NAME = "rookery.user.v1.UserService"
# Who may call what. Only auth makes accounts; who shows accounts reads them.
ALLOWED_CALLERS = {
    "ReserveAccount": frozenset({"auth"}),
    "ConfirmAccount": frozenset({"auth"}),
    "BatchGetAccounts": frozenset({"gateway", "moderation", "messaging", "notification"}),
    "LookupAccounts": frozenset({"gateway", "post", "auth"}),
    "ListAccounts": frozenset({"search"}),
    "FollowAccount": frozenset({"gateway"}),
    "UnfollowAccount": frozenset({"gateway"}),
    "BatchGetRelationships": frozenset({"gateway", "post", "messaging"}),
    "ListRelationshipsOf": frozenset({"post", "notification"}),
    "ListFollowers": frozenset({"gateway"}),
    "ListFollowing": frozenset({"gateway", "search"}),
}
Context = grpc.aio.ServicerContext[Any, Any]
AccountsEntry = tuple[int, pb.BatchGetAccountsEntry, Identity | None]
RelationshipsEntry = tuple[int, pb.BatchGetRelationshipsEntry, Identity | None]


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """The RPCs of the user service."""

    def __init__(
        self,
        service: UserService,
        relationships: Relationships,
        lists: RelationshipLists,
        verifier: TokenVerifier,
    ) -> None:
        self._service = service
        self._relationships = relationships
        self._lists = lists
        self._verifier = verifier

    async def ReserveAccount(self, request: pb.ReserveAccountRequest, context: Context) -> pb.ReserveAccountResponse:
        reservation = await self._service.reserve_account(request.request_id, request.username)
        response = pb.ReserveAccountResponse(account_id=reservation.account_id)
        response.expire_time.FromDatetime(reservation.expires_at)
        return response

    async def ConfirmAccount(self, request: pb.ConfirmAccountRequest, context: Context) -> pb.ConfirmAccountResponse:
        account = await self._service.confirm_account(request.account_id, request.request_id)
        return pb.ConfirmAccountResponse(account=account_message(account))

    async def LookupAccounts(self, request: pb.LookupAccountsRequest, context: Context) -> pb.LookupAccountsResponse:
        accounts = await self._service.lookup_accounts(request.usernames)
        return pb.LookupAccountsResponse(accounts=map(account_message, accounts))

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> pb.ListAccountsResponse:
        accounts, token = await self._service.list_accounts(request.page_size, request.page_token)
        return pb.ListAccountsResponse(accounts=map(account_message, accounts), next_page_token=token)

    async def BatchGetAccounts(
        self, request: pb.BatchGetAccountsRequest, context: Context
    ) -> pb.BatchGetAccountsResponse:
        results = await serve_batch(request.entries, self._verifier, self._accounts, pb.BatchGetAccountsResult)
        return pb.BatchGetAccountsResponse(results=results)

    async def FollowAccount(self, request: pb.FollowAccountRequest, context: Context) -> pb.FollowAccountResponse:
        me = caller_id(WRITE_FOLLOWS)
        wanted = FollowSettings(
            reblogs=request.reblogs if request.HasField("reblogs") else None,
            notify=request.notify if request.HasField("notify") else None,
            languages=_wanted_languages(request),
        )
        relationship = await self._relationships.follow(me, request.account_id, wanted)
        return pb.FollowAccountResponse(relationship=relationship_message(relationship))

    async def UnfollowAccount(self, request: pb.UnfollowAccountRequest, context: Context) -> pb.UnfollowAccountResponse:
        relationship = await self._relationships.unfollow(caller_id(WRITE_FOLLOWS), request.account_id)
        return pb.UnfollowAccountResponse(relationship=relationship_message(relationship))

    async def BatchGetRelationships(
        self, request: pb.BatchGetRelationshipsRequest, context: Context
    ) -> pb.BatchGetRelationshipsResponse:
        entries = request.entries
        results = await serve_batch(entries, self._verifier, self._batch_relationships, pb.BatchGetRelationshipsResult)
        return pb.BatchGetRelationshipsResponse(results=results)

    async def ListRelationshipsOf(
        self, request: pb.ListRelationshipsOfRequest, context: Context
    ) -> pb.ListRelationshipsOfResponse:
        if request.account_id <= 0:
            raise FieldInvalid("account_id", "must be an id")
        if refusal := _refusal(request.account_ids, "account_ids"):
            raise refusal
        known = await self._relationships.between({(request.account_id, each) for each in request.account_ids})
        return pb.ListRelationshipsOfResponse(relationships=map(relationship_message, known.values()))

    async def ListFollowers(self, request: pb.ListFollowersRequest, context: Context) -> pb.ListFollowersResponse:
        ids, token = await self._lists.followers(_viewer(), request.account_id, request.page_size, request.page_token)
        return pb.ListFollowersResponse(account_ids=ids, next_page_token=token)

    async def ListFollowing(self, request: pb.ListFollowingRequest, context: Context) -> pb.ListFollowingResponse:
        ids, token = await self._lists.following(_viewer(), request.account_id, request.page_size, request.page_token)
        return pb.ListFollowingResponse(account_ids=ids, next_page_token=token)

    async def _accounts(self, live: Sequence[AccountsEntry]) -> list[pb.BatchGetAccountsResult | AppError]:
        """All entries at once: whatever several of them ask for is read once."""
        checked = [_refusal(entry.accounts, "accounts") for _, entry, _ in live]
        wanted = {
            query.account_id
            for (_, entry, _), refusal in zip(live, checked, strict=True)
            if refusal is None
            for query in entry.accounts
        }
        views, failures = await self._service.known_views(wanted)
        return [
            refusal or _failure(entry, failures) or _accounts_result(entry, views)
            for (_, entry, _), refusal in zip(live, checked, strict=True)
        ]

    async def _batch_relationships(
        self, live: Sequence[RelationshipsEntry]
    ) -> list[pb.BatchGetRelationshipsResult | AppError]:
        refusals = {place: _relationships_refusal(entry, identity) for place, entry, identity in live}
        flagged: dict[int, set[int]] = {}
        pairs: set[Pair] = set()
        for place, entry, identity in live:
            if refusals[place] is not None or identity is None:
                continue
            if entry.in_columns:
                flagged.setdefault(identity.account_id, set()).update(entry.account_ids)
            else:
                pairs.update((identity.account_id, account_id) for account_id in entry.account_ids)
        columns, whole = await self._relationships.flags(flagged), await self._relationships.between(pairs)
        results: list[pb.BatchGetRelationshipsResult | AppError] = []
        for place, entry, identity in live:
            refusal = refusals[place]
            if refusal is not None or identity is None:
                results.append(refusal or Unauthenticated("sign in first"))
            elif entry.in_columns:
                results.append(_relationship_columns(entry.account_ids, columns[identity.account_id]))
            else:
                asked = ((identity.account_id, account_id) for account_id in dict.fromkeys(entry.account_ids))
                found = (relationship for pair in asked if (relationship := whole.get(pair)) is not None)
                results.append(pb.BatchGetRelationshipsResult(relationships=map(relationship_message, found)))
        return results


def encode_account(account: Account) -> bytes:
    """A profile as it is cached: ready to be sent."""
    return account_message(account).SerializeToString()


def _wanted_languages(request: pb.FollowAccountRequest) -> tuple[str, ...] | None:
    """A list can't be told from its absence: none named leaves them as they are, unless all are wanted."""
    languages = tuple(dict.fromkeys(request.languages))
    if request.all_languages and languages:
        raise FieldInvalid("languages", "must be empty where all are wanted")
    return languages if languages or request.all_languages else None


def _viewer() -> int:
    identity = current_identity()
    return identity.account_id if identity else 0


def _refusal(asked: Sequence[object], field: str) -> AppError | None:
    try:
        check_ids(field, asked)
    except AppError as error:
        return error
    return None


def _relationships_refusal(entry: pb.BatchGetRelationshipsEntry, identity: Identity | None) -> AppError | None:
    if identity is None or not identity.account_id:
        return Unauthenticated("sign in first")
    return _refusal(entry.account_ids, "account_ids")


def _relationship_columns(asked: Iterable[int], known: Flags) -> pb.BatchGetRelationshipsResult:
    wanted, result = dict.fromkeys(asked), pb.BatchGetRelationshipsResult(viewer_epoch=known.epoch)
    account_ids = [account_id for account_id in wanted if account_id in known.flags]
    result.columns.account_ids.extend(account_ids)
    result.columns.flags.extend([sent_flags(known.flags[account_id]) for account_id in account_ids])
    if known.others:
        others = [known.others[account_id] for account_id in wanted if account_id in known.others]
        result.relationships.extend(map(relationship_message, others))
    return result


def _failure(entry: pb.BatchGetAccountsEntry, failures: Mapping[int, AppError]) -> AppError | None:
    """Why the entry has no answer, if one of its accounts has none."""
    if not failures:
        return None
    return next((failures[query.account_id] for query in entry.accounts if query.account_id in failures), None)


def _accounts_result(entry: pb.BatchGetAccountsEntry, views: dict[int, AccountView]) -> pb.BatchGetAccountsResult:
    result = pb.BatchGetAccountsResult()
    for query in entry.accounts:
        view = views.get(query.account_id)
        if view is None:
            continue
        message = result.accounts.add(account_id=view.account_id, version=view.version)
        if query.known_version != view.version:
            message.account.ParseFromString(view.profile)
        counts = view.counts
        message.counts.followers = counts.followers
        message.counts.following = counts.following
        message.counts.statuses = counts.statuses
        if counts.last_status_at is not None:
            message.counts.last_status_time.FromDatetime(counts.last_status_at)
        message.counts.SetInParent()
    return result
