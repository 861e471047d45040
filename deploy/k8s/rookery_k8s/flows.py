"""The integration flows of the repository, unchanged, against the gateway's Service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rookery_k8s.report import Finding, found

REPOSITORY = Path(__file__).resolve().parents[3]
# What stops engines belongs to the local platform; here pods are killed by a step of its own.
LEFT_OUT = ("test_zz_engines_away.py", "test_zz_faults.py", "test_zz_search_faults.py")
SECONDS = 1200


def flows(url: str, namespace: str, log: Path) -> Finding:
    """Every flow that stops no engine; what pytest says of failures is in the log."""
    words = [sys.executable, "-m", "pytest", "tests/integration", "--quiet", "--tb=short", "-p", "no:cacheprovider"]
    words += [f"--ignore=tests/integration/{name}" for name in LEFT_OUT]
    environment = os.environ | {"ROOKERY_URL": url, "ROOKERY_NAMESPACE": namespace}
    with log.open("w") as file:
        done = subprocess.run(  # noqa: S603 - our own words
            words, cwd=REPOSITORY, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS
        )
    summary = log.read_text().strip().splitlines()[-1].strip("= ")
    return found("integration flows through the gateway's Service", summary, ok=done.returncode == 0)
