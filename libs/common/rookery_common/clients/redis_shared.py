"""A connection to Redis that all short reads of a process share: one behind another, none waits for another's answer.

Taking a connection out of redis-py's pool for each command costs two to three times as much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

MAX_WAITING: Final = 10_000
# After so long without a word a call that is given up ends the connection: it may be dead without having been closed.
SILENCE_SECONDS: Final = 0.5


class SharedConnection:
    """Connects when first used, and again after it broke; what waited then fails. Not for commands that block."""

    def __init__(self, make: Callable[[], AbstractConnection]) -> None:
        self._make = make
        self._connection: AbstractConnection | None = None
        self._connecting = asyncio.Lock()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._heard = 0

    async def execute(self, *command: Any) -> Any:
        """The answer. Raises RedisError or OSError; who gives up waiting leaves the answers of the others in order."""
        return (await self.execute_all([command]))[0]

    async def execute_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """The answers to at least one command; they are sent together. Raises what the first that failed was told."""
        if len(self._waiting) >= MAX_WAITING:
            raise RedisError("too many commands wait")
        connection = self._connection or await self._connect()
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in commands]
        sent_at, heard = loop.time(), self._heard
        self._waiting += answers
        try:
            packed = [part for command in commands for part in connection.pack_command(*command)]
            await connection.send_packed_command(packed, check_health=False)
            return [await answer for answer in answers]
        except (RedisError, OSError) as error:
            if not answers[0].done():  # they could not be sent
                self._lose(connection, error)
            raise
        except asyncio.CancelledError:
            if not connection.is_connected or (heard == self._heard and loop.time() - sent_at > SILENCE_SECONDS):
                self._lose(connection, RedisConnectionError("Redis is silent"))
            raise
        finally:
            for answer in answers:
                answer.cancel()  # Of those that have not come nobody will take notice.

    async def stop(self) -> None:
        """Closes it; what waits fails."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _connect(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is None:
                connection = self._make()
                await connection.connect()  # type: ignore[no-untyped-call]  # the library leaves it untyped
                self._connection = connection
                # In a context of its own: it outlives whoever came first, and that one's deadline.
                reading = asyncio.get_running_loop().create_task(self._read(connection), context=Context())
                self._reading = reading
            return self._connection

    async def _read(self, connection: AbstractConnection) -> None:
        failure: Exception = RedisConnectionError("the connection is closed")
        try:
            while True:
                try:
                    answer = await connection.read_response(disconnect_on_error=False)
                except ResponseError as refusal:
                    answer = refusal
                self._take(answer)
        except (RedisError, OSError) as error:
            failure = error
        finally:
            self._lose(connection, failure)
            await connection.disconnect(nowait=True)

    def _take(self, answer: Any) -> None:
        self._heard += 1
        waiting = self._waiting.popleft()
        if waiting.done():
            return  # nobody waits any more
        if isinstance(answer, ResponseError):
            waiting.set_exception(answer)
            waiting.exception()  # looked at here, in case that one before it is what its caller is told
        else:
            waiting.set_result(answer)

    def _lose(self, connection: AbstractConnection, error: Exception) -> None:
        """Once for each connection: what waits on it is told, and the next command makes another."""
        if self._connection is not connection:
            return
        self._connection = None
        waiting, self._waiting = self._waiting, deque()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(RedisConnectionError(str(error)))
                answer.exception()  # looked at here, in case that its caller has just given up
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()
