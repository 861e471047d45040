"""Settings: what must be told is asked for by name, and the rest has sound defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from feed_service.app import warm
from feed_service.config import Settings
from feed_service.errors import NotMoving


@pytest.mark.parametrize("name", ["CQL_KEYSPACE", "REDIS_CACHE_URL", "REDIS_STATE_URL", "MASTER_KEY"])
def test_a_setting_that_is_missing_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"FEED_{name}")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [problem["loc"] for problem in refused.value.errors()] == [(name.lower(),)]


@pytest.mark.parametrize("value", ["0", "5000", "many"])
def test_a_number_of_shards_out_of_bounds_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("FEED_TIMELINE_SHARDS", value)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("value", ["0", "1", "86401"])
def test_a_grace_that_processes_cannot_hear_of_in_time_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("FEED_MERGE_GRACE_SECONDS", value)
    with pytest.raises(ValidationError, match="merge_grace_seconds"):
        Settings()


@pytest.mark.parametrize("value", ["-1", "1", "6", "366"])
def test_a_number_of_days_that_is_shorter_than_a_window_lives_is_refused(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    environment.setenv("FEED_ACTIVE_DAYS", value)
    with pytest.raises(ValidationError, match="active_days"):
        Settings()


@pytest.mark.parametrize("value", [0, 7, 365])
def test_readers_are_active_for_a_week_at_least_or_for_ever(environment: pytest.MonkeyPatch, value: int) -> None:
    environment.setenv("FEED_ACTIVE_DAYS", str(value))
    assert Settings().active_days == value


def test_the_rest_has_defaults(environment: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert (settings.service, settings.grpc_address, settings.timeline_shards) == ("feed", "127.0.0.1:7004", 64)
    assert "127.0.0.1:6379" not in repr(settings)


async def test_there_is_nothing_to_warm_while_no_other_cache_is_named(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotMoving, match="FEED_OTHER_CACHE_URL"):
        await warm()
