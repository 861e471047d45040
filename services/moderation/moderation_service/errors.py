"""What can go wrong in moderation; each carries its status and a stable reason."""

from __future__ import annotations

from rookery_common.errors import (
    Aborted,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)


class FieldInvalid(InvalidArgument):
    """One field of the request is wrong."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, description: str, code: str = "ERR_INVALID") -> None:
        super().__init__(f"{field} {description}", fields=(FieldViolation(field, code, description),))


class UserRequired(Unauthenticated):
    """The token is an application's own, where a user's is needed."""

    reason = "USER_REQUIRED"

    def __init__(self) -> None:
        super().__init__("this needs a user's token")


class ModeratorRequired(PermissionDenied):
    """Only moderators and administrators may do this."""

    reason = "MODERATOR_REQUIRED"

    def __init__(self) -> None:
        super().__init__("this needs a moderator's role")


class AccountNotFound(NotFound):
    """There is no such account."""

    reason = "ACCOUNT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such account")


class PostNotFound(NotFound):
    """There is no such post, it is another's, or it is not for the caller to see."""

    reason = "POST_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such post of this account")


class ReportNotFound(NotFound):
    """There is no such report."""

    reason = "REPORT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such report")


class ReportResolved(FailedPrecondition):
    """The report was resolved otherwise."""

    reason = "REPORT_RESOLVED"

    def __init__(self) -> None:
        super().__init__("the report is resolved already; reopen it first")


class IdempotencyConflict(Aborted):
    """The request id was used with another report, or another announcement."""

    reason = "IDEMPOTENCY_CONFLICT"

    def __init__(self) -> None:
        super().__init__("request_id was used with something else")


class AnnouncementNotFound(NotFound):
    """There is no such announcement, or it is not listed."""

    reason = "ANNOUNCEMENT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such announcement")


class TooManyAnnouncements(FailedPrecondition):
    """As many are kept, or listed, as may be."""

    reason = "TOO_MANY_ANNOUNCEMENTS"
