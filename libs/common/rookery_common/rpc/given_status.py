"""The status that a server gave, where grpc's asyncio client forgets it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

import grpc

_WRITE_FAILED: Final = "Internal error from Core"


class GivenStatus:
    """What a call with a stream of requests ended with.

    Where a server ends a call early, a write that fails just after makes grpc overwrite the status by its own INTERNAL
    (grpc issue 36066). The status is therefore noted at the moment at which it arrives.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self._first: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    async def answer(self) -> Any:
        """The one response. Raises AioRpcError as the server told it."""
        try:
            return await self._call
        except grpc.aio.AioRpcError as error:
            raise self.error(error) from None

    def error(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The failure as the server told it; `error` itself where it told of nothing else."""
        return self._first if self._first is not None and _is_failed_write(error) else error

    def _note(self, call: Any) -> None:
        code = _now(call.code())
        if code is not grpc.StatusCode.OK:
            self._first = grpc.aio.AioRpcError(
                code, _now(call.initial_metadata()), _now(call.trailing_metadata()), _now(call.details())
            )


def _is_failed_write(error: grpc.aio.AioRpcError) -> bool:
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == _WRITE_FAILED


def _now(told: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for, as those of a call that is done."""
    try:
        told.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        told.close()
    raise RuntimeError("The call is not done.")
