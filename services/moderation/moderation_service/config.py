"""What moderation is told by its environment, with the prefix MODERATION_."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import BaseServiceSettings, PostgresSettings, settings_config


class Settings(BaseServiceSettings, PostgresSettings):
    """Read once, when the process starts."""

    model_config = settings_config("MODERATION_")

    service: str = "moderation"
    grpc_address: str = Field("127.0.0.1:7009", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7109", description="Where probes and metrics are served over HTTP.")
