"""The gateway's settings."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from rookery_common.config import BaseServiceSettings, RedisSettings, settings_config

KIB = 1024
MIB = 1024 * KIB


class AccessLog(StrEnum):
    """Which requests are logged: all; those that write, fail or are slow; those that fail or are slow."""

    ALL = "all"
    WRITES = "writes"
    PROBLEMS = "problems"


class Settings(BaseServiceSettings, RedisSettings):
    """What the gateway is told: where it listens, whom it calls, what it accepts, and what the community is called."""

    model_config = settings_config("GATEWAY_")

    service: str = "gateway"
    http_address: str = Field("127.0.0.1:8080", description="Where the public API listens.")
    trusted_proxies: str = Field("", description="Whose X-Forwarded-For is believed: addresses and networks, by comma.")
    auth_target: str = Field("127.0.0.1:7001", description="The auth service's gRPC address.")
    user_target: str = Field("127.0.0.1:7002", description="The user service's gRPC address.")
    post_target: str = Field("127.0.0.1:7003", description="The post service's gRPC address.")
    feed_target: str = Field("127.0.0.1:7004", description="The feed service's gRPC address.")
    messaging_target: str = Field("127.0.0.1:7005", description="The messaging service's gRPC address.")
    notification_target: str = Field("127.0.0.1:7006", description="The notification service's gRPC address.")
    search_target: str = Field("127.0.0.1:7007", description="The search service's gRPC address.")
    moderation_target: str = Field("127.0.0.1:7009", description="The moderation service's gRPC address.")
    analytics_target: str = Field("127.0.0.1:7008", description="The analytics service's gRPC address.")

    redis_cache_url: SecretStr = Field(SecretStr(""), description="Not used yet.")
    redis_state_url: SecretStr = Field(
        SecretStr(""), description="redis://user:password@host:port/0; empty: each replica counts requests for itself."
    )
    limits_file: str = Field(
        "", description="The rate limits (TOML), looked at each second; empty: the package's own, none in local mode."
    )
    texts_file: str = Field(
        "", description="What the operator writes about the community (TOML), looked at each second; empty: nothing."
    )
    max_body_bytes: int = Field(MIB, ge=KIB, description="Largest body of a request that uploads no file.")
    max_upload_bytes: int = Field(16 * MIB, ge=KIB, description="Largest uploaded picture.")
    max_video_bytes: int = Field(
        40 * MIB, ge=KIB, description="Largest uploaded video or audio; post tells which it is."
    )
    read_seconds: float = Field(10.0, gt=0, description="The deadline of a request that reads.")
    write_seconds: float = Field(15.0, gt=0, description="The deadline of a request that writes.")
    upload_seconds: float = Field(120.0, gt=0, description="The deadline of an upload.")
    access_log: AccessLog = Field(AccessLog.WRITES, description="Which requests are logged.")
    slow_seconds: float = Field(1.0, gt=0, description="From here on a request counts as slow.")
    stream_origins: list[str] = Field(
        [], description="Whose pages may open streams, as a JSON array of origins; empty: any, as their tokens decide."
    )
    token_cache_size: int = Field(50_000, ge=1, description="Tokens whose exchange is remembered.")

    title: str = Field("Rookery", description="The community's name.")
    description: str = Field("", description="The community in a sentence, as plain text.")
    contact_email: str = Field("", description="Where people reach whoever runs it.")
    languages: list[str] = Field(["en"], min_length=1, description="The languages of its staff, as a JSON array.")
    rules: list[str] = Field([], description="Its rules, as a JSON array of sentences.")
    source_url: str = Field("", description="Where this software's source is; empty: not told.")
    max_post_chars: int = Field(500, ge=1, description="What clients are told a post may hold; post decides.")
    max_post_media: int = Field(4, ge=0, description="What clients are told a post may show; post decides.")

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be an http or https address without a query")
        return value.rstrip("/")

    @cached_property
    def domain(self) -> str:
        """The host, with its port if it has one, that accounts and links are named by."""
        return urlsplit(self.public_url).netloc

    @cached_property
    def streaming_url(self) -> str:
        """The same address for WebSockets."""
        return "ws" + self.public_url.removeprefix("http")
