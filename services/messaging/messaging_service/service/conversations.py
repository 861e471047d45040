"""Conversations: making them, once each, and who may look into them."""

from __future__ import annotations

from messaging_service import metrics
from messaging_service.clients import UserClient
from messaging_service.errors import (
    Blocked,
    ConversationNotFound,
    IdempotencyConflict,
    InvalidField,
    MemberNotFound,
    NobodyLeft,
)
from messaging_service.events import MessagingEvents
from messaging_service.models import (
    Conversation,
    ConversationDraft,
    ConversationView,
    Head,
    KeyClaim,
)
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.drafts import check_conversation
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clock import Clock
from rookery_common.errors import Unavailable
from rookery_common.ids import IdSource, uuid7
from rookery_common.logs import get_logger

log = get_logger()


class Conversations:
    """Makes and shows conversations; whoever is not a member learns not even that there is one."""

    def __init__(
        self,
        conversations: ConversationRepository,
        messages: MessageRepository,
        users: UserClient,
        seals: Seals,
        events: MessagingEvents,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._messages = messages
        self._users = users
        self._seals = seals
        self._events = events
        self._ids = ids
        self._clock = clock

    async def create(self, caller: Identity, draft: ConversationDraft) -> ConversationView:
        """The new conversation; the one that the same request made before; or the one that the two have already.

        Raises InvalidField, MemberNotFound, Blocked and IdempotencyConflict, all before anything is written.
        """
        draft = check_conversation(caller.account_id, draft)
        digest = self._seals.draft_digest(draft)
        claim = await self._conversations.find_claim(caller.account_id, draft.request_id)
        if claim is not None:
            made = await self._conversations.get(_same(claim, digest).conversation_id, serial=True)
            if made is not None:
                return await self.view(caller.account_id, made)
        await self._check_members(caller, draft)
        conversation_id = await self._claim_id(caller.account_id, draft, digest)
        made = await self._conversations.get(conversation_id, serial=True)
        if made is None:
            made = await self._make(caller.account_id, conversation_id, draft)
        return await self.view(caller.account_id, made)

    async def get(self, caller_id: int, conversation_id: int) -> ConversationView:
        """Raises ConversationNotFound also where the caller is not a member."""
        return await self.view(caller_id, await self.of_member(caller_id, conversation_id))

    async def of_member(self, caller_id: int, conversation_id: int) -> Conversation:
        """The conversation, if the caller is in it. Raises ConversationNotFound."""
        conversation = await self._conversations.get(conversation_id) if conversation_id > 0 else None
        if conversation is None or caller_id not in conversation.member_ids:
            raise ConversationNotFound
        return conversation

    async def view(self, caller_id: int, conversation: Conversation) -> ConversationView:
        """The conversation as it is now, for one of its members."""
        head = await self._messages.head(conversation)
        read = await self._conversations.read_sequence(conversation.conversation_id, caller_id)
        return ConversationView(conversation, self._seals.title(conversation), head, read)

    async def check_may_write(self, caller: Identity, conversation: Conversation) -> None:
        """Between two, a block ends it from the next message on. Raises Blocked, NobodyLeft; Unavailable while user is
        away."""
        others = [member for member in conversation.member_ids if member != caller.account_id]
        if not others:
            raise NobodyLeft
        if conversation.is_direct and not await self._users.unblocked(caller, others):
            raise Blocked

    async def mark_read(self, caller_id: int, conversation_id: int, sequence: int) -> int:
        """Up to where the caller has read now; it never goes back. Raises InvalidField beyond the last message."""
        conversation = await self.of_member(caller_id, conversation_id)
        head = await self._messages.head(conversation)
        if not 0 <= sequence <= head.sequence:
            raise InvalidField("sequence", "ERR_INVALID", f"must be from 0 to {head.sequence}, the last message's")
        if sequence:
            await self._conversations.mark_read(conversation_id, caller_id, sequence)
        return max(sequence, await self._conversations.read_sequence(conversation_id, caller_id))

    async def _check_members(self, caller: Identity, draft: ConversationDraft) -> None:
        if await self._users.existing(caller, draft.others) != frozenset(draft.others):
            raise MemberNotFound
        if await self._users.unblocked(caller, draft.others) != frozenset(draft.others):
            raise Blocked

    async def _claim_id(self, caller_id: int, draft: ConversationDraft, digest: bytes) -> int:
        """The id under which this request makes its conversation, however often and by whomever it is repeated."""
        conversation_id = self._ids.mint()
        if len(draft.others) == 1 and not draft.title:
            low_id, high_id = sorted((caller_id, draft.others[0]))
            conversation_id = await self._conversations.claim_direct(low_id, high_id, conversation_id)
        claim = KeyClaim(digest, conversation_id)
        return _same(await self._conversations.claim(caller_id, draft.request_id, claim), digest).conversation_id

    async def _make(self, caller_id: int, conversation_id: int, draft: ConversationDraft) -> Conversation:
        key = self._seals.new_key()
        conversation = Conversation(
            conversation_id=conversation_id,
            creator_id=caller_id,
            member_ids=tuple(sorted({caller_id, *draft.others})),
            created_us=self._clock.unix_ms() * 1000,
            data_key=key,
            sealed_title=self._seals.seal_title(key, conversation_id, draft.title),
            event_id=uuid7(),
        )
        event = self._events.conversation_created(conversation)
        await self._messages.add_pending([event])
        if not await self._write(conversation):
            # Of two that make the same one at once, the other was faster: its key is the one that counts.
            made = await self._conversations.get(conversation_id, serial=True)
            if made is None:
                raise Unavailable("the conversation can't be read right now")
            return made
        await self._conversations.index(conversation, None, Head(0, conversation.created_us))
        await self._messages.publish([event])
        metrics.CONVERSATIONS_CREATED.inc()
        log.info("conversation.created", conversation_id=conversation_id, members=len(conversation.member_ids))
        return conversation

    async def _write(self, conversation: Conversation) -> bool:
        try:
            return await self._conversations.create(conversation)
        except UnknownOutcome:
            found = await self._conversations.get(conversation.conversation_id, serial=True)
            if found is None:
                raise
            return found.event_id == conversation.event_id


def _same(claim: KeyClaim, digest: bytes) -> KeyClaim:
    if claim.body_hash != digest:
        raise IdempotencyConflict
    return claim
