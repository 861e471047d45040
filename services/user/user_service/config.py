"""Settings of the user service, from USER_* variables."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import (
    BaseServiceSettings,
    PostgresSettings,
    RedisSettings,
    WebSettings,
    settings_config,
)


class Settings(BaseServiceSettings, PostgresSettings, RedisSettings, WebSettings):
    """What the user service is told."""

    model_config = settings_config("USER_")
    service: str = "user"
    grpc_address: str = Field("127.0.0.1:7002", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7102", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="The auth service, which publishes the signing keys.")
    reserved_usernames: str = Field("", description="Names that nobody may take besides the built-in ones, by commas.")

    def extra_reserved(self) -> frozenset[str]:
        """The configured names, in lower case."""
        return frozenset(name.strip().lower() for name in self.reserved_usernames.split(",") if name.strip())
