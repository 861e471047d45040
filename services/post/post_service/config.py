"""What post is told by its environment, with the prefix POST_."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field

from rookery_common.config import (
    BaseServiceSettings,
    CqlSettings,
    RedisSettings,
    S3Settings,
    WebSettings,
    settings_config,
)


class Settings(BaseServiceSettings, CqlSettings, RedisSettings, S3Settings, WebSettings):
    """Read once, when the process starts."""

    model_config = settings_config("POST_")

    service: str = "post"
    grpc_address: str = Field("127.0.0.1:7003", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7103", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for the keys that verify tokens.")
    user_target: str = Field("127.0.0.1:7002", description="Where user is asked for accounts and follows.")
    hold_posts: bool = Field(False, description="Whether posts wait for moderation's decision before others see them.")
    image_workers: int = Field(2, ge=1, le=64, description="Files processed at once, each in a process of its own.")
    s3_upload_endpoint: str = Field("", description="S3 as clients reach it, to put parts there; empty: the endpoint.")

    @property
    def local_domain(self) -> str:
        """The part after the second @ of a mention that means an account here."""
        return urlsplit(self.public_url).netloc.lower()
