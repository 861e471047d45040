"""AppError to gRPC status and back; the rich status travels in trailing metadata, where all gRPC libraries put it."""

from __future__ import annotations

from typing import Any, Never

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as StatusMessage

from rookery_common.errors import (
    DOMAIN,
    AppError,
    Internal,
    InvalidArgument,
    NotOffered,
    Status,
    Unavailable,
    from_status,
    to_status,
)

DETAILS_KEY = "grpc-status-details-bin"
# gRPC's own sign of a server that must not be asked again: the error comes from further on and was retried there.
PUSHBACK_KEY = "grpc-retry-pushback-ms"
_PUSHBACK = "-1"
_NO_RETRY = {"retry": "no"}
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_ODD: dict[grpc.StatusCode, type[AppError]] = {
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.UNIMPLEMENTED: NotOffered,
}


class ReplicaLeaves(Unavailable):
    """The replica stops. On a stream of exchanges it has answered whatever it began; others end as they are."""

    reason = "REPLICA_LEAVES"


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: AppError) -> Never:
    """Ends the call with the error's status and details."""
    trailing = [(DETAILS_KEY, to_status(error).SerializeToString())]
    trailing_text = [(PUSHBACK_KEY, _PUSHBACK)] if is_remote(error) else []
    await context.abort(_CODES[error.status], error.message, (*trailing, *trailing_text))


def mark_remote(error: AppError, *, retriable: bool) -> AppError:
    """Notes that the error came from another service, and whether the call may still be made again."""
    error.__dict__.update(_remote=True, _retriable=retriable)
    return error


def is_remote(error: AppError) -> bool:
    """Whether the error came from another service, whose caller has retried it as often as it may."""
    return bool(error.__dict__.get("_remote"))


def may_retry(error: AppError) -> bool:
    """Whether a failed call may be made again."""
    return bool(error.__dict__.get("_retriable"))


def to_entry_status(error: AppError) -> StatusMessage:
    """The status of one entry of a batch; what came from further on says that it must not be retried here."""
    status = to_status(error)
    if is_remote(error):
        status.details[0].Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_NO_RETRY))
    return status


def may_retry_entry(status: StatusMessage) -> bool:
    """Whether a failed entry may be sent again."""
    if status.code != Status.UNAVAILABLE:
        return False
    info = ErrorInfo()
    return not any(detail.Unpack(info) and info.metadata == _NO_RETRY for detail in status.details)


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> tuple[AppError, bool]:
    """The AppError for a failed call to a service, and whether the call may be made again."""
    retriable, details = True, None
    for key, value in error.trailing_metadata() or ():
        if key == PUSHBACK_KEY:
            retriable = False
        elif key == DETAILS_KEY and isinstance(value, bytes):
            details = value
    code = error.code()
    return _decoded(details) or _plain(code, service), retriable and code is grpc.StatusCode.UNAVAILABLE


def _decoded(details: bytes | None) -> AppError | None:
    if details is None:
        return None
    try:
        return from_status(StatusMessage.FromString(details))
    except DecodeError:
        return None  # a proxy's or a foreign server's: the code alone says what can be said


def _plain(code: grpc.StatusCode, service: str) -> AppError:
    """For what gRPC itself reports: no words of the transport, which name addresses."""
    odd = _ODD.get(code)
    if odd is not None:
        return odd(f"{service} did not answer.")
    if code.value[0] not in set(Status):
        return Internal(f"{service} failed.")
    sentence = "took too long." if code is grpc.StatusCode.DEADLINE_EXCEEDED else "did not answer."
    return from_status(StatusMessage(code=code.value[0], message=f"{service} {sentence}"))
