"""What messaging is told by its environment, with the prefix MESSAGING_."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import BaseServiceSettings, CqlSettings, RedisSettings, settings_config


class Settings(BaseServiceSettings, CqlSettings, RedisSettings):
    """Read once, when the process starts."""

    model_config = settings_config("MESSAGING_")

    service: str = "messaging"
    grpc_address: str = Field("127.0.0.1:7005", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7105", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for the keys that verify tokens.")
    user_target: str = Field("127.0.0.1:7002", description="Where user is asked who exists and who blocks whom.")
