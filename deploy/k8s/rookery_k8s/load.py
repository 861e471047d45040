"""The load pod, and what it saw between two moments."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rookery_k8s.shell import Cluster, ClusterError, eventually

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = REPOSITORY / "bench/steady.py"
LIBRARY = [REPOSITORY / "bench/rookery_bench" / name for name in ("__init__.py", "client.py", "people.py")]
NAME = "load"
SETTLE_SECONDS = 3.0
MOST_TEXT = 120
# An error's body, of which one part says what happened.
_DESCRIBED = re.compile(r'\{.*"error_description": ?"([^"]*)".*')


@dataclass
class Window:
    """What the clients saw while something was done to the platform."""

    seconds: float = 0.0
    ok: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    worst_p99_ms: float = 0.0

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def __str__(self) -> str:
        text = f"{self.ok} requests answered in {self.seconds:.0f} s, {self.failed} failed"
        if self.failures:
            text += " (" + "; ".join(f"{count} x {_short(what)}" for what, count in self.failures.most_common(3)) + ")"
        return text


def _short(failure: str) -> str:
    return _DESCRIBED.sub(r"\1", failure)[:MOST_TEXT]


class Load:
    """A pod that asks the gateway's Service for everything, at a steady rate."""

    def __init__(self, cluster: Cluster, image: str, url: str) -> None:
        self._cluster = cluster
        self._image = image
        self._url = url

    def start(self, rate: float) -> None:
        """Returns once people are signed up and requests are answered."""
        self.stop()
        script = {"steady.py": SCRIPT.read_text()}
        library = {path.name: path.read_text() for path in LIBRARY}
        self._cluster.apply(_config_map("load-script", script), _config_map("load-library", library), self._pod(rate))
        eventually(self._answers, 120, "the load pod's first answers")

    def set_rate(self, rate: float) -> None:
        self._cluster.kubectl("exec", NAME, "--", "sh", "-c", f"echo {rate} > /tmp/rate")
        time.sleep(2)

    def stop(self) -> None:
        words = ("--ignore-not-found", "--grace-period=1", "--wait=true")
        self._cluster.kubectl("delete", "pod", NAME, *words)

    @contextmanager
    def watched(self) -> Iterator[Window]:
        """Fills the window with what was seen from entering the block until a moment after leaving it."""
        window = Window()
        start = time.time()
        yield window
        time.sleep(SETTLE_SECONDS)
        end = time.time()
        window.seconds = end - start
        for line in self._lines():
            if start <= line["time"] <= end:
                window.ok += line["ok"]
                window.failures.update(line["failures"])
                window.worst_p99_ms = max(window.worst_p99_ms, line["p99_ms"])

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._cluster.kubectl("logs", NAME).splitlines() if line.startswith("{")]

    def _answers(self) -> bool:
        pod = json.loads(self._cluster.kubectl("get", "pod", NAME, "--output", "json"))
        if pod["status"]["phase"] in ("Failed", "Succeeded"):
            raise ClusterError(f"the load pod ended: {self._cluster.kubectl('logs', NAME)[-1500:]}")
        return pod["status"]["phase"] == "Running" and len(self._lines()) > 1

    def _pod(self, rate: float) -> dict[str, object]:
        mounts = [
            {"name": "script", "mountPath": "/load/script"},
            {"name": "library", "mountPath": "/load/library/rookery_bench"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - of the pod
        ]
        container = {
            "name": NAME,
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "/load/script/steady.py", self._url, str(rate)],
            "env": [{"name": "PYTHONPATH", "value": "/load/library"}],
            "volumeMounts": mounts,
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [
                {"name": "script", "configMap": {"name": "load-script"}},
                {"name": "library", "configMap": {"name": "load-library"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        }
        labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "rookery-test"}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": labels}, "spec": spec}


def _config_map(name: str, data: dict[str, str]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
