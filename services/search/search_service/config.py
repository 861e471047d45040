"""What search is told by its environment, with the prefix SEARCH_."""

from __future__ import annotations

from pydantic import Field, SecretStr

from rookery_common.config import BaseServiceSettings, settings_config


class Settings(BaseServiceSettings):
    """Read once, when the process starts."""

    model_config = settings_config("SEARCH_")

    service: str = "search"
    grpc_address: str = Field("127.0.0.1:7007", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7107", description="Where probes and metrics are served over HTTP.")
    elasticsearch_url: SecretStr = Field(description="http://user:password@host:port of the engine.")
