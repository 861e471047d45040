"""How requests fail, each with its status and reason."""

from __future__ import annotations

from rookery_common.errors import (
    Aborted,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)


class InvalidField(InvalidArgument):
    """One field of a request is wrong; `code` is one of the API's ERR_ words."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, code: str, description: str) -> None:
        super().__init__(f"{field} {description}", fields=(FieldViolation(field, code, description),))


class ConversationNotFound(NotFound):
    """There is no such conversation, or the caller is not one of its members."""

    reason = "CONVERSATION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such conversation")


class DirectThreadNotFound(NotFound):
    """The caller has no such thread of direct posts, or has it no more."""

    reason = "DIRECT_THREAD_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such thread of direct posts")


class WrongId(InvalidArgument):
    """An event names what is no id."""

    reason = "WRONG_ID"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is not an id", fields=(FieldViolation(field, "ERR_INVALID", "is not an id"),))


class MemberNotFound(NotFound):
    """One of those who should be in a conversation has no account."""

    reason = "MEMBER_NOT_FOUND"

    def __init__(self) -> None:
        description = "has an account that does not exist"
        super().__init__(
            f"member_ids {description}", fields=(FieldViolation("member_ids", "ERR_NOT_FOUND", description),)
        )


class Blocked(PermissionDenied):
    """One of two blocks the other."""

    reason = "BLOCKED"

    def __init__(self) -> None:
        super().__init__("one of you blocks the other")


class NobodyLeft(FailedPrecondition):
    """All others have left the platform."""

    reason = "NOBODY_LEFT"

    def __init__(self) -> None:
        super().__init__("nobody else is in this conversation any more")


class IdempotencyConflict(Aborted):
    """The request_id was used with another request."""

    reason = "IDEMPOTENCY_CONFLICT"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used with another body")


class UserRequired(PermissionDenied):
    """The token is an application's own: there is no account to act for."""

    reason = "USER_REQUIRED"

    def __init__(self) -> None:
        super().__init__("this needs a user: the token is an application's own")


class ConversationBusy(Unavailable):
    """Others took every sequence that was tried; nothing was sent."""

    reason = "CONVERSATION_BUSY"

    def __init__(self) -> None:
        super().__init__("too many write to this conversation at once", retry_after=1.0)


class TooManyWaiting(ResourceExhausted):
    """As many messages as may wait for their turn in this conversation do so already."""

    reason = "TOO_MANY_WAITING"

    def __init__(self) -> None:
        super().__init__("too many messages wait to be sent in this conversation", retry_after=1.0)
