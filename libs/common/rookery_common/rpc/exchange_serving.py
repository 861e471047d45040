"""The answering end of exchanges: a stream on which a caller makes one call after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError

from rookery.common.v1.exchange_service_pb2 import ExchangeRequest, ExchangeResponse
from rookery.common.v1.exchange_service_pb2_grpc import ExchangeServiceServicer
from rookery_common.errors import AppError, DeadlineExceeded, FieldViolation, Internal, InvalidArgument
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import start_deadline
from rookery_common.rpc.exchange import NOT_EXCHANGED
from rookery_common.rpc.handling import CallHandling, Context, Method, Unary
from rookery_common.rpc.metadata import CallHead
from rookery_common.rpc.status import ReplicaLeaves, abort, to_entry_status
from rookery_common.telemetry import span

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Exchanged:
    method: Method
    parse: Callable[[bytes], Any]
    behaviour: Unary


class Exchanges(ExchangeServiceServicer):
    """Answers unary methods on streams, with the same callers, identities, limits and metrics as calls of their own."""

    def __init__(self, handling: CallHandling) -> None:
        self._handling = handling
        self._methods: dict[str, _Exchanged] = {}
        self._streams: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._draining = False

    def add(self, method: Method, handler: Any) -> None:
        """From now on the method may be called on streams; `handler` is what generated code registers."""
        self._methods[method.path] = _Exchanged(method, handler.request_deserializer, handler.unary_unary)

    def drain(self) -> None:
        """Ends streams that wait at once, the others after the call in hand."""
        self._draining = True
        while self._idle:
            self._idle.pop().cancel()

    # A coroutine that reads and writes: it may be cancelled between two calls, and costs less than a generator.
    async def Exchange(self, request_iterator: Any, context: Context) -> None:  # type: ignore[override]
        task = cast(asyncio.Task[Any], asyncio.current_task())
        caller = self._handling.caller(CallHead.of(context.invocation_metadata() or ()), context)
        try:
            while not self._draining:
                self._idle.add(task)
                request = await context.read()
                self._idle.discard(task)
                if request is grpc.aio.EOF:
                    return
                await context.write(await self._answer(caller, cast(ExchangeRequest, request), context))
        except asyncio.CancelledError:
            if not self._draining:
                raise
            task.uncancel()
        finally:
            self._idle.discard(task)
        await abort(context, ReplicaLeaves("This replica is going away."))

    async def _answer(self, caller: str, request: ExchangeRequest, context: Context) -> ExchangeResponse:
        exchanged = self._methods.get(request.method)
        if exchanged is None:
            return _failed(InvalidArgument(NOT_EXCHANGED))
        started, code = time.perf_counter(), "OK"
        head = CallHead(caller, token=request.token, traceparent=request.traceparent, priority=request.priority)
        try:
            if head.sampled:
                with span(exchanged.method.path, head.traceparent):
                    return await self._response(exchanged, head, request, context)
            return await self._response(exchanged, head, request, context)
        except AppError as error:
            code = error.status.name
            return _failed(error)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception:
            code = "INTERNAL"
            log.exception("rpc.failed", method=request.method)
            return _failed(Internal("Something went wrong here."))
        finally:
            exchanged.method.metrics.observe(code, time.perf_counter() - started)

    async def _response(
        self, exchanged: _Exchanged, head: CallHead, request: ExchangeRequest, context: Context
    ) -> ExchangeResponse:
        self._handling.check_caller(exchanged.method, head.service)
        seconds = request.timeout_ms / 1000
        start_deadline(seconds)
        work = _parsed(exchanged, request.request)
        answer = self._handling.admitted(exchanged.method, exchanged.behaviour, head, work, context)
        return ExchangeResponse(response=(await _within(answer, seconds)).SerializeToString())


def _parsed(exchanged: _Exchanged, request: bytes) -> Any:
    try:
        return exchanged.parse(request)
    except DecodeError:
        why = "is no message of the method"
        raise InvalidArgument(f"request {why}", fields=[FieldViolation("request", "ERR_INVALID", why)]) from None


def _failed(error: AppError) -> ExchangeResponse:
    return ExchangeResponse(status=to_entry_status(error))


async def _within(answer: Awaitable[Any], seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise DeadlineExceeded("The time for this request is up.") from None
