"""What notification refuses."""

from __future__ import annotations

from rookery_common.errors import Aborted, FieldViolation, InvalidArgument, NotFound, Unavailable


class WrongLimit(InvalidArgument):
    """A page is of 1 to 80 notifications."""

    reason = "WRONG_LIMIT"

    def __init__(self, most: int) -> None:
        violation = FieldViolation("limit", "ERR_OUT_OF_RANGE", f"must be from 1 to {most}")
        super().__init__(f"limit must be from 1 to {most}", fields=[violation])


class WrongType(InvalidArgument):
    """Not a type of notification that there is."""

    reason = "WRONG_TYPE"

    def __init__(self, field: str) -> None:
        violation = FieldViolation(field, "ERR_INCLUSION", "names a type that does not exist")
        super().__init__(f"{field} names a type that does not exist", fields=[violation])


class WrongId(InvalidArgument):
    """Not an id that this platform can have minted."""

    reason = "WRONG_ID"

    def __init__(self, field: str) -> None:
        violation = FieldViolation(field, "ERR_INVALID", "is not an id")
        super().__init__(f"{field} is not an id", fields=[violation])


class WrongGroupKey(InvalidArgument):
    """Not a key that a group can have."""

    reason = "WRONG_GROUP_KEY"

    def __init__(self) -> None:
        violation = FieldViolation("group_key", "ERR_INVALID", "is not the key of a group")
        super().__init__("group_key is not the key of a group", fields=[violation])


class WrongTimeline(InvalidArgument):
    """Not a timeline that can be marked, or one that is named twice."""

    reason = "WRONG_TIMELINE"

    def __init__(self, field: str) -> None:
        violation = FieldViolation(field, "ERR_INCLUSION", "names a timeline that can't be marked, or names one twice")
        super().__init__(f"{field} names a timeline that can't be marked, or names one twice", fields=[violation])


class MarkerMoved(Aborted):
    """Another client of the account has marked the timeline meanwhile."""

    reason = "MARKER_MOVED"


class WrongOutcome(InvalidArgument):
    """Not what a policy can say."""

    reason = "WRONG_OUTCOME"

    def __init__(self, field: str) -> None:
        violation = FieldViolation(field, "ERR_INCLUSION", "must be accept, filter or drop")
        super().__init__(f"{field} must be accept, filter or drop", fields=[violation])


class WrongRequests(InvalidArgument):
    """None, or more than are answered at once."""

    reason = "WRONG_REQUESTS"

    def __init__(self, most: int) -> None:
        violation = FieldViolation("account_ids", "ERR_OUT_OF_RANGE", f"must name 1 to {most} accounts")
        super().__init__(f"account_ids must name 1 to {most} accounts", fields=[violation])


class WrongChanges(InvalidArgument):
    """Not what can be preferred."""

    reason = "WRONG_CHANGES"

    def __init__(self, description: str) -> None:
        super().__init__(f"changes {description}", fields=[FieldViolation("changes", "ERR_INVALID", description)])


class WrongQuietHours(InvalidArgument):
    """Not hours of a day somewhere."""

    reason = "WRONG_QUIET_HOURS"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field} {description}", fields=[FieldViolation(field, "ERR_INVALID", description)])


class WrongSubscription(InvalidArgument):
    """Not where, or with what, a browser can be reached."""

    reason = "WRONG_SUBSCRIPTION"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field} {description}", fields=[FieldViolation(field, "ERR_INVALID", description)])


class WrongPolicy(InvalidArgument):
    """Not a policy that there is."""

    reason = "WRONG_POLICY"

    def __init__(self) -> None:
        violation = FieldViolation("policy", "ERR_INCLUSION", "names a policy that does not exist")
        super().__init__("policy names a policy that does not exist", fields=[violation])


class SubscriptionNotFound(NotFound):
    """The caller's token has no push subscription."""

    reason = "SUBSCRIPTION_NOT_FOUND"


class ForbiddenEndpoint(InvalidArgument):
    """Not an address of the public internet, or not by https."""

    reason = "FORBIDDEN_ENDPOINT"

    def __init__(self) -> None:
        violation = FieldViolation("endpoint", "ERR_INVALID", "must be an https address of the public internet")
        super().__init__("endpoint must be an https address of the public internet", fields=[violation])


class PushNotTaken(Unavailable):
    """A push service did not answer."""

    reason = "PUSH_NOT_TAKEN"


class NotificationNotFound(NotFound):
    """Not one of the caller's, or put away."""

    reason = "NOTIFICATION_NOT_FOUND"


class WrongToken(InvalidArgument):
    """Not a token that was sent in a mail of ours."""

    reason = "WRONG_TOKEN"

    def __init__(self) -> None:
        violation = FieldViolation("token", "ERR_INVALID", "is not one that was mailed")
        super().__init__("token is not one that was mailed", fields=[violation])


class WrongFrequency(InvalidArgument):
    """Not how often digests can come."""

    reason = "WRONG_FREQUENCY"

    def __init__(self) -> None:
        violation = FieldViolation("digest", "ERR_INCLUSION", "must be off, daily or weekly")
        super().__init__("digest must be off, daily or weekly", fields=[violation])
