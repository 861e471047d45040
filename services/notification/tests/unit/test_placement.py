"""Arithmetic that stored data depends on: a change of any number here loses what is stored."""

from __future__ import annotations

from dataclasses import replace

from notification_service.models import Act, Kind
from notification_service.placement import (
    BUCKET_MS,
    WINDOW_SHARDS,
    notification_id,
    seconds_to_live,
    time_bucket,
    window_shard,
)
from rookery_common.ids import ms_of

ACT = Act(101, Kind.FAVOURITE, 102, 5_000, 5_000, 1_772_366_400_000)


def test_an_act_has_always_the_same_id_with_its_own_time_in_it() -> None:
    assert notification_id(ACT) == 815916279401058666
    assert ms_of(notification_id(ACT)) == ACT.at_ms


def test_each_part_of_an_act_makes_another_id() -> None:
    others = [
        replace(ACT, recipient_id=103),
        replace(ACT, kind=Kind.REBLOG),
        replace(ACT, account_id=103),
        replace(ACT, source_id=5_001),
        replace(ACT, at_ms=ACT.at_ms + 1),
    ]
    assert len({notification_id(act) for act in [ACT, *others]}) == 6


def test_acts_of_one_millisecond_hardly_ever_meet() -> None:
    ids = {notification_id(replace(ACT, account_id=account_id)) for account_id in range(1, 501)}
    assert len(ids) == 500


def test_ids_are_in_the_order_of_their_times() -> None:
    ids = [notification_id(replace(ACT, at_ms=ACT.at_ms + late)) for late in range(100)]
    assert ids == sorted(ids)


def test_a_row_lives_until_the_end_of_its_week_and_the_history() -> None:
    number = notification_id(ACT)
    assert time_bucket(number) == 2930
    assert seconds_to_live(number, 2931 * BUCKET_MS) == 180 * 86_400
    assert seconds_to_live(number, 2931 * BUCKET_MS + 180 * 86_400_000) == 0


def test_shards_are_where_they_always_were() -> None:
    assert window_shard(101) == 1423
    assert 0 <= min(map(window_shard, range(1000))) < max(map(window_shard, range(1000))) < WINDOW_SHARDS
