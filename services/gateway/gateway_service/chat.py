"""Messages to frames, for one client of the chat: each conversation in the order of its sequence, without a gap.

Services may name a message twice, late, or not at all where something broke; so what was sent last of each
conversation is remembered here, and what is missing is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.connections import CHAT_GAP, ChatFrame, Connection, RefusedFrame
from gateway_service.errors import http_status, problem_body
from gateway_service.metrics import LIVE_FRAMES
from gateway_service.schemas.conversations import message_entity, moment
from rookery.messaging.v1.messaging_service_pb2 import (
    ListMessagesRequest,
    ListMessagesResponse,
    Message,
    MessageDelivery,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unauthenticated

CALL_SECONDS = 5.0
PAGE = 100
# A client that has more to catch up on asks again from where it was brought to.
MOST_AT_ONCE = 200
REMEMBERED = 256
_FRAMES = {kind: LIVE_FRAMES.labels(kind) for kind in ("message", "synced", "gap", "error")}


class Chat:
    """Reads what a connection is due. The client's token is asked about anew each time, so that its end is noticed."""

    def __init__(
        self, connection: Connection, token: str, exchange: TokenExchange, clients: Clients, clock: Clock
    ) -> None:
        self._connection = connection
        self._token = token
        self._exchange = exchange
        self._clients = clients
        self._clock = clock
        self._sent: OrderedDict[int, int] = OrderedDict()

    async def next(self, seconds: float) -> list[str]:
        """The frames of what has arrived; none after this time without any.

        Raises Unauthenticated when the token holds no longer, another AppError when messaging is away.
        """
        items = await self._connection.wait(seconds)
        caller: Caller = await self._exchange.exchange(self._token)
        frames: list[str] = []
        for item in items:
            if isinstance(item, ChatFrame):
                frames += await self._sync(caller.identity, item)
            elif isinstance(item, RefusedFrame):
                frames.append(self._frame("error", item.frame_id, {"status": 400, "detail": item.why}))
            elif item is CHAT_GAP:
                frames += await self._gap(caller.identity)
            elif isinstance(item, MessageDelivery):
                frames += await self._deliver(caller.identity, item.message)
        return frames

    async def _deliver(self, viewer: Identity, message: Message) -> list[str]:
        last = self._sent.get(message.conversation_id)
        if last is not None and message.sequence <= last:
            return []
        if last is not None and message.sequence > last + 1:
            return await self._catch_up(viewer, message.conversation_id)
        return [self._message(message)]

    async def _sync(self, viewer: Identity, asked: ChatFrame) -> list[str]:
        """What the client asks for, whatever it was sent before; and how far that has brought it."""
        try:
            messages, more = await self._read(viewer, asked.conversation_id, asked.after)
        except Unauthenticated:
            raise
        except AppError as error:
            problem = orjson.loads(problem_body(error, http_status(error), ""))
            return [self._frame("error", asked.frame_id, problem)]
        self._remember(asked.conversation_id, asked.after)
        frames = [self._message(message) for message in messages]
        data = {
            "conversation_id": str(asked.conversation_id),
            "last_sequence": self._sent[asked.conversation_id],
            "more": more,
        }
        return [*frames, self._frame("synced", asked.frame_id, data)]

    async def _gap(self, viewer: Identity) -> list[str]:
        """Something may be missing: what is known of is made up for, the rest is for the client to ask for."""
        frames = []
        for conversation_id in tuple(self._sent):
            frames += await self._catch_up(viewer, conversation_id)
        return [*frames, self._frame("gap", "", {})]

    async def _catch_up(self, viewer: Identity, conversation_id: int) -> list[str]:
        messages, more = await self._read(viewer, conversation_id, self._sent[conversation_id])
        frames = [self._message(message) for message in messages]
        if more:
            data = {"conversation_id": str(conversation_id), "after": self._sent[conversation_id]}
            frames.append(self._frame("gap", "", data))
        return frames

    async def _read(self, viewer: Identity, conversation_id: int, after: int) -> tuple[Sequence[Message], bool]:
        """The next messages, and whether there may be more."""
        found: list[Message] = []
        while len(found) < MOST_AT_ONCE:
            call = ListMessagesRequest(
                conversation_id=conversation_id, page_size=PAGE, after_sequence=after, oldest_first=True
            )
            answer: ListMessagesResponse = await self._clients.messaging.call(
                "ListMessages", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
            )
            found += answer.messages
            if len(answer.messages) < PAGE:
                return found, False
            after = found[-1].sequence
        return found, True

    def _message(self, message: Message) -> str:
        self._remember(message.conversation_id, message.sequence)
        return self._frame("message", str(message.message_id), message_entity(message))

    def _remember(self, conversation_id: int, sequence: int) -> None:
        self._sent[conversation_id] = sequence
        self._sent.move_to_end(conversation_id)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def _frame(self, kind: str, frame_id: str, data: dict[str, Any]) -> str:
        _FRAMES[kind].inc()
        frame = {"type": kind, "id": frame_id, "ts": moment(self._clock.now()), "data": data}
        return orjson.dumps(frame).decode()
