"""What every engine tells the process manager and the starter."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from rookery_common.credentials import TrustContext
from rookery_local import secure
from rookery_local.instance import LOCAL, Instance


class NotReady(Exception):
    """An engine does not answer yet, and why."""


@dataclass(frozen=True)
class Program:
    """One process: its command line (never a secret in it), its environment and how it is stopped."""

    name: str
    command: list[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20


@dataclass(frozen=True)
class Engine:
    """`prepare` writes settings and first data and answers with the program; `check` raises until it serves;
    `provision` makes accounts and stores, and may be repeated."""

    name: str
    ports: tuple[str, ...]
    prepare: Callable[[Instance], Program]
    check: Callable[[Instance], None]
    provision: Callable[[Instance], None]
    start_seconds: int = 180


def http_connection(instance: Instance, port: int, seconds: float) -> http.client.HTTPConnection:
    """To an engine that speaks HTTP, by TLS where the instance is secure."""
    if not instance.secure:
        return http.client.HTTPConnection(instance.host, port, timeout=seconds)
    context = TrustContext.of(str(secure.authority(instance).file))
    return http.client.HTTPSConnection(instance.host, port, timeout=seconds, context=context)


def settings_from(template: str, **values: object) -> str:
    """A file of deploy/local/config with its $names filled in."""
    return Template((LOCAL / "config" / template).read_text()).substitute({k: str(v) for k, v in values.items()})
