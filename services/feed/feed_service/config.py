"""What feed is told by its environment, with the prefix FEED_."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from feed_service.models import AWAY_DAYS
from rookery_common.config import BaseServiceSettings, CqlSettings, RedisSettings, settings_config


class Settings(BaseServiceSettings, CqlSettings, RedisSettings):
    """Read once, when the process starts."""

    model_config = settings_config("FEED_")

    service: str = "feed"
    grpc_address: str = Field("127.0.0.1:7004", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7104", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for the keys that verify tokens.")
    post_target: str = Field("127.0.0.1:7003", description="Where post is asked for an author's recent posts.")
    user_target: str = Field("127.0.0.1:7002", description="Where user is asked for all follows, for a rebuild.")
    active_days: int = Field(
        30,
        ge=0,
        le=365,
        description="Who was not here for more days is delivered nothing till the return; 0: all are, else at least 7.",
    )
    merge_followers: int = Field(
        50_000,
        ge=0,
        le=100_000_000,
        description="Posts of authors with so many followers are merged into homes when these are read; 0 for none.",
    )
    merge_grace_seconds: int = Field(
        600,
        ge=2,
        le=86_400,
        description="From that decision to its taking effect: longer than a roll takes; a few seconds are for trials.",
    )
    other_cache_url: SecretStr = Field(
        SecretStr(""),
        description="While the caches are moved: the other cache's URL; windows are kept up to date there, too.",
    )
    timeline_shards: int = Field(
        64,
        ge=1,
        le=4096,
        description="CQL partitions of a day that starts from now on; days already begun keep theirs.",
    )

    @field_validator("active_days")
    @classmethod
    def _is_a_week_at_least(cls, days: int) -> int:
        if 0 < days < AWAY_DAYS:
            raise ValueError(f"must be 0, or at least {AWAY_DAYS}")
        return days
