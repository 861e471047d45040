"""What auth is told by its environment, with the prefix AUTH_."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, SecretStr, field_validator

from auth_service.account_models import SignUpMode
from auth_service.models import RefreshPolicy, SessionPolicy
from auth_service.provider_models import Provider, parse_providers
from rookery_common.config import BaseServiceSettings, PostgresSettings, settings_config


class SmtpTls(StrEnum):
    """How a connection to the mail server is protected: from the start, after a greeting, or not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Settings(BaseServiceSettings, PostgresSettings):
    """Read once, when the process starts."""

    model_config = settings_config("AUTH_")

    service: str = "auth"
    grpc_address: str = Field("127.0.0.1:7001", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7101", description="Where probes and metrics are served over HTTP.")
    user_target: str = Field("127.0.0.1:7002", description="Where the user service is called.")
    registrations: SignUpMode | None = Field(
        None, description="Who may sign up: open, approval, invitation or closed; closed, but open in local mode."
    )
    title: str = Field("Rookery", description="The community's name, in mails and authenticator apps.")
    breached_passwords_file: str = Field("", description="More passwords to refuse: one a line, or its SHA-1 in hex.")
    smtp_host: str = Field("", description="The mail server; empty: none, and addresses are not confirmed.")
    smtp_port: int = Field(587, ge=1, le=65_535, description="Its port.")
    smtp_username: str = Field("", description="Who signs in to it; empty: nobody.")
    smtp_password: SecretStr = Field(SecretStr(""), description="The password for it.")
    smtp_tls: SmtpTls = Field(SmtpTls.STARTTLS, description="tls, starttls or none.")
    mail_from: str = Field("rookery@localhost", description="The sender of mails.")
    mail_folder: str = Field("", description="Without a mail server: a folder where mails are written to.")
    providers: SecretStr = Field(
        SecretStr(""), description="By whose accounts one may sign in (OpenID Connect): a JSON list, with secrets."
    )
    session_days: int = Field(365, ge=1, le=3650, description="An app's session ends when it is not used for so long.")
    browser_idle_days: int = Field(
        14, ge=1, le=90, description="A browser's session ends when it is not used for so long."
    )
    browser_days: int = Field(30, ge=1, le=365, description="After so many days a browser signs in again.")
    key_days: int = Field(30, ge=1, le=365, description="A signing key is replaced after so many days.")
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
    def key_lifetime(self) -> timedelta:
        """How long a key signs."""
        return timedelta(days=self.key_days)

    @property
    def session_policy(self) -> SessionPolicy:
        """How long sessions last that are used, and that are not."""
        return SessionPolicy(
            app_idle=timedelta(days=self.session_days),
            browser_idle=timedelta(days=self.browser_idle_days),
            browser=timedelta(days=self.browser_days),
        )

    @property
    def refresh_policy(self) -> RefreshPolicy:
        """How long tokens last where an app has refresh tokens."""
        return RefreshPolicy(
            access=timedelta(seconds=self.access_token_seconds),
            idle=timedelta(days=self.refresh_idle_days),
            absolute=timedelta(days=self.refresh_days),
            grace=timedelta(seconds=self.refresh_grace_seconds),
        )

    @field_validator("public_url")
    @classmethod
    def _trim_public_url(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("providers")
    @classmethod
    def _check_providers(cls, value: SecretStr) -> SecretStr:
        parse_providers(value.get_secret_value())
        return value

    @property
    def sign_in_providers(self) -> tuple[Provider, ...]:
        """By whose accounts one may sign in, in the operator's order."""
        return parse_providers(self.providers.get_secret_value())

    @property
    def sign_up_mode(self) -> SignUpMode:
        """Who may sign up."""
        if self.registrations is not None:
            return self.registrations
        return SignUpMode.OPEN if self.local_mode else SignUpMode.CLOSED

    @property
    def sends_mails(self) -> bool:
        """Whether mails go anywhere."""
        return bool(self.smtp_host or self.mail_folder)

    @property
    def confirms_emails(self) -> bool:
        """Whether an account waits for its address to be confirmed: where mails really arrive."""
        return bool(self.smtp_host)
