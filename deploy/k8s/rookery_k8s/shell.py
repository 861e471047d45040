"""kubectl and helm, each call with a deadline."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any


class ClusterError(Exception):
    """Something did not go as it must; the message says what."""


def run(words: list[str], *, given: str | None = None, seconds: float = 60) -> str:
    """What the command printed; ClusterError with what it complained of when it fails or takes too long."""
    try:
        done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=seconds)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{' '.join(words[:5])}: no end after {seconds:.0f} s") from error
    if done.returncode:
        raise ClusterError(f"{' '.join(words[:5])}: {_complaint(done.stderr or done.stdout)}")
    return done.stdout


def _complaint(output: str) -> str:
    """The end of what was said, without Helm's notes on links."""
    lines = [line for line in output.splitlines() if line.strip() and "found symbolic link in path" not in line]
    return "\n".join(lines)[-2000:]


class Cluster:
    """One namespace of the cluster that kubectl points at."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def kubectl(self, *words: str, given: str | None = None, seconds: float = 60) -> str:
        return run(["kubectl", "--namespace", self.namespace, *words], given=given, seconds=seconds)

    def helm(self, *words: str, seconds: float = 420) -> str:
        return run(["helm", "--namespace", self.namespace, *words], seconds=seconds)

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Objects of a kind, as they are now."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *words, "--output", "json"))["items"]
        return items

    def apply(self, *objects: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename", "-", given=json.dumps(document))

    def rolled_out(self, deployment: str, seconds: float = 180) -> None:
        """Returns once all its replicas are of its newest template, and ready."""
        limit = f"--timeout={seconds:.0f}s"
        self.kubectl("rollout", "status", f"deployment/{deployment}", limit, seconds=seconds + 10)


def eventually(question: Callable[[], bool], within: float, what: str) -> float:
    """Seconds until the answer was yes; ClusterError when it never was."""
    started = time.monotonic()
    while not question():
        if time.monotonic() - started > within:
            raise ClusterError(f"{what}: not within {within:.0f} s")
        time.sleep(0.2)
    return time.monotonic() - started
