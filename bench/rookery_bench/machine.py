"""The machine and the server that a figure was measured on: a figure without them says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from rookery_bench.client import Connection, Server


def describe() -> dict[str, Any]:
    """Processor, memory, kernel, Python, and how busy it was before the run."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "revision": _revision(),
    }


async def server_version(server: Server) -> str:
    """What the server says it is; raises where it does not answer."""
    connection = Connection(server)
    try:
        return str((await connection.send(server.get("/api/v1/instance"))).json()["version"])
    finally:
        connection.close()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - our own words
    return result.stdout.strip() or "unknown"
