"""What happens around each call that is served: tracing, metrics, deadline, identity, shedding, errors, in this order.

One wrapper per method, made when it is registered, instead of a chain of grpc.aio interceptors: those are awaited one
by one and build a new handler for each call, which costs more than all of this.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

import grpc

from rookery_common.auth import Identity, TokenVerifier, with_identity
from rookery_common.errors import AppError, DeadlineExceeded, Internal, PermissionDenied, Unauthenticated
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import DEFAULT_SECONDS, start_deadline
from rookery_common.rpc.limiter import Limiter
from rookery_common.rpc.metadata import CallHead
from rookery_common.rpc.metrics import server_metrics
from rookery_common.rpc.priority import Priority, default_priority
from rookery_common.rpc.status import ReplicaLeaves, abort
from rookery_common.rpc.tls import service_of
from rookery_common.telemetry import span

log = get_logger()
Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Any]]
Streaming = Callable[[Any, Context], AsyncIterator[Any] | Awaitable[None]]
_ANY_METHOD = "*"


class CallerNotAllowed(PermissionDenied):
    """The calling service is unknown, or not one that may use this method."""

    reason = "CALLER_NOT_ALLOWED"


class Method:
    """One method that is served: who may call it, how it is counted."""

    def __init__(self, path: str, allowed_callers: frozenset[str]) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]
        self.allowed_callers = allowed_callers
        self.priority = default_priority(path)
        self.metrics = server_metrics(path)
        self.batched = self.name.startswith("Batch")

    def priority_of(self, head: CallHead) -> Priority:
        """What the caller named, else the method's own."""
        if head.priority and head.priority in Priority.__members__:
            return Priority[head.priority]
        return self.priority

    def entries_of(self, request: Any) -> int:
        """What the limiter counts: the entries of a batched call, which are as many requests."""
        return max(1, len(getattr(request, "entries", ()))) if self.batched else 1


