"""What a long outage of an engine did, and the page that tells it: docs/chaos.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = """# A minute without each engine

Written by `make chaos`, which stops one engine after the other under a platform of its own, each for {seconds:.0f} s,
while two people go on with one route of each kind: signed-in reads and writes, uploads, search, notifications, chat,
reports, and what strangers see. What is not refused answers 200 all the time; what is refused answers 503 with
`Retry-After`; no service's process ends, and in the end no consumer group has anything left.

"""
COLUMNS = ("without", "settled", "answered 503", "slowest answer", "answers again", "caught up", "posts of that minute")
TAIL = """
Times are in seconds, on the machine where it ran, which runs all engines and services as well. *Settled*: so long after
the stop exactly those routes were refused. *Slowest answer*: of any route from then on. *Answers again*: so long after
the engine was back nothing was refused. *Caught up*: the follower's home had every post in order, and no consumer group
anything left.
"""


@dataclass(frozen=True)
class Outage:
    """One engine's; times in seconds."""

    engine: str
    lasted: float
    settled: float
    refused: frozenset[str]
    slowest: float
    answering: float
    caught_up: float
    posted: int


def page(outages: Sequence[Outage]) -> str:
    """All of them as a page."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(each) for each in outages)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    shortest = min(each.lasted for each in outages)
    return HEAD.format(seconds=shortest) + table + TAIL


def _row(outage: Outage) -> tuple[str, ...]:
    times = (outage.slowest, outage.answering, outage.caught_up)
    refused = ", ".join(sorted(outage.refused)) or "-"
    settled, *others = (f"{seconds:.1f}" for seconds in (outage.settled, *times))
    return (outage.engine, settled, refused, *others, str(outage.posted))
