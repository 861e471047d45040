"""What moderation is told by its environment, with the prefix MODERATION_."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from moderation_service.policy.file import DEFAULT_POLICY, read_policy
from rookery_common.config import BaseServiceSettings, PostgresSettings, settings_config


class Settings(BaseServiceSettings, PostgresSettings):
    """Read once, when the process starts."""

    model_config = settings_config("MODERATION_")

    service: str = "moderation"
    grpc_address: str = Field("127.0.0.1:7009", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7109", description="Where probes and metrics are served over HTTP.")
    auth_target: str = Field("127.0.0.1:7001", description="The auth service, which publishes the signing keys.")
    user_target: str = Field("127.0.0.1:7002", description="The user service, which knows who is reported.")
    post_target: str = Field("127.0.0.1:7003", description="The post service, which knows what is reported.")
    policy_file: Path = Field(DEFAULT_POLICY, description="The rules, in YAML; read again when it changes.")

    @field_validator("policy_file")
    @classmethod
    def _check_policy(cls, path: Path) -> Path:
        read_policy(path)  # PolicyInvalid is a ValueError: it is told with the setting's name
        return path
