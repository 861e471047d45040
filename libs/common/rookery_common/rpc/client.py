"""Calls to another service: over all replicas, with deadlines, retries on a budget, breakers, the caller's identity."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc

from rookery_common.auth import Identity, current_identity
from rookery_common.clock import Clock, SystemClock
from rookery_common.config import BaseServiceSettings
from rookery_common.errors import AppError, Status, Unavailable
from rookery_common.logs import get_logger
from rookery_common.rpc.breaker import Breaker
from rookery_common.rpc.bulkhead import Bulkhead
from rookery_common.rpc.channel import ReloadingChannel
from rookery_common.rpc.deadline import within
from rookery_common.rpc.exchange import Exchange, NotExchanged
from rookery_common.rpc.given_status import GivenStatus
from rookery_common.rpc.metadata import CallHead, is_sampled
from rookery_common.rpc.metrics import CLIENT_RETRIES, client_metrics
from rookery_common.rpc.priority import Priority
from rookery_common.rpc.retry import MAX_TRIES, RetryBudget, backoff
from rookery_common.rpc.status import from_rpc_error, mark_remote, may_retry
from rookery_common.telemetry import current_traceparent

log = get_logger()
# What says that the dependency is broken, not that it refuses this request.
_BROKEN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
        Status.UNAVAILABLE,
        Status.DEADLINE_EXCEEDED,
        Status.INTERNAL,
    }
)
# After this time an older service may have been replaced by one that exchanges a method.
_OLDER_SECONDS: Final = 60.0


class Current:
    """The default of `identity`: that of the call in hand."""


CURRENT: Final = Current()


class _Method:
    """One method that is called: its breaker and its metrics."""

    def __init__(self, clock: Clock, service: str, name: str) -> None:
        path = f"{service}/{name}"
        self.name = name
        self.breaker = Breaker(clock, path)
        self.metrics = client_metrics(path)
        self.retries = CLIENT_RETRIES.labels(path)
        self.exchanged_from = 0.0


class RpcClient:
    """One service as its callers see it; `service` is its short name, as in its certificate and in metrics."""

    def __init__(
        self,
        settings: BaseServiceSettings,
        target: str,
        stub_factory: Callable[[Any], Any],
        *,
        service: str,
        clock: Clock | None = None,
        bulkhead: Bulkhead | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._service = service
        self._bulkhead = bulkhead or Bulkhead(service, lambda: math.inf)
        self._own = CallHead(settings.service)
        self._channel = ReloadingChannel(settings, target, stub_factory, service=service)
        self._exchange = Exchange(stub_factory, self._own.metadata(), service=service)
        self._methods: dict[str, _Method] = {}
        self._budget = RetryBudget()

    async def start(self) -> None:
        """Opens the channel and begins to connect; the service need not be there yet."""
        await self._channel.start()

    async def stop(self) -> None:
        """Closes the channel; calls that run fail."""
        self._exchange.close()
        await self._channel.stop()

    async def check(self) -> None:
        """For readiness: raises Unavailable while there is no connection."""
        if not self._channel.connected():
            raise Unavailable(f"{self._service} is not connected.")

    async def call(
        self,
        method: str,
        request: Any,
        *,
        timeout: float,
        idempotent: bool = False,
        identity: Identity | Current | None = CURRENT,
        priority: Priority | None = None,
    ) -> Any:
        """One unary call, in at most `timeout` seconds or what is left of the deadline. Raises AppError.

        Only UNAVAILABLE is retried, and only when `idempotent`: at most three tries, one retry in ten calls.
        """
        state = self._methods.get(method) or self._add(method)
        head = self._head(identity, priority)
        ends = time.monotonic() + within(timeout)
        self._budget.earn()
        tries = 0
        while True:
            tries += 1
            state.breaker.check()
            try:
                with self._bulkhead:
                    return await self._try(state, request, ends - time.monotonic(), head)
            except Unavailable as error:
                wait = backoff(tries)
                again = idempotent and may_retry(error) and tries < MAX_TRIES and time.monotonic() + wait < ends
                if not again or not self._budget.spend():
                    raise
            state.retries.inc()
            await asyncio.sleep(wait)

    async def exchange(self, method: str, request: Any, *, timeout: float) -> Any:
        """One batched call with no user behind it, for a Batcher, which retries by itself. Raises AppError."""
        state = self._methods.get(method) or self._add(method)
        state.breaker.check()
        return await self._try(state, request, within(timeout), self._own)

    async def upload(self, method: str, requests: AsyncIterator[Any], *, timeout: float) -> Any:
        """A stream of requests with one answer; never retried. Raises AppError."""
        state = self._methods.get(method) or self._add(method)
        state.breaker.check()
        metadata = self._head(CURRENT, None).metadata()
        call = getattr(self._channel.stub(), method)(requests, timeout=within(timeout), metadata=metadata)
        try:
            return await self._watched(state, GivenStatus(call).answer())
        except grpc.aio.AioRpcError as error:
            raise mark_remote(from_rpc_error(error, self._service)[0], retriable=False) from error

    async def stream(
        self,
        method: str,
        request: Any,
        *,
        silence: float | None = None,
        identity: Identity | Current | None = None,
    ) -> AsyncIterator[Any]:
        """The answers of a streaming method; `request` is a message, or an async iterator of them. Raises AppError.

        Has no deadline, so name a `silence`: the seconds without a message after which it counts as dead (Unavailable).
        """
        call = getattr(self._channel.stub(), method)(request, metadata=self._head(identity, None).metadata())
        given = GivenStatus(call)
        try:
            while True:
                async with asyncio.timeout(silence):
                    response = await call.read()
                if response is grpc.aio.EOF:
                    return
                yield response
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(given.error(error), self._service)[0] from error
        except TimeoutError:
            raise Unavailable(f"{self._service} fell silent.") from None
        finally:
            call.cancel()

    async def _try(self, state: _Method, request: Any, timeout: float, head: CallHead) -> Any:
        """On an open stream, at about half of a call's cost; by a call of its own where the service is older."""
        try:
            if time.monotonic() >= state.exchanged_from:
                try:
                    return await self._watched(state, self._exchanged(state, request, timeout, head))
                except NotExchanged:
                    state.exchanged_from = time.monotonic() + _OLDER_SECONDS
            call = getattr(self._channel.stub(), state.name)(request, timeout=timeout, metadata=head.metadata())
            return await self._watched(state, call)
        except grpc.aio.AioRpcError as error:
            failure, retriable = from_rpc_error(error, self._service)
            raise mark_remote(failure, retriable=retriable) from error

    async def _exchanged(self, state: _Method, request: Any, timeout: float, head: CallHead) -> Any:
        try:
            return await self._exchange.call(self._channel.newest(), state.name, request, timeout, head)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise NotExchanged from error
            raise

    async def _watched(self, state: _Method, answer: Awaitable[Any]) -> Any:
        """The answer; its outcome is told to the method's breaker and metrics."""
        started, code = time.perf_counter(), "OK"
        try:
            response = await answer
        except (grpc.aio.AioRpcError, AppError) as error:
            status = error.status if isinstance(error, AppError) else error.code()
            code = status.name
            if status in _BROKEN:
                state.breaker.failed()
            else:
                state.breaker.succeeded()
            raise
        except (asyncio.CancelledError, NotExchanged) as error:
            code = "UNIMPLEMENTED" if isinstance(error, NotExchanged) else "CANCELLED"
            state.breaker.abandoned()
            raise
        finally:
            state.metrics.observe(code, time.perf_counter() - started)
        state.breaker.succeeded()
        return response

    def _add(self, method: str) -> _Method:
        state = self._methods[method] = _Method(self._clock, self._service, method)
        return state

    def _head(self, identity: Identity | Current | None, priority: Priority | None) -> CallHead:
        who = current_identity() if isinstance(identity, Current) else identity
        traceparent = current_traceparent()
        return CallHead(
            self._own.service,
            token=who.token if who is not None else "",
            traceparent=traceparent if is_sampled(traceparent) else "",
            priority=priority.name if priority is not None else "",
        )
