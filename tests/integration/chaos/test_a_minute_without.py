"""Each engine is away for a real minute: long enough for caches to run out, breakers to probe, and clients to give up.

For `make chaos`, which names the page to be written.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest
from harness.outages import Outage, page
from harness.people import Person
from harness.platform import Platform, required
from harness.probe import SIGNED_IN, probe_of
from harness.waiting import eventually

AWAY_SECONDS = 60.0
ROUND_SECONDS = 5.0
RECOVERY_SECONDS = 120.0


@pytest.fixture(scope="module")
def outages() -> list[Outage]:
    """Those so far."""
    return []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("engine", "refused"),
    [
        ("redis_cache", set()),
        ("redis_state", set()),
        ("s3", {"upload"}),
        ("kafka", set()),
        ("postgres", SIGNED_IN),
        ("elasticsearch", {"search"}),
        ("cassandra", {"post", "upload", "conversations"}),
    ],
)
@pytest.mark.alone
def test_after_a_minute_without_an_engine_all_is_there(
    platform: Platform,
    http: httpx2.Client,
    alice: Person,
    bob: Person,
    outages: list[Outage],
    engine: str,
    refused: set[str],
) -> None:
    probe = probe_of(platform, http, alice, bob)
    before, running = len(probe.posted), platform.services()
    stopped = time.monotonic()
    platform.stop(engine)
    try:
        eventually(probe.away, lambda away: away == refused, within=AWAY_SECONDS, what=f"what needs {engine}")
        settled, probe.slowest = time.monotonic() - stopped, 0.0
        while time.monotonic() - stopped < AWAY_SECONDS:
            assert probe.away() == refused
            time.sleep(ROUND_SECONDS)
    finally:
        lasted = time.monotonic() - stopped
        platform.start(engine)
    back, slowest, posted = time.monotonic(), probe.slowest, len(probe.posted) - before
    eventually(probe.away, lambda away: not away, within=RECOVERY_SECONDS, what=f"what is refused after {engine}")
    answering = time.monotonic() - back
    expected = [*probe.posted[::-1], probe.shown][:40]
    eventually(bob.home_ids, lambda ids: ids == expected, within=RECOVERY_SECONDS, what="bob's home")
    platform.drain()
    caught_up = time.monotonic() - back
    assert platform.services() == running, "a process has ended"
    outages.append(Outage(engine, lasted, settled, frozenset(refused), slowest, answering, caught_up, posted))
    Path(required("ROOKERY_CHAOS_REPORT")).write_text(page(outages), encoding="utf-8")
