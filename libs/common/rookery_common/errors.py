"""Expected failures: each carries its status and a stable reason, and travels as `google.rpc.Status`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as StatusMessage

DOMAIN = "rookery"


class Status(IntEnum):
    """What kind of failure it is; the numbers are gRPC's."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request: a stable code, and a sentence for people."""

    field: str
    code: str
    description: str


class AppError(Exception):
    """An expected failure. A subclass sets `status` and `reason`; the message is shown to the client."""

    status: ClassVar[Status] = Status.INTERNAL
    reason: str = "INTERNAL"

    def __init__(
        self, message: str, *, fields: Sequence[FieldViolation] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(fields)
        self.retry_after = retry_after


class InvalidArgument(AppError):
    """The request is wrong whatever the state of the system."""

    status = Status.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class NotFound(AppError):
    """There is no such thing, or the caller may not know of it."""

    status = Status.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(AppError):
    """What should be made is there already."""

    status = Status.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class PermissionDenied(AppError):
    """The caller is known, and may not do this."""

    status = Status.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class Unauthenticated(AppError):
    """The caller is not known."""

    status = Status.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class FailedPrecondition(AppError):
    """The system is not in the state that the request needs; repeating it won't help."""

    status = Status.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class ResourceExhausted(AppError):
    """A limit is reached, or the service is overloaded."""

    status = Status.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class Aborted(AppError):
    """A conflict with another request; reading again and repeating may help."""

    status = Status.ABORTED
    reason = "ABORTED"


class Unavailable(AppError):
    """A dependency is away; repeating an idempotent request may help."""

    status = Status.UNAVAILABLE
    reason = "UNAVAILABLE"


class DeadlineExceeded(AppError):
    """The time for it is up; whether it took effect is not known."""

    status = Status.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class Internal(AppError):
    """A defect of ours; the message tells the client nothing of it."""


class NotOffered(Internal):
    """A service of an older release, which has no such call."""

    reason = "NOT_OFFERED"


_BY_STATUS: dict[int, type[AppError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        Unauthenticated,
        FailedPrecondition,
        ResourceExhausted,
        Aborted,
        Unavailable,
        DeadlineExceeded,
        Internal,
    )
}


def to_status(error: AppError) -> StatusMessage:
    """The error as it travels: ErrorInfo with the reason, BadRequest with the fields, RetryInfo with the wait."""
    message = StatusMessage(code=error.status, message=error.message)
    message.details.add().Pack(ErrorInfo(reason=error.reason, domain=DOMAIN))
    if error.fields:
        violations = [
            BadRequest.FieldViolation(field=f.field, reason=f.code, description=f.description) for f in error.fields
        ]
        message.details.add().Pack(BadRequest(field_violations=violations))
    if error.retry_after is not None:
        info = RetryInfo()
        info.retry_delay.FromNanoseconds(math.ceil(error.retry_after * 1e9))
        message.details.add().Pack(info)
    return message


def from_status(message: StatusMessage) -> AppError:
    """The error that a status stands for: the base class of its code, with the reason, fields and wait it came with."""
    kind = _BY_STATUS.get(message.code, Internal)
    reason, fields, retry_after = kind.reason, [], None
    for detail in message.details:
        if detail.Is(ErrorInfo.DESCRIPTOR):
            info = ErrorInfo()
            detail.Unpack(info)
            reason = info.reason
        elif detail.Is(BadRequest.DESCRIPTOR):
            request = BadRequest()
            detail.Unpack(request)
            fields = [FieldViolation(v.field, v.reason, v.description) for v in request.field_violations]
        elif detail.Is(RetryInfo.DESCRIPTOR):
            retry = RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
    error = kind(message.message, fields=fields, retry_after=retry_after)
    error.reason = reason
    return error
