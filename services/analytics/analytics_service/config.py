"""What analytics is told by its environment, with the prefix ANALYTICS_."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import BaseServiceSettings, CqlSettings, S3Settings, settings_config


class Settings(BaseServiceSettings, CqlSettings, S3Settings):
    """Read once, when the process starts."""

    model_config = settings_config("ANALYTICS_")

    service: str = "analytics"
    grpc_address: str = Field("127.0.0.1:7008", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7108", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for the keys that verify tokens.")
    archive_seconds: float = Field(60.0, gt=0, le=240, description="How long events are gathered for a file.")
    archive_events: int = Field(10_000, ge=1, le=100_000, description="How many are gathered at most, over all files.")
