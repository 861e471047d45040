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
    auth_target: str = Field("127.0.0.1:7001", description="The auth service: its keys, and the end of sessions.")
    post_target: str = Field(
        "127.0.0.1:7003", description="The post service, asked to erase deleted accounts, and for bookmarks."
    )
    feed_target: str = Field("127.0.0.1:7004", description="The feed service, asked the same.")
    messaging_target: str = Field("127.0.0.1:7005", description="The messaging service, asked the same.")
    notification_target: str = Field("127.0.0.1:7006", description="The notification service, asked the same.")
    search_target: str = Field("127.0.0.1:7007", description="The search service, asked the same.")
    analytics_target: str = Field("127.0.0.1:7008", description="The analytics service, asked the same.")
    moderation_target: str = Field("127.0.0.1:7009", description="The moderation service, asked the same.")
    reserved_usernames: str = Field("", description="Names that nobody may take besides the built-in ones, by commas.")

    def erasing_targets(self) -> dict[str, str]:
        """Where each other service is that keeps something of accounts."""
        targets = ((name.removesuffix("_target"), name) for name in type(self).model_fields if name.endswith("_target"))
        return {service: str(getattr(self, name)) for service, name in targets}

    def extra_reserved(self) -> frozenset[str]:
        """The configured names, in lower case."""
        return frozenset(name.strip().lower() for name in self.reserved_usernames.split(",") if name.strip())
