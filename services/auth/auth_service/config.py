"""What auth is told by its environment, with the prefix AUTH_."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from auth_service.models import RefreshPolicy
from rookery_common.config import BaseServiceSettings, PostgresSettings, settings_config


class Settings(BaseServiceSettings, PostgresSettings):
    """Read once, when the process starts."""

    model_config = settings_config("AUTH_")

    service: str = "auth"
    grpc_address: str = Field("127.0.0.1:7001", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7101", description="Where probes and metrics are served over HTTP.")
    user_target: str = Field("127.0.0.1:7002", description="Where the user service is called.")
    registrations_open: bool = Field(False, description="Whether anyone may sign up; in local mode anyone may.")
    session_days: int = Field(365, ge=1, le=3650, description="A session ends when it is not used for so many days.")
    access_token_seconds: int = Field(
        3600, ge=60, le=86_400, description="Life of an access token that comes with a refresh token."
    )
    refresh_idle_days: int = Field(60, ge=1, le=365, description="A refresh token not used for so long is dead.")
    refresh_days: int = Field(365, ge=1, le=3650, description="After so many days a user must sign in again.")
    refresh_grace_seconds: int = Field(
        30, ge=0, le=60, description="How long a lost answer to a refresh may be asked for again."
    )
    password_workers: int = Field(2, ge=1, le=64, description="Threads that hash passwords; each takes that memory.")
    password_memory_kib: int = Field(65_536, ge=8192, description="Memory of one argon2id hash, in KiB.")
    password_passes: int = Field(3, ge=1, description="Passes of one argon2id hash.")
    password_lanes: int = Field(4, ge=1, description="Lanes of one argon2id hash.")

    @property
    def refresh_policy(self) -> RefreshPolicy:
        """How long tokens last where an app has refresh tokens."""
        return RefreshPolicy(
            access=timedelta(seconds=self.access_token_seconds),
            idle=timedelta(days=self.refresh_idle_days),
            absolute=timedelta(days=self.refresh_days),
            grace=timedelta(seconds=self.refresh_grace_seconds),
        )

    @property
    def may_sign_up(self) -> bool:
        """Whether anyone may sign up."""
        return self.registrations_open or self.local_mode
