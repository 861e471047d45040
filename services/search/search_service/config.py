"""What search is told by its environment, with the prefix SEARCH_."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import BaseServiceSettings, ElasticsearchSettings, settings_config


class Settings(BaseServiceSettings, ElasticsearchSettings):
    """Read once, when the process starts."""

    model_config = settings_config("SEARCH_")

    service: str = "search"
    grpc_address: str = Field("127.0.0.1:7007", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7107", description="Where probes and metrics are served over HTTP.")
    index_prefix: str = Field(
        "rookery-", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Put before the names of indices and their aliases."
    )
    index_shards: int = Field(1, ge=1, le=1024, description="Shards of each index made from now on.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for the keys that verify tokens.")
    user_target: str = Field("127.0.0.1:7002", description="Where user is asked for all accounts, and for follows.")
    post_target: str = Field("127.0.0.1:7003", description="Where post is asked for an author's posts.")