def allowed_for(path: str, allowed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The callers listed for a method, by its path, its name or "*"; a method without any is a mistake in the code."""
    for key in (path, path.rpartition("/")[2], _ANY_METHOD):
        if key in allowed:
            return allowed[key]
    raise ValueError(f"no callers are listed for {path}")


class CallHandling:
    """Wraps the methods of a server."""

    def __init__(self, verifier: TokenVerifier | None, limiter: Limiter, *, tls: bool) -> None:
        self._verifier = verifier
        self._limiter = limiter
        self._tls = tls
        self._draining = False
        self._streams: set[asyncio.Task[Any]] = set()
        self._writing: set[asyncio.Task[Any]] = set()

    def drain(self) -> None:
        """Ends the streams, which would last for good; their callers go to another replica."""
        self._draining = True
        # Who is just writing ends after it: nothing more can be said in the middle of a message.
        for task in self._streams - self._writing:
            task.cancel()

    def wrap(self, method: Method, handler: Any) -> Any:
        """The handler with everything around it; `handler` is what generated code registers."""
        codec = (handler.request_deserializer, handler.response_serializer)
        if handler.response_streaming:
            if handler.request_streaming:
                return grpc.stream_stream_rpc_method_handler(self._streaming(method, handler.stream_stream), *codec)
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, handler.unary_stream), *codec)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), *codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), *codec)

    def _unary(self, method: Method, behaviour: Unary) -> Unary:
        async def call(request: Any, context: Context) -> Any:
            started, code = time.perf_counter(), "OK"
            try:
                head = CallHead.of(context.invocation_metadata() or ())
                if head.sampled:
                    with span(method.path, head.traceparent):
                        return await self._answer(method, behaviour, head, request, context)
                return await self._answer(method, behaviour, head, request, context)
            except AppError as error:
                code = error.status.name
                await abort(context, error)
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except grpc.aio.AbortError:
                code = "ABORTED_BY_SERVICER"
                raise
            except Exception:
                code = "INTERNAL"
                log.exception("rpc.failed", method=method.path)
                await abort(context, Internal("Something went wrong here."))
            finally:
                method.metrics.observe(code, time.perf_counter() - started)

        return call

    async def _answer(self, method: Method, behaviour: Unary, head: CallHead, request: Any, context: Context) -> Any:
        self.check_caller(method, self.caller(head, context))
        left = cast(float | None, context.time_remaining())
        start_deadline(DEFAULT_SECONDS if left is None else left)
        answer = self.admitted(method, behaviour, head, request, context)
        # gRPC itself cancels the call when its deadline passes.
        return await (answer if left is not None else _bounded(answer))

    async def admitted(self, method: Method, behaviour: Unary, head: CallHead, request: Any, context: Context) -> Any:
        """The behaviour's answer to who the head names, once there is a place for it. Raises Overloaded too."""
        identity = await self._identity(head)
        entries, limiter = method.entries_of(request), self._limiter
        if not limiter.try_acquire(entries):
            await limiter.acquire(method.priority_of(head), entries)
        started = time.perf_counter()
        try:
            with with_identity(identity):
                return await behaviour(request, context)
        finally:
            limiter.release(entries, method.name, time.perf_counter() - started)

    def _streaming(self, method: Method, behaviour: Streaming) -> Callable[[Any, Context], Awaitable[None]]:
        # A coroutine that writes, not a generator: so a cancellation always arrives here, also between two messages.
        async def call(request: Any, context: Context) -> None:
            started, code = time.perf_counter(), "OK"
            task = cast(asyncio.Task[Any], asyncio.current_task())
            self._streams.add(task)
            try:
                await self._stream(method, behaviour, request, context)
            except AppError as error:
                code = error.status.name
                await abort(context, error)
            except asyncio.CancelledError:
                code = "CANCELLED"
                if not self._draining:
                    raise
                task.uncancel()
                await abort(context, ReplicaLeaves("This replica is going away."))
            except grpc.aio.AbortError:
                code = "ABORTED_BY_SERVICER"
                raise
            except Exception:
                code = "INTERNAL"
                log.exception("rpc.failed", method=method.path)
                await abort(context, Internal("Something went wrong here."))
            finally:
                self._streams.discard(task)
                method.metrics.observe(code, time.perf_counter() - started)

        return call

    async def _stream(self, method: Method, behaviour: Streaming, request: Any, context: Context) -> None:
        """Streams have no deadline of ours, and are not in the limiter: they last, and mostly wait."""
        if self._draining:
            raise ReplicaLeaves("This replica is going away.")
        head = CallHead.of(context.invocation_metadata() or ())
        self.check_caller(method, self.caller(head, context))
        left = cast(float | None, context.time_remaining())
        if left is not None:
            start_deadline(left)
        with with_identity(await self._identity(head)):
            answer = behaviour(request, context)
            if inspect.isawaitable(answer):
                await answer
                return
            async with aclosing(cast(AsyncGenerator[Any], answer)) as responses:
                async for response in responses:
                    await self._write(context, response)
                    if self._draining:
                        raise ReplicaLeaves("This replica is going away.")

    async def _write(self, context: Context, response: Any) -> None:
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._writing.add(task)
        try:
            await context.write(response)
        finally:
            self._writing.discard(task)

    def caller(self, head: CallHead, context: Context) -> str:
        """The calling service, by its certificate where there is one: the metadata's word counts only in plaintext."""
        return service_of(context.auth_context()) if self._tls else head.service

    def check_caller(self, method: Method, service: str) -> None:
        """Raises CallerNotAllowed."""
        if service not in method.allowed_callers:
            raise CallerNotAllowed(f"{service or 'An unnamed caller'} may not call {method.name}.")

    async def _identity(self, head: CallHead) -> Identity | None:
        if not head.token:
            return None
        if self._verifier is None:
            raise Unauthenticated("This service takes no user's token.")
        return await self._verifier.verify(head.token)


async def _bounded(answer: Awaitable[Any]) -> Any:
    """For a caller who set no deadline."""
    try:
        async with asyncio.timeout(DEFAULT_SECONDS):
            return await answer
    except TimeoutError:
        raise DeadlineExceeded("The time for this request is up.") from None
