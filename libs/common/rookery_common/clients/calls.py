"""What all engines' clients share: the time a call may take, its three instruments, an outcome not known."""

from __future__ import annotations

import time
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from rookery_common.errors import Unavailable

STATEMENT_SECONDS = 2.0
LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class UnknownOutcome(Unavailable):
    """The write may or may not have happened: repeat it only if that is harmless, and never report it as undone."""

    reason = "UNKNOWN_OUTCOME"


def time_left(cap: float = STATEMENT_SECONDS) -> float:
    """Seconds that a call may take: the cap, or what is left of the caller's deadline. Raises once that is over."""
    # Imported late: the package of that module may import this one's users.
    from rookery_common.rpc.deadline import within

    return within(cap)


class _Series(NamedTuple):
    latency: Histogram
    active: Gauge
    done: Counter
    failed: Counter


class _Observed:
    """A block that is measured; not a generator, which costs several times as much."""

    __slots__ = ("_series", "_start")

    def __init__(self, series: _Series) -> None:
        self._series = series
        self._start = time.perf_counter()

    def __enter__(self) -> None:
        self._series.active.inc()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        series = self._series
        (series.failed if error else series.done).inc()
        series.active.dec()
        series.latency.observe(time.perf_counter() - self._start)


class Instruments:
    """Latency, calls under way and calls by result of one engine, labelled by client and by name of the statement."""

    def __init__(self, engine: str) -> None:
        labels = ["client", "statement"]
        prefix = f"rookery_{engine}"
        self._latency = Histogram(
            f"{prefix}_call_seconds", f"Time of a call to {engine}.", labels, buckets=LATENCY_BUCKETS
        )
        self._active = Gauge(f"{prefix}_calls_active", f"Calls to {engine} under way.", labels)
        self._calls = Counter(f"{prefix}_calls_total", f"Calls to {engine}.", [*labels, "success"])
        self._series: dict[tuple[str, str], _Series] = {}

    def observe(self, client: str, statement: str) -> _Observed:
        """Measures the block; statements' names are few and fixed, so that the labels stay bounded."""
        return _Observed(self._series.get((client, statement)) or self._add(client, statement))

    def _add(self, client: str, statement: str) -> _Series:
        series = _Series(
            self._latency.labels(client, statement),
            self._active.labels(client, statement),
            self._calls.labels(client, statement, "true"),
            self._calls.labels(client, statement, "false"),
        )
        self._series[client, statement] = series
        return series
