"""How connections to Postgres are made: who connects, and whose certificates are believed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from rookery_common.config import PostgresSettings
from rookery_common.credentials import Secret, TrustContext


class PgAccess:
    """How connections show who they are, and whom they trust; by default what the DSN says."""

    def __init__(self, password_file: str = "", trust: TrustContext | None = None) -> None:
        self._password = Secret(SecretStr(""), password_file)
        self._trust = trust

    @classmethod
    def of(cls, settings: PostgresSettings) -> PgAccess:
        """Raises OSError where the authorities' file can't be read."""
        trust = TrustContext.of(settings.postgres_ca_file) if settings.postgres_tls else None
        return cls(settings.postgres_password_file, trust)

    def options(self) -> dict[str, Any]:
        """For asyncpg, which asks for the password at each connection."""
        options: dict[str, Any] = {}
        if self._trust is not None:
            options["ssl"] = self._trust
        if self._password:
            options["password"] = self._password.current
        return options


def address_of(dsn: str) -> str:
    """The DSN's hosts and ports alone, as people may see them."""
    try:
        return urlsplit(dsn).netloc.rpartition("@")[2] or "an address that is not given"
    except ValueError:
        return "an address that can't be read"
