"""Where Kafka is, and how its clients and it show each other who they are."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rookery_common.config import KafkaSettings
from rookery_common.credentials import Secret

RENEW_SECONDS = 10.0
# One without log-ins is known by its bootstrap servers alone.
Kafka = str | KafkaSettings
_PROTOCOLS = {(True, True): "SASL_SSL", (True, False): "SSL", (False, True): "SASL_PLAINTEXT"}


class Client(Protocol):
    """A producer or consumer of the client library."""

    def set_sasl_credentials(self, username: str, password: str) -> None: ...


class Connection:
    """What one client is configured with, and what keeps its password."""

    def __init__(self, kafka: Kafka) -> None:
        self._config: dict[str, Any] = {}
        self._password: Secret | None = None
        if isinstance(kafka, str):
            self._config["bootstrap.servers"] = kafka
        else:
            self._read(kafka)
        self._told = ""
        self._look_at = 0.0

    def _read(self, settings: KafkaSettings) -> None:
        config = self._config
        config["bootstrap.servers"] = settings.kafka_bootstrap
        protocol = _PROTOCOLS.get((settings.kafka_tls, bool(settings.kafka_username)))
        if protocol:
            config["security.protocol"] = protocol
        if settings.kafka_tls and settings.kafka_ca_file:
            config["ssl.ca.location"] = settings.kafka_ca_file
        if settings.kafka_username:
            config["sasl.mechanisms"] = settings.kafka_sasl_mechanism
            config["sasl.username"] = settings.kafka_username
            self._password = Secret(settings.kafka_password, settings.kafka_password_file)

    def config(self) -> dict[str, Any]:
        """The start of a client's configuration. Raises OSError where the password's file can't be read."""
        if self._password is None:
            return dict(self._config)
        self._told = self._password.current()
        return {**self._config, "sasl.password": self._told}

    def renew(self, client: Client) -> None:
        """Tells the client of a changed password, for its next connection; looks at most every ten seconds."""
        now = time.monotonic()
        if self._password is None or now < self._look_at:
            return
        self._look_at = now + RENEW_SECONDS
        password = self._password.current()
        if password != self._told:
            client.set_sasl_credentials(self._config["sasl.username"], password)
            self._told = password
