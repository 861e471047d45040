"""The integration flows of the repository, unchanged, against the gateway's Service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rookery_k8s.report import Finding, found
from rookery_k8s.shell import ClusterError

REPOSITORY = Path(__file__).resolve().parents[3]
SECONDS = 1500


def flows(url: str, namespace: str, log: Path) -> Finding:
    """Every flow that needs nothing of the local platform; what pytest says of failures is in the log."""
    words = [sys.executable, "-m", "pytest", "tests/integration", "--quiet", "--tb=short", "-p", "no:cacheprovider"]
    words += ["-m", "not local"]
    environment = os.environ | {"ROOKERY_URL": url, "ROOKERY_NAMESPACE": namespace}
    with log.open("w") as file:
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                words, cwd=REPOSITORY, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"the flows had no end after {SECONDS} s; how far they came: {log}") from error
    lines = log.read_text().strip().splitlines()
    failed = [line.partition("::")[2].partition(" ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))]
    figures = f"{lines[-1].strip('= ')}; deselected are those that need a platform of local processes"
    if failed:
        figures += f"; failed: {', '.join(failed)}"
    return found("integration flows through the gateway's Service", figures, ok=done.returncode == 0)
