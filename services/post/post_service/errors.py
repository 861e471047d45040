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


class PostNotFound(NotFound):
    """There is no such post, or it is not for this account to see."""

    reason = "POST_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("the post does not exist")


class NotRebloggable(PermissionDenied):
    """The post is not for others to show."""

    reason = "NOT_REBLOGGABLE"


class ReplyNotFound(NotFound):
    """The post that is replied to is not there, or not for this author to see."""

    reason = "REPLY_NOT_FOUND"


class ReplyNotAllowed(PermissionDenied):
    """The author of the thread does not let this account reply."""

    reason = "REPLY_NOT_ALLOWED"

    def __init__(self) -> None:
        super().__init__("the author of this thread does not let you reply")


class QuoteNotFound(NotFound):
    """The post that is quoted is not there, or its author lets this one not quote it."""

    reason = "QUOTE_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("the post that is quoted does not exist, or is not for you to quote")


class NotOwnPost(PermissionDenied):
    """Only its author decides about it."""

    reason = "NOT_OWN_POST"

    def __init__(self) -> None:
        super().__init__("this post is somebody else's")


class MediaNotFound(NotFound):
    """No such media of this account, or it is attached to a post already."""

    reason = "MEDIA_NOT_FOUND"


class MediaNotReady(FailedPrecondition):
    """It is being processed."""

    reason = "MEDIA_NOT_READY"

    def __init__(self) -> None:
        super().__init__("Cannot attach files that have not finished processing. Try again in a moment!")


class MediaFailed(InvalidField):
    """Nothing could be made of the file; `failure` says why."""

    reason = "MEDIA_FAILED"

    def __init__(self, failure: str) -> None:
        super().__init__("file", "ERR_INVALID", failure)


class MediaInUse(FailedPrecondition):
    """A post has it."""

    reason = "MEDIA_IN_USE"

    def __init__(self) -> None:
        super().__init__("this media is attached to a post")


class NotPinnable(InvalidField):
    """Only one's own posts, which others may see, are shown first."""

    reason = "NOT_PINNABLE"

    def __init__(self, description: str) -> None:
        super().__init__("id", "ERR_INVALID", description)


class TooManyPins(FailedPrecondition):
    """As many posts are pinned as may be."""

    reason = "TOO_MANY_PINS"


class PollEnded(FailedPrecondition):
    """Nobody votes any more."""

    reason = "POLL_ENDED"

    def __init__(self) -> None:
        super().__init__("the poll has already ended")


class AlreadyVoted(FailedPrecondition):
    """A vote is for good."""

    reason = "ALREADY_VOTED"

    def __init__(self) -> None:
        super().__init__("you have already voted on this poll")


class OwnPoll(FailedPrecondition):
    """Who asks does not vote."""

    reason = "OWN_POLL"

    def __init__(self) -> None:
        super().__init__("you cannot vote in your own polls")


class ScheduledNotFound(NotFound):
    """No such post of this account waits for its time."""

    reason = "SCHEDULED_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such scheduled post")


class PublishingNow(Unavailable):
    """A scheduled post is on its way: in a moment it is a post, or waits again."""

    reason = "PUBLISHING_NOW"


class TooManyScheduled(FailedPrecondition):
    """As many posts are scheduled as may be, in all or for one day."""

    reason = "TOO_MANY_SCHEDULED"


class DraftNotFound(NotFound):
    """The account keeps no such draft."""

    reason = "DRAFT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such draft")


class DraftChanged(FailedPrecondition):
    """The draft has another version than the one that was to be changed."""

    reason = "DRAFT_CHANGED"

    def __init__(self) -> None:
        super().__init__("the draft has been changed meanwhile")


class TooManyDrafts(FailedPrecondition):
    """The account keeps as many drafts as may be."""

    reason = "TOO_MANY_DRAFTS"


class UploadNotFound(NotFound):
    """There is no such upload of this account's, or not any more."""

    reason = "UPLOAD_NOT_FOUND"


class TooManyPartUploads(FailedPrecondition):
    """The account has as many uploads open as may be."""

    reason = "TOO_MANY_UPLOADS"


class UploadIncomplete(FailedPrecondition):
    """Parts of the upload are missing."""

    reason = "UPLOAD_INCOMPLETE"


class TooManyEdits(ResourceExhausted):
    """The post has as many versions as are kept."""

    reason = "TOO_MANY_EDITS"


class IdempotencyConflict(Aborted):
    """The Idempotency-Key was used with another body."""

    reason = "IDEMPOTENCY_CONFLICT"


class UserRequired(PermissionDenied):
    """The token is an application's own: there is no account to act for."""

    reason = "USER_REQUIRED"


class FileTooLarge(InvalidField):
    """Too many bytes, pixels or frames, or too long."""

    reason = "FILE_TOO_LARGE"

    def __init__(self, description: str) -> None:
        super().__init__("file", "ERR_TOO_LARGE", description)


class UnsupportedType(InvalidField):
    """Not a kind of file that is accepted, or not the kind that it claims to be."""

    reason = "UNSUPPORTED_TYPE"

    def __init__(self, description: str) -> None:
        super().__init__("file", "ERR_UNSUPPORTED_TYPE", description)


class BrokenFile(InvalidField):
    """The content does not decode."""

    reason = "BROKEN_FILE"

    def __init__(self, description: str) -> None:
        super().__init__("file", "ERR_BROKEN", description)


class TooManyUploads(ResourceExhausted):
    """This process holds as many uploads as its memory allows."""

    reason = "TOO_MANY_UPLOADS"


class TooManyUnfinished(ResourceExhausted):
    """So many uploads of the account are being processed that another has to wait."""

    reason = "TOO_MANY_UNFINISHED"


class MediaNotThereYet(Unavailable):
    """The event came before the row that it tells of: it is tried again."""

    reason = "MEDIA_NOT_THERE_YET"


class SeedRefused(FailedPrecondition):
    """Posts are not made up here."""

    reason = "SEED_REFUSED"
