"""Commands of services, as an operator runs them: beside the platform's processes, or in a pod of the service."""

from __future__ import annotations

import os
import subprocess
import sys

SECONDS = 120


def operate(service: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What it says and how it ends, by its return code."""
    namespace = os.environ.get("ROOKERY_NAMESPACE")
    python = [sys.executable]
    if namespace:
        python = ["kubectl", "--namespace", namespace, "exec", f"deployment/{service}", "--", "python"]
    command = [*python, "-m", f"{service}_service", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 - our own
