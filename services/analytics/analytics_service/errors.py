"""What analytics refuses, and what it has to try again."""

from __future__ import annotations

from rookery_common.errors import FieldViolation, Internal, InvalidArgument, PermissionDenied, Unavailable


class FieldInvalid(InvalidArgument):
    """One field of the request is wrong."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, description: str, code: str = "ERR_INVALID") -> None:
        super().__init__(f"{field} {description}", fields=(FieldViolation(field, code, description),))


class StaffRequired(PermissionDenied):
    """Only moderators and administrators may see measures."""

    reason = "STAFF_REQUIRED"

    def __init__(self) -> None:
        super().__init__("this needs a moderator's or an administrator's role")


class ArchivedMeanwhile(Unavailable):
    """Another member has just archived events of the same partition: what it left is found by trying again."""

    reason = "ARCHIVED_MEANWHILE"


class NotStored(Unavailable):
    """Files could not be made or stored; the store is away, as a rule."""

    reason = "ARCHIVE_NOT_STORED"


class ArchiveDamaged(Internal):
    """The archive does not hold what its manifest says."""

    reason = "ARCHIVE_DAMAGED"
