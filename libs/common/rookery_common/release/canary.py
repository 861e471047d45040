"""A canary's analysis: the calls that the new version's pods answered, and how many of them failed, for a while."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from rookery_common.release.problem import Problem, addresses

LOOK_SECONDS: Final = 5.0
SCRAPE_SECONDS: Final = 4.0
# So many looks in a row a pod may stay silent: it restarts, or the machine is busy.
PATIENCE: Final = 3
# What says that the version is at fault; a refusal of bad input or of too much is none.
FAILED_CODES: Final = frozenset(
    {"UNKNOWN", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS", "UNIMPLEMENTED"}
)
RPC_CALLS: Final = "rookery_rpc_server_calls_total"
HTTP_CALLS: Final = "rookery_gateway_http_request_seconds_count"


@dataclass(frozen=True, slots=True)
class Calls:
    """Answered calls, and those that failed."""

    total: float = 0.0
    failed: float = 0.0

    def since(self, before: Calls) -> Calls:
        """Those after `before`; all of them where the counters began anew."""
        if self.total < before.total:
            return self
        return Calls(self.total - before.total, self.failed - before.failed)

    def plus(self, other: Calls) -> Calls:
        return Calls(self.total + other.total, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a version is given up: `seconds` of looking, a share of failures, and how many calls make a share."""

    seconds: float
    max_error_ratio: float
    min_calls: int


def count(metrics: str) -> Calls:
    """The calls in one pod's metrics."""
    calls = Calls()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == RPC_CALLS:
                calls = calls.plus(Calls(sample.value, sample.value * (sample.labels["code"] in FAILED_CODES)))
            elif sample.name == HTTP_CALLS:
                calls = calls.plus(Calls(sample.value, sample.value * sample.labels["status"].startswith("5")))
    return calls


class Scraper:
    """The metrics of all pods behind a name."""

    def __init__(self, target: str) -> None:
        self._target = target

    def __call__(self) -> dict[str, Calls]:
        """The calls of each pod that answers; raises Problem where there is none."""
        found = {}
        for address in addresses(self._target):
            try:
                found[address] = count(self._fetch(address))
            except (OSError, http.client.HTTPException):
                continue
        return found

    @staticmethod
    def _fetch(address: str) -> str:
        connection = http.client.HTTPConnection(address, timeout=SCRAPE_SECONDS)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@dataclass(slots=True)
class _Tally:
    """Calls since the first look, over pods that come, go and restart."""

    calls: Calls = field(default_factory=Calls)
    last: dict[str, Calls] = field(default_factory=dict)
    silent: int = 0

    def add(self, seen: Mapping[str, Calls]) -> None:
        for address, calls in seen.items():
            self.calls = self.calls.plus(calls.since(self.last.get(address, calls)))
            self.last[address] = calls


def watch(
    scrape: Callable[[], Mapping[str, Calls]],
    limits: Limits,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Looks until the time is over, and says what it saw. Raises Problem as soon as the version is not good enough."""
    tally, ends = _Tally(), now() + limits.seconds
    while True:
        _look(scrape, tally)
        _judge(tally.calls, limits)
        if now() >= ends:
            return f"{tally.calls.failed:.0f} of {tally.calls.total:.0f} calls failed in {limits.seconds:.0f} s"
        sleep(LOOK_SECONDS)


def _look(scrape: Callable[[], Mapping[str, Calls]], tally: _Tally) -> None:
    try:
        seen = scrape()
    except Problem:
        seen = {}
    tally.silent = 0 if seen else tally.silent + 1
    if tally.silent >= PATIENCE:
        raise Problem(f"no pod of the new version answered {PATIENCE} times in a row")
    tally.add(seen)


def _judge(calls: Calls, limits: Limits) -> None:
    if calls.total >= limits.min_calls and calls.failed > limits.max_error_ratio * calls.total:
        raise Problem(
            f"{calls.failed:.0f} of {calls.total:.0f} calls failed, more than {limits.max_error_ratio:.1%}: given up"
        )
