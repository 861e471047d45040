"""What can go wrong in the user service; each carries its status and a stable reason."""

from __future__ import annotations

from rookery_common.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)


def _violation(field: str, code: str, description: str) -> tuple[FieldViolation]:
    return (FieldViolation(field, code, description),)


class UsernameInvalid(InvalidArgument):
    """The username breaks a rule; the code says which."""

    reason = "USERNAME_INVALID"

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"username {description}", fields=_violation("username", code, description))


class UsernameTaken(AlreadyExists):
    """Someone has the username, or has reserved it."""

    reason = "USERNAME_TAKEN"

    def __init__(self) -> None:
        super().__init__("username is taken", fields=_violation("username", "ERR_TAKEN", "is taken"))


class RequestIdReused(FailedPrecondition):
    """The request id belongs to the reservation of another username."""

    reason = "REQUEST_ID_REUSED"


class IdempotencyConflict(Aborted):
    """The request id was used with another body."""

    reason = "IDEMPOTENCY_CONFLICT"


class ReservationNotFound(NotFound):
    """There is no such reservation, or it has expired and the name is another's now."""

    reason = "RESERVATION_NOT_FOUND"


class AccountDeleted(NotFound):
    """The reservation is that of an account which its owner has deleted."""

    reason = "ACCOUNT_DELETED"


class AccountNotFound(NotFound):
    """There is no such account."""

    reason = "ACCOUNT_NOT_FOUND"


class CannotRelateToOneself(InvalidArgument):
    """An account follows, blocks and mutes others only."""

    reason = "CANNOT_RELATE_TO_ONESELF"

    def __init__(self) -> None:
        violation = _violation("account_id", "ERR_INVALID", "is your own account")
        super().__init__("this is your own account", fields=violation)


class FollowNotAllowed(PermissionDenied):
    """One of the two blocks the other."""

    reason = "FOLLOW_NOT_ALLOWED"

    def __init__(self) -> None:
        super().__init__("this account cannot be followed")


class FollowRequestNotFound(NotFound):
    """The account has not asked to follow."""

    reason = "FOLLOW_REQUEST_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such follow request")


class NotFollowed(FailedPrecondition):
    """Only whom one follows can be endorsed."""

    reason = "NOT_FOLLOWED"

    def __init__(self) -> None:
        super().__init__("you must be following the account that you endorse")


class FilterNotFound(NotFound):
    """There is no such filter, keyword or status of the caller's."""

    reason = "FILTER_NOT_FOUND"


class TooManyFilters(FailedPrecondition):
    """More filters, keywords or statuses than an account may have."""

    reason = "TOO_MANY_FILTERS"


class ListNotFound(NotFound):
    """There is no such list of the caller's."""

    reason = "LIST_NOT_FOUND"


class MemberNotFollowed(NotFound):
    """Somebody is to be on a list whom its owner does not follow."""

    reason = "MEMBER_NOT_FOLLOWED"


class TooManyLists(FailedPrecondition):
    """More lists than an account may have."""

    reason = "TOO_MANY_LISTS"


class ListFull(FailedPrecondition):
    """More accounts than may be on a list."""

    reason = "LIST_FULL"


class TooManyTags(FailedPrecondition):
    """More hashtags than an account may follow."""

    reason = "TOO_MANY_TAGS"


class TooManyFeaturedTags(FailedPrecondition):
    """More hashtags than an account may show on its profile."""

    reason = "TOO_MANY_FEATURED_TAGS"


class FeaturedTagNotFound(NotFound):
    """There is no such hashtag on the caller's profile."""

    reason = "FEATURED_TAG_NOT_FOUND"


class ImportNotFound(NotFound):
    """There is no such import of the caller's."""

    reason = "IMPORT_NOT_FOUND"


class TooManyImports(FailedPrecondition):
    """More imports under way than an account may have."""

    reason = "TOO_MANY_IMPORTS"


class FieldInvalid(InvalidArgument):
    """One field of the request is wrong."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, description: str, code: str = "ERR_INVALID") -> None:
        super().__init__(f"{field} {description}", fields=_violation(field, code, description))


class SeedRefused(FailedPrecondition):
    """People are not made up here, or not now."""

    reason = "SEED_REFUSED"
