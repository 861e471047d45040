"""How clients of Kafka get in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from rookery_common.config import KafkaSettings
from rookery_common.kafka import connection
from rookery_common.kafka.connection import Connection


def test_servers_alone_mean_no_log_in() -> None:
    assert Connection("127.0.0.1:9092").config() == {"bootstrap.servers": "127.0.0.1:9092"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"kafka_tls": True}, {"security.protocol": "SSL"}),
        (
            {"kafka_tls": True, "kafka_ca_file": "/ca.pem"},
            {"security.protocol": "SSL", "ssl.ca.location": "/ca.pem"},
        ),
        (
            {"kafka_tls": True, "kafka_username": "post", "kafka_password": SecretStr("hunter2")},
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanisms": "SCRAM-SHA-512",
                "sasl.username": "post",
                "sasl.password": "hunter2",
            },
        ),
        (
            {"kafka_username": "post", "kafka_password": SecretStr("p"), "kafka_sasl_mechanism": "PLAIN"},
            {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanisms": "PLAIN",
                "sasl.username": "post",
                "sasl.password": "p",
            },
        ),
    ],
)
def test_settings_become_the_clients_configuration(given: dict[str, Any], expected: dict[str, str]) -> None:
    config = Connection(KafkaSettings(kafka_bootstrap="kafka:9093", **given)).config()
    assert config == {"bootstrap.servers": "kafka:9093", **expected}


@pytest.mark.parametrize("given", [{"kafka_username": "post"}, {"kafka_password": SecretStr("p")}])
def test_half_of_a_log_in_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="kafka_username goes with"):
        KafkaSettings(**given)


class FakeClient:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.told.append((username, password))


def test_a_client_is_told_of_a_changed_password_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RENEW_SECONDS", 0.0)
    file = tmp_path / "password"
    file.write_text("old")
    client = FakeClient()
    link = Connection(KafkaSettings(kafka_username="post", kafka_password_file=str(file)))
    assert link.config()["sasl.password"] == "old"
    link.renew(client)
    assert client.told == []
    file.write_text("newer")
    link.renew(client)
    link.renew(client)
    assert client.told == [("post", "newer")]
