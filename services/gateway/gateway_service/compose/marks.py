"""What an act leaves on a post, for showing it where the post itself can't be asked any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway_service.compose.hydrate import Facts


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of the viewer's, set or taken back, and the count that goes with it (empty: none)."""

    name: str
    is_set: bool
    count: str = ""

    def leave_on(self, post_id: int, facts: Facts) -> None:
        """On the post among the facts; of a reblog, on what it shows."""
        view = facts.views[facts.posts[post_id].reblog_of_id or post_id]
        if getattr(view.marks, self.name) == self.is_set:
            return
        setattr(view.marks, self.name, self.is_set)
        if self.count:
            number = getattr(view.counts, self.count) + (1 if self.is_set else -1)
            setattr(view.counts, self.count, max(0, number))


def leave_vote(choices: Sequence[int], post_id: int, facts: Facts) -> None:
    """On the poll of the post among the facts; of a reblog, on that of what it shows."""
    original_id = facts.posts[post_id].reblog_of_id or post_id
    tally, poll = facts.views[original_id].poll, facts.posts[original_id].poll
    if poll is None or tally.own_choices:
        return
    tally.votes.extend(0 for _ in poll.options[len(tally.votes) :])
    for choice in choices:
        tally.votes[choice] += 1
    tally.own_choices[:] = choices
    tally.voters += 1
