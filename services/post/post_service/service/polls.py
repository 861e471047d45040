"""What has been voted, for those who are shown the polls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from post_service import metrics
from post_service.models import PostView
from post_service.poll_models import Ballot, PollTally
from post_service.repository.polls import PollRepository
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

Answers = Sequence[list[PostView] | AppError]
log = get_logger()


class PollReader:
    """Adds votes to posts. While they can't be read, posts are shown without their polls."""

    def __init__(self, polls: PollRepository) -> None:
        self._polls = polls

    async def add(self, viewers: Sequence[int], answers: Answers) -> list[list[PostView] | AppError]:
        """The answers, one for each viewer (0 for nobody signed in), with the tallies of the polls among them."""
        views = [[] if isinstance(answer, AppError) else answer for answer in answers]
        asked = [
            (ballot, viewer)
            for viewer, some in zip(viewers, views, strict=True)
            for view in some
            if (ballot := _ballot(view))
        ]
        if not asked:
            return list(answers)
        tallies = await self._read(asked)
        return [
            answer if isinstance(answer, AppError) else _with_tallies(viewer, answer, tallies)
            for viewer, answer in zip(viewers, answers, strict=True)
        ]

    async def _read(self, asked: Sequence[tuple[Ballot, int]]) -> Mapping[tuple[Ballot, int], PollTally]:
        votes = [(ballot, viewer) for ballot, viewer in asked if viewer]
        try:
            tallies, choices = await asyncio.gather(
                self._polls.tallies(dict.fromkeys(ballot for ballot, _ in asked)), self._polls.choices(votes)
            )
        except (Unavailable, DeadlineExceeded) as error:
            metrics.POLLS_UNREAD.inc(len(asked))
            log.warning("post.polls_unknown", reason=error.reason, polls=len(asked))
            return {}
        own = dict(zip(votes, choices, strict=True))
        return {key: tallies[key[0]]._replace(own_choices=own.get(key, ())) for key in asked}


def _ballot(view: PostView) -> Ballot | None:
    return Ballot(view.post.post_id, view.post.ballot) if view.post.ballot else None


def _with_tallies(
    viewer: int, views: list[PostView], tallies: Mapping[tuple[Ballot, int], PollTally]
) -> list[PostView]:
    if not tallies:
        return views
    return [view._replace(poll=tallies.get((ballot, viewer))) if (ballot := _ballot(view)) else view for view in views]
