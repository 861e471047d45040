"""What an act leaves on a post, for showing it where the post itself can't be asked any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway_service.columns import COUNTS, MARKS
from gateway_service.compose.facts import Facts


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of the viewer's, set or taken back, and the count that goes with it (empty: none)."""

    name: str
    is_set: bool
    count: str = ""

    def leave_on(self, post_id: int, facts: Facts) -> None:
        """On the post among the facts; of a reblog, on what it shows."""
        original_id = facts.posts[post_id].reblog_of_id or post_id
        view = facts.views[original_id]
        if bool(view.marks & MARKS[self.name]) == self.is_set:
            return
        change = 1 if self.is_set else -1
        replies, reblogs, favourites, quotes = (
            max(0, number + change) if name == self.count else number
            for name, number in zip(COUNTS, view.numbers, strict=True)
        )
        numbers = (replies, reblogs, favourites, quotes)
        facts.views[original_id] = view._replace(numbers=numbers, marks=view.marks ^ MARKS[self.name])


def leave_vote(choices: Sequence[int], post_id: int, facts: Facts) -> None:
    """On the poll of the post among the facts; of a reblog, on that of what it shows."""
    original_id = facts.posts[post_id].reblog_of_id or post_id
    tally, poll = facts.views[original_id].poll, facts.posts[original_id].poll
    if poll is None or tally is None or tally.own_choices:
        return
    tally.votes.extend(0 for _ in poll.options[len(tally.votes) :])
    for choice in choices:
        tally.votes[choice] += 1
    tally.own_choices[:] = choices
    tally.voters += 1
