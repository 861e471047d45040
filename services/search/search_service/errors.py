"""What can go wrong in search; each carries its status and a stable reason."""

from __future__ import annotations

from rookery_common.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    Unauthenticated,
    Unavailable,
)


class InvalidSearch(InvalidArgument):
    """One field of the request is wrong."""

    reason = "INVALID_SEARCH"

    def __init__(self, field: str, description: str, code: str = "ERR_INVALID") -> None:
        super().__init__(f"{field} {description}", fields=[FieldViolation(field, code, description)])


class UserRequired(Unauthenticated):
    """Only somebody who is signed in follows others."""

    reason = "USER_REQUIRED"

    def __init__(self) -> None:
        super().__init__("searching among those one follows needs a user")


class UnusableEvent(InvalidArgument):
    """An event whose payload cannot be an account or a post."""

    reason = "UNUSABLE_EVENT"


class DocumentRejected(Internal):
    """The engine will never take the document: it does not fit the index."""

    reason = "DOCUMENT_REJECTED"


class IndexMissing(Unavailable):
    """The indices are not there (yet): `migrate` makes them."""

    reason = "INDEX_MISSING"


class SearchTooSlow(DeadlineExceeded):
    """The engine gave up before it had looked at everything."""

    reason = "SEARCH_TOO_SLOW"


class RebuildRunning(FailedPrecondition):
    """Another rebuild is under way, or one was killed."""

    reason = "REBUILD_RUNNING"
