"""Each engine is away for a moment: what does not need it goes on, what does is refused at once, and all catches up.

Named to run after the other flows; `make chaos` does the same for a minute each. Kafka's absence is in
test_zz_faults.py, that of Elasticsearch in test_zz_search_faults.py.
"""

from __future__ import annotations

from functools import partial

import httpx2
import pytest
from harness.people import Person, Town
from harness.platform import Platform
from harness.probe import RECOVERY_SECONDS, SIGNED_IN, Probe, probe_of
from harness.waiting import eventually
from mastodon.errors import MastodonError

pytestmark = pytest.mark.local


@pytest.fixture
def probe(platform: Platform, http: httpx2.Client, alice: Person, bob: Person) -> Probe:
    return probe_of(platform, http, alice, bob)


def signed_up(town: Town) -> bool:
    try:
        return bool(town.newcomer("carol").token)
    except MastodonError:
        return False


@pytest.mark.parametrize(
    ("engine", "refused"),
    [
        ("cassandra", {"post", "upload", "conversations"}),
        ("postgres", SIGNED_IN),
        ("s3", {"upload"}),
        ("redis_cache", set()),
        ("redis_state", set()),
    ],
)
@pytest.mark.alone
def test_without_an_engine_the_rest_goes_on_and_afterwards_all_is_there(
    platform: Platform, town: Town, probe: Probe, engine: str, refused: set[str]
) -> None:
    platform.stop(engine)
    try:
        eventually(probe.away, lambda away: away == refused, within=RECOVERY_SECONDS, what=f"what needs {engine}")
        assert probe.away() == refused  # also once breakers have opened
    finally:
        platform.start(engine)
    eventually(probe.away, lambda away: not away, within=RECOVERY_SECONDS, what=f"what is refused after {engine}")
    # For the next ones here.
    eventually(partial(signed_up, town), bool, within=RECOVERY_SECONDS, what=f"sign-up after {engine}")
    expected = [*probe.posted[::-1], probe.shown]
    eventually(lambda: probe.bob.home_ids(), lambda ids: ids == expected, within=RECOVERY_SECONDS, what="bob's home")
