"""The calling end of exchanges: unary calls take turns on streams that stay open, which halves what a call costs."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from rookery.common.v1.exchange_service_pb2 import ExchangeRequest, ExchangeResponse
from rookery.common.v1.exchange_service_pb2_grpc import ExchangeServiceStub
from rookery_common.errors import DeadlineExceeded, Unavailable, from_status
from rookery_common.rpc.given_status import GivenStatus
from rookery_common.rpc.metadata import CallHead, Metadata
from rookery_common.rpc.status import ReplicaLeaves, from_rpc_error, mark_remote, may_retry_entry

# So that calls find new replicas.
LIFE_SECONDS: Final = 20.0
# As many rest while there is nothing to do, so that all replicas are asked in turn also by calls one after another.
RESTING: Final = 4
# A replica that leaves may be given new streams for a moment still.
MAX_REFUSED: Final = 5
REFUSED_SECONDS: Final = 0.02
# What a server says of a method that it does not exchange, in the words of releases that exchanged batched ones alone.
NOT_EXCHANGED: Final = "method names no batched method of this service"


class NotExchanged(Exception):
    """The service has no exchanges for this method, being older: it has not looked at the request."""


class NotTaken(Exception):
    """The stream ended before the request was looked at, so that it may be made on another whatever it does."""


@dataclass(frozen=True, slots=True)
class _Codec:
    """A unary method: its path, and how its messages are written and read."""

    path: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


class Methods:
    """Stands in for a channel while generated code makes its stub, and notes the unary methods by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, _Codec] = {}

    def unary_unary(
        self, path: str, *, request_serializer: Any, response_deserializer: Any, **_options: Any
    ) -> Callable[[Any], bytes]:
        name = path.rpartition("/")[2]
        self.by_name[name] = _Codec(path, request_serializer, response_deserializer)
        return request_serializer  # type: ignore[no-any-return]  # a stub that nobody calls

    def other(self, *_args: Any, **_options: Any) -> None:
        """Streams take no turns."""

    unary_stream = stream_unary = stream_stream = other


class _Stream:
    """One open stream; it carries one call at a time."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, service: str) -> None:
        self.channel = channel
        self.used = False
        self._service = service
        self._call: Any = ExchangeServiceStub(channel).Exchange(metadata=metadata)
        self._given = GivenStatus(self._call)
        self._ends = time.monotonic() + LIFE_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reopening

    def usable(self, channel: grpc.aio.Channel) -> bool:
        return self.channel is channel and not self._call.done() and time.monotonic() < self._ends

    async def exchange(self, request: ExchangeRequest) -> ExchangeResponse | None:
        """The response; None where the stream ended before it. Raises AioRpcError, and NotTaken."""
        try:
            await self._call.write(request)
        except asyncio.InvalidStateError:  # it ended a moment ago
            raise NotTaken from None
        except grpc.aio.AioRpcError as error:
            raise self._given.error(error) from None
        try:
            response = await self._call.read()
        except asyncio.InvalidStateError:
            return None
        except grpc.aio.AioRpcError as error:
            given = self._given.error(error)
            if from_rpc_error(given, self._service)[0].reason == ReplicaLeaves.reason:
                raise NotTaken from None
            raise given from None
        self.used = True
        return response if isinstance(response, ExchangeResponse) else None

    def close(self) -> None:
        self._call.cancel()


class Exchange:
    """The streams to one service: as many as calls are made at once, each used again once its call has ended."""

    def __init__(self, stub_factory: Callable[[Any], Any], metadata: Metadata, *, service: str) -> None:
        methods = Methods()
        stub_factory(methods)
        self._methods = methods.by_name
        self._metadata = metadata
        self._service = service
        self._idle: deque[_Stream] = deque()

    async def call(self, channel: grpc.aio.Channel, method: str, request: Any, timeout: float, head: CallHead) -> Any:
        """The method's response. Raises AppError as it answered, AioRpcError where the stream broke, NotExchanged."""
        codec = self._methods[method]
        message = ExchangeRequest(
            method=codec.path,
            request=codec.encode(request),
            timeout_ms=max(1, int(timeout * 1000)),
            token=head.token,
            traceparent=head.traceparent,
            priority=head.priority,
        )
        response = await self._exchange(channel, message, timeout)
        if response is None:
            raise mark_remote(Unavailable(f"{self._service} did not answer."), retriable=True)
        if response.HasField("status"):
            if response.status.message == NOT_EXCHANGED:
                raise NotExchanged
            raise mark_remote(from_status(response.status), retriable=may_retry_entry(response.status))
        return codec.decode(response.response)

    def close(self) -> None:
        """Ends what is idle; the rest ends with its channel."""
        while self._idle:
            self._idle.pop().close()

    async def _exchange(
        self, channel: grpc.aio.Channel, message: ExchangeRequest, timeout: float
    ) -> ExchangeResponse | None:
        refused = 0
        try:
            async with asyncio.timeout(timeout):
                while refused < MAX_REFUSED:
                    stream = self._take(channel)
                    try:
                        return await self._turn(stream, message)
                    except NotTaken:
                        if not stream.used:
                            refused += 1
                            await asyncio.sleep(REFUSED_SECONDS)
        except TimeoutError:
            raise mark_remote(DeadlineExceeded(f"{self._service} took too long."), retriable=False) from None
        raise mark_remote(Unavailable(f"{self._service} did not answer."), retriable=True)

    async def _turn(self, stream: _Stream, message: ExchangeRequest) -> ExchangeResponse | None:
        response = None
        try:
            response = await stream.exchange(message)
        finally:
            if response is None:
                stream.close()
            else:
                self._idle.append(stream)
        return response

    def _take(self, channel: grpc.aio.Channel) -> _Stream:
        # The one that has rested longest.
        while len(self._idle) >= RESTING:
            stream = self._idle.popleft()
            if stream.usable(channel):
                return stream
            stream.close()
        return _Stream(channel, self._metadata, self._service)
