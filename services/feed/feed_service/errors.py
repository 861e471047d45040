"""What feed refuses."""

from __future__ import annotations

from rookery_common.errors import FailedPrecondition, FieldViolation, InvalidArgument


class WrongLimit(InvalidArgument):
    """A page is of 1 to 80 entries."""

    reason = "WRONG_LIMIT"

    def __init__(self, most: int) -> None:
        violation = FieldViolation("limit", "ERR_OUT_OF_RANGE", f"must be from 1 to {most}")
        super().__init__(f"limit must be from 1 to {most}", fields=[violation])


class TooManyAuthors(InvalidArgument):
    """A list has at most 500 members."""

    reason = "TOO_MANY_AUTHORS"

    def __init__(self, most: int) -> None:
        violation = FieldViolation("author_ids", "ERR_TOO_LONG", f"must be at most {most}")
        super().__init__(f"author_ids must be at most {most}", fields=[violation])


class WrongTags(InvalidArgument):
    """Too many hashtags, or something that is none."""

    reason = "WRONG_TAGS"

    def __init__(self, field: str, most: int) -> None:
        violation = FieldViolation(field, "ERR_INVALID", f"must be at most {most} hashtags")
        super().__init__(f"{field} must be at most {most} hashtags", fields=[violation])


class WrongId(InvalidArgument):
    """Not an id that this platform can have minted."""

    reason = "WRONG_ID"

    def __init__(self, field: str) -> None:
        violation = FieldViolation(field, "ERR_INVALID", "is not an id")
        super().__init__(f"{field} is not an id", fields=[violation])


class WrongTimelines(InvalidArgument):
    """What no timeline of everybody is called."""

    reason = "WRONG_TIMELINES"

    def __init__(self) -> None:
        violation = FieldViolation("subscribe_timelines", "ERR_INVALID", "has what is no timeline")
        super().__init__("subscribe_timelines has what is no timeline", fields=[violation])


class NotMoving(FailedPrecondition):
    """There is one cache, and nothing to be filled before it is needed."""

    reason = "NOT_MOVING"

    def __init__(self) -> None:
        super().__init__("FEED_OTHER_CACHE_URL names no other cache")


class WrongWeight(InvalidArgument):
    """A weight is from 0 to some number."""

    reason = "WRONG_WEIGHT"

    def __init__(self, field: str, most: float) -> None:
        violation = FieldViolation(field, "ERR_OUT_OF_RANGE", f"must be from 0 to {most:g}")
        super().__init__(f"{field} must be from 0 to {most:g}", fields=[violation])
