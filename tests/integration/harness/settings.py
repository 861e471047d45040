"""A service that runs with other settings for a while, as an operator would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from harness.platform import ROOT, Platform, required
from harness.waiting import eventually

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@contextmanager
def running_with(platform: Platform, service: str, **settings: str) -> Iterator[None]:
    """Within the block the service runs with these variables beside its own; afterwards as before."""
    log = Path(required("ROOKERY_INSTANCE")) / "logs" / f"{service}.log"
    command = [sys.executable, "-m", f"{service}_service", "all"]
    platform.stop(service)
    try:
        with log.open("a") as out:
            process = subprocess.Popen(  # noqa: S603  # our own words
                command, cwd=ROOT, env={**os.environ, **settings}, stdout=out, stderr=out
            )
        try:
            address = required(f"{service.upper()}_HEALTH_ADDRESS")
            eventually(lambda: _is_ready(address), bool, within=START_SECONDS, what=f"{service}, with {settings}")
            yield
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
    finally:
        platform.start(service)


def _is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"http://{address}/readyz", timeout=5).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
