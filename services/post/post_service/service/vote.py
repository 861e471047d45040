"""Votes in polls: one a person, for good, whatever is asked for at once."""

from __future__ import annotations

from collections.abc import Sequence

from post_service import metrics
from post_service.errors import AlreadyVoted, InvalidField, OwnPoll, PollEnded, PostNotFound
from post_service.events import PostEvents
from post_service.models import MAX_REQUEST_ID_CHARS
from post_service.poll_models import Ballot, Poll, Vote
from post_service.repository.polls import PollRepository, VoteRepository
from post_service.repository.posts import PostRepository
from post_service.service.read_posts import PostReader
from post_service.service.text import check_text
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.logs import get_logger

log = get_logger()


class Voting:
    """Takes votes. With an Idempotency-Key the same vote is accepted again; without one it has already been cast."""

    def __init__(
        self,
        polls: PollRepository,
        votes: VoteRepository,
        posts: PostRepository,
        reader: PostReader,
        events: PostEvents,
        versions: HybridClock,
    ) -> None:
        self._polls = polls
        self._votes = votes
        self._posts = posts
        self._reader = reader
        self._events = events
        self._versions = versions

    async def vote(self, account: Identity, post_id: int, choices: Sequence[int], request_id: str = "") -> None:
        """In the poll of a post, or of what it reblogs. Raises PostNotFound, InvalidField, OwnPoll, PollEnded and
        AlreadyVoted, all before anything changes."""
        _check_request_id(request_id)
        shown = await self._reader.original(post_id)
        await self._reader.require_visible(account, shown)
        post = await self._posts.get(shown.post_id)
        if post is None or post.poll is None:
            raise PostNotFound
        chosen = _checked(choices, post.poll)
        if post.author_id == account.account_id:
            raise OwnPoll
        ballot = Ballot(post.post_id, post.poll.ballot)
        event = self._events.voted(ballot, account.account_id, post.author_id, self._versions.next())
        vote = Vote(ballot, account.account_id, chosen, event.event_id, event.occurred_at, request_id)
        held = await self._polls.find(ballot, account.account_id)
        if held is None:
            if vote.voted_at >= post.poll.expires_at:
                raise PollEnded
            held = await self._votes.cast(vote, event)
        if held.event_id == event.event_id:
            await self._votes.publish(event)
            metrics.VOTES.inc()
            log.info("post.voted", post_id=post.post_id)
        elif not request_id or (held.request_id, held.choices) != (request_id, chosen):
            raise AlreadyVoted


def _check_request_id(request_id: str) -> None:
    check_text("request_id", request_id)
    if len(request_id) > MAX_REQUEST_ID_CHARS:
        raise InvalidField("request_id", "ERR_TOO_LONG", f"must be at most {MAX_REQUEST_ID_CHARS} characters")


def _checked(choices: Sequence[int], poll: Poll) -> tuple[int, ...]:
    """The options chosen, in their order."""
    chosen = tuple(sorted(set(choices)))
    if not chosen:
        raise InvalidField("choices", "ERR_BLANK", "can't be blank")
    if chosen[0] < 0 or chosen[-1] >= len(poll.options):
        raise InvalidField("choices", "ERR_INVALID", "must be options of the poll")
    if len(chosen) > 1 and not poll.multiple:
        raise InvalidField("choices", "ERR_TOO_MANY", "must be one option")
    return chosen
