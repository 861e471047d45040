"""What notification is told by its environment, with the prefix NOTIFICATION_."""

from __future__ import annotations

from pydantic import Field

from rookery_common.config import BaseServiceSettings, CqlSettings, RedisSettings, WebSettings, settings_config


class Settings(BaseServiceSettings, CqlSettings, RedisSettings, WebSettings):
    """Read once, when the process starts."""

    model_config = settings_config("NOTIFICATION_")

    service: str = "notification"
    grpc_address: str = Field("127.0.0.1:7006", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7106", description="Where probes and metrics are served over HTTP.")
    title: str = Field("Rookery", description="The community's name, in mails.")
    auth_target: str = Field("127.0.0.1:7001", description="Where auth is asked for keys and staff, and given mails.")
    digest_hour_seconds: float = Field(
        3600.0, ge=0.1, le=3600.0, description="How long an hour of digests is; shorter on a machine for trials."
    )
    user_target: str = Field("127.0.0.1:7002", description="Where user is asked who somebody is to a recipient.")
    post_target: str = Field("127.0.0.1:7003", description="Where post is asked whose post a reblog shows.")
