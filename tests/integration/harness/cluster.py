"""Stops and starts a service whose processes are pods of a cluster, named by ROOKERY_NAMESPACE."""

from __future__ import annotations

import json
import subprocess

SECONDS = 180


class ClusterControl:
    """`stop`, `start` and `kill` of a service as the local platform has them: it stays stopped until it is started."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._replicas: dict[str, int] = {}

    def __call__(self, verb: str, service: str) -> None:
        for name, replicas in self._deployments(service).items():
            if verb == "start":
                self._scale(name, self._replicas.get(name, replicas))
            else:
                self._replicas[name] = replicas or self._replicas.get(name, 1)
                self._scale(name, 0)
        if verb == "kill":
            self._kubectl("delete", "pods", *self._of(service), "--grace-period=0", "--force", "--wait=false")
        if verb == "start":
            for name in self._deployments(service):
                self._kubectl("rollout", "status", f"deployment/{name}", f"--timeout={SECONDS}s")
        else:
            self._kubectl("wait", "pods", *self._of(service), "--for=delete", f"--timeout={SECONDS}s")

    def _deployments(self, service: str) -> dict[str, int]:
        """Their names, with how many pods each is to have."""
        items = json.loads(self._kubectl("get", "deployments", *self._of(service), "--output", "json"))["items"]
        return {item["metadata"]["name"]: item["spec"]["replicas"] for item in items}

    def _scale(self, deployment: str, replicas: int) -> None:
        self._kubectl("scale", f"deployment/{deployment}", f"--replicas={replicas}")

    @staticmethod
    def _of(service: str) -> list[str]:
        return ["--selector", f"app.kubernetes.io/name={service},app.kubernetes.io/component in (serve,consume,relay)"]

    def _kubectl(self, *words: str) -> str:
        command = ["kubectl", "--namespace", self._namespace, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS + 20).stdout  # noqa: S603  # our own words
