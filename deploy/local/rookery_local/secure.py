"""An instance whose every connection is by TLS and with a log-in: what its services and tests are told for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rookery_local.certificates import Authority

if TYPE_CHECKING:
    from rookery_local.instance import Instance

_LOCK = threading.Lock()  # engines are prepared at the same time


@dataclass(frozen=True)
class EngineFiles:
    """Where an engine finds its certificate, key, both in one, and whom it trusts."""

    certificate: Path
    key: Path
    keystore: Path
    authority: Path


def authority(instance: Instance) -> Authority:
    """The instance's own."""
    return Authority(instance.root / "certificates")


def engine_files(instance: Instance, engine: str) -> EngineFiles:
    """Issues a certificate to an engine, in its own folder."""
    with _LOCK:
        issued = authority(instance).for_engine(engine.partition("_")[0], instance.host)
    folder = instance.folder(engine)
    return EngineFiles(
        instance.write(folder / "tls.crt", issued.chain),
        instance.write(folder / "tls.key", issued.key),
        instance.write(folder / "tls.pem", issued.keystore),
        instance.write(folder / "ca.crt", issued.authority),
    )


def service_settings(instance: Instance, service: str, values: dict[str, str]) -> dict[str, str]:
    """The settings of a service, as if all were plain, made to go by TLS and with log-ins."""
    made = authority(instance)
    with _LOCK:
        certificate, key = made.for_service(service, instance.host)
    ca = str(made.file)
    secured = {name: _secured(value) for name, value in values.items() if name != "PUBLIC_URL"}
    secured |= {"TLS_CERT_FILE": str(certificate), "TLS_KEY_FILE": str(key), "TLS_CA_FILE": ca}
    secured |= {"KAFKA_TLS": "true", "KAFKA_CA_FILE": ca, "KAFKA_USERNAME": service}
    secured["KAFKA_PASSWORD"] = instance.secrets.password(f"kafka.{service}")
    if "POSTGRES_DSN" in values:
        secured |= {"POSTGRES_TLS": "true", "POSTGRES_CA_FILE": ca}
    if "CQL_HOSTS" in values:
        secured |= {"CQL_TLS": "true", "CQL_CA_FILE": ca}
    if "REDIS_CACHE_URL" in values:
        secured["REDIS_CA_FILE"] = ca
    if "S3_ENDPOINT" in values:
        secured["S3_CA_FILE"] = ca
    if "ELASTICSEARCH_URL" in values:
        secured |= {"ELASTICSEARCH_CA_FILE": ca, "ELASTICSEARCH_USERNAME": service}
        secured["ELASTICSEARCH_PASSWORD"] = instance.secrets.password(f"elasticsearch.{service}")
    return values | secured


def admin_settings(instance: Instance, values: dict[str, str]) -> dict[str, str]:
    """The same for what tests are told."""
    secured = {name: _secured(value) for name, value in values.items() if name != "ROOKERY_URL"}
    return secured | {
        "ROOKERY_URL": values["ROOKERY_URL"],
        "ROOKERY_TEST_CA_FILE": str(authority(instance).file),
        "ROOKERY_TEST_KAFKA_PASSWORD": instance.secrets.password("kafka.admin"),
    }


def _secured(value: str) -> str:
    for plain, by_tls in (("redis://", "rediss://"), ("http://", "https://")):
        if value.startswith(plain):
            return by_tls + value.removeprefix(plain)
    return value
