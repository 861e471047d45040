"""The Poll entity: what is asked is rendered with its post, what was voted is written for each viewer and moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from gateway_service.cache import PollFragment
from rookery.post.v1.poll_pb2 import Poll, PollDraft, PollTally


def poll_fragment(post_id: int, poll: Poll) -> PollFragment:
    """What of a poll is the same for everybody."""
    return PollFragment(
        post_id=post_id,
        options=tuple(poll.options),
        multiple=poll.multiple,
        hide_totals=poll.hide_totals,
        expires_at=poll.expire_time.seconds + poll.expire_time.nanos / 1e9,
    )


def poll_params(draft: PollDraft) -> dict[str, Any]:
    """A poll as it was asked for, with a post that is still to come."""
    return {
        "options": list(draft.options),
        "expires_in": draft.expires_in_seconds,
        "multiple": draft.multiple,
        "hide_totals": draft.hide_totals,
    }


def poll_body(poll: PollFragment, tally: PollTally, unix_seconds: float, *, viewer_id: int, is_own: bool) -> bytes:
    """A whole poll; who asks counts as having voted, so that clients show what others chose."""
    votes = [*tally.votes, *(0 for _ in poll.options[len(tally.votes) :])]
    is_over = poll.expires_at <= unix_seconds
    is_secret = poll.hide_totals and not is_over
    entity: dict[str, Any] = {
        "id": str(poll.post_id),
        "expires_at": _time(poll.expires_at),
        "expired": is_over,
        "multiple": poll.multiple,
        "votes_count": sum(votes),
        "voters_count": tally.voters,
        "options": [
            {"title": title, "votes_count": None if is_secret else count}
            for title, count in zip(poll.options, votes, strict=True)
        ],
        "emojis": [],
    }
    if viewer_id:
        entity["voted"] = is_own or bool(tally.own_choices)
        entity["own_votes"] = list(tally.own_choices)
    return orjson.dumps(entity)


def _time(unix_seconds: float) -> str:
    moment = datetime.fromtimestamp(unix_seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
