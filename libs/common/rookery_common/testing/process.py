"""A service's process as an operator runs it: its own interpreter, environment, ports and signals."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from rookery_common.testing.ports import free_address

START_SECONDS = 100.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running process and where it listens."""

    pid: int
    grpc_address: str
    health_address: str

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of a GET at the health address."""
        connection = http.client.HTTPConnection(self.health_address, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def failures(self) -> dict[str, str]:
        """What keeps it from being ready, by the check's name."""
        body: dict[str, Any] = json.loads(self.probe("/readyz")[1])
        return dict(body["failures"])


def environment_of(prefix: str, *settings: BaseSettings) -> dict[str, str]:
    """The variables that would give a service these settings; unset values are left out."""
    values: dict[str, str] = {}
    for group in settings:
        for name in type(group).model_fields:
            value = getattr(group, name)
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                values[f"{prefix}{name.upper()}"] = plain
    return values


def random_master_key() -> str:
    """A key-encryption key as settings carry it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


@contextmanager
def service_process(service: str, environment: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """`python -m <service>_service all`, once it is started; AssertionError unless SIGTERM then ends it cleanly."""
    prefix = f"{service.upper()}_"
    addresses = {name: free_address() for name in ("GRPC_ADDRESS", "HEALTH_ADDRESS")}
    own = {f"{prefix}{name}": address for name, address in addresses.items()}
    own[f"{prefix}MASTER_KEY"] = random_master_key()
    command = [sys.executable, "-m", f"{service}_service", "all"]
    with subprocess.Popen(command, env={**os.environ, **own, **environment}) as child:  # noqa: S603 - our own package
        process = ServiceProcess(child.pid, addresses["GRPC_ADDRESS"], addresses["HEALTH_ADDRESS"])
        try:
            _await_start(child, process)
            yield process
            child.send_signal(signal.SIGTERM)
            code = child.wait(STOP_SECONDS)
        finally:
            child.kill()
    assert code == 0, f"{service} ended with status {code}"  # noqa: S101 - it is for tests


def _await_start(child: subprocess.Popen[bytes], process: ServiceProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise AssertionError(f"the process ended with status {child.returncode} before it was started")
        with suppress(OSError):  # it does not listen yet
            if process.probe("/startupz")[0] == http.client.OK:
                return
        time.sleep(0.05)
    raise AssertionError(f"the process was not started within {START_SECONDS:.0f} s")
