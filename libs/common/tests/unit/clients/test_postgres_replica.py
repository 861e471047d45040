"""Until when a replica has everything."""

from __future__ import annotations

import math

from rookery_common.clients.postgres_replica import MOMENTS, Progress


def test_a_replica_is_complete_until_the_last_moment_whose_writes_it_has() -> None:
    progress = Progress()
    assert progress.complete_until == -math.inf
    progress.written(1.0, 100)
    progress.written(2.0, 200)
    progress.replayed(99)
    assert progress.complete_until == -math.inf
    progress.replayed(150)
    assert progress.complete_until == 1.0
    progress.replayed(150)
    assert progress.complete_until == 1.0
    progress.replayed(200)
    assert progress.complete_until == 2.0


def test_while_nothing_is_written_a_replica_stays_complete() -> None:
    progress = Progress()
    for moment in range(100):
        progress.written(moment, 100)
        progress.replayed(100)
        assert progress.complete_until == moment


def test_a_replica_that_is_far_behind_is_complete_until_nothing_that_is_remembered() -> None:
    progress = Progress()
    for moment in range(MOMENTS + 1):
        progress.written(moment, 100 + moment)
    progress.replayed(100)
    assert progress.complete_until == -math.inf


def test_a_primary_that_is_another_one_begins_anew() -> None:
    progress = Progress()
    progress.written(1.0, 200)
    progress.replayed(200)
    progress.written(2.0, 300)
    progress.written(3.0, 50)
    assert progress.complete_until == -math.inf
    progress.replayed(300)
    assert progress.complete_until == 3.0
