"""Where rows and keys are: fixed for what is stored, and even."""

from __future__ import annotations

from collections import Counter

from feed_service.models import HISTORY_DAYS
from feed_service.placement import (
    DAY_MS,
    reader_shard,
    seconds_to_live,
    time_bucket,
    window_shard,
)
from rookery_common.ids import lowest_id_at, ms_of

# Accounts made one a second, as their ids are: the low bits hardly differ.
ACCOUNTS = [lowest_id_at(1_772_366_400_000 + second * 1000) for second in range(20_000)]
ENTRY = lowest_id_at(1_772_366_400_000)


def test_places_never_change() -> None:
    assert time_bucket(ENTRY) == 20_513
    reader = ACCOUNTS[7]
    assert (window_shard(reader), reader_shard(reader, 64)) == (1377, 17)


def test_readers_are_spread_evenly() -> None:
    spread = Counter(reader_shard(reader, 64) for reader in ACCOUNTS)
    mean = len(ACCOUNTS) / 64
    assert len(spread) == 64
    assert max(spread.values()) < 1.5 * mean
    assert min(spread.values()) > 0.5 * mean
    assert len({window_shard(reader) for reader in ACCOUNTS}) > 4000


def test_a_row_lives_to_the_end_of_its_day_and_the_history_after_it() -> None:
    now = ms_of(ENTRY)
    left = seconds_to_live(ENTRY, now)
    assert HISTORY_DAYS * 86_400 < left <= (HISTORY_DAYS + 1) * 86_400
    assert seconds_to_live(ENTRY, now + DAY_MS) == left - 86_400
    assert seconds_to_live(ENTRY, now + 40 * DAY_MS) < 0
