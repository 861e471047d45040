"""What auth is told by its environment, with the prefix AUTH_."""

from __future__ import annotations

from pydantic import Field

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
    password_workers: int = Field(2, ge=1, le=64, description="Threads that hash passwords; each takes that memory.")
    password_memory_kib: int = Field(65_536, ge=8192, description="Memory of one argon2id hash, in KiB.")
    password_passes: int = Field(3, ge=1, description="Passes of one argon2id hash.")
    password_lanes: int = Field(4, ge=1, description="Lanes of one argon2id hash.")

    @property
    def may_sign_up(self) -> bool:
        """Whether anyone may sign up."""
        return self.registrations_open or self.local_mode
