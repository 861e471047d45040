"""The platform in the cluster: its Deployments and pods, by the labels that every chart sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rookery_k8s.shell import Cluster, eventually

SERVICES = ("gateway", "auth", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation")
PART_OF = "app.kubernetes.io/part-of=rookery"
PROCESSES = "serve,consume,relay"
HEALTH_PORT = 7100
GONE_SECONDS = 120
# Callers look for other pods when a server ends their connection, which it does when that is two minutes old.
SPREAD_SECONDS = 240


@dataclass(frozen=True)
class Pod:
    """A pod that runs, with the seconds from its container's start to its readiness."""

    name: str
    service: str
    component: str
    track: str
    node: str
    ready_seconds: float
    restarts: int


class Platform:
    """What was installed into one namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def deployments(self, service: str, component: str = "") -> list[str]:
        """Names of a service's Deployments, of one component or of all."""
        objects = self.cluster.get("deployments", "--selector", _selector(service, component))
        return sorted(item["metadata"]["name"] for item in objects)

    def pods(self, service: str = "", component: str = "") -> list[Pod]:
        """Those that are ready and not about to end."""
        objects = self.cluster.get("pods", "--selector", _selector(service, component))
        return [_pod(item) for item in objects if _is_ready(item)]

    def rolled_out(self, service: str, seconds: float = 240) -> None:
        """Returns once a service's processes are all of their newest template, ready, and alone."""
        for deployment in self.deployments(service):
            self.cluster.rolled_out(deployment, seconds)
        eventually(lambda: not self._ending(service), GONE_SECONDS, f"the end of {service}'s old pods")

    def restart(self, service: str) -> None:
        """Rolls every Deployment of a service."""
        for deployment in self.deployments(service):
            self.cluster.kubectl("rollout", "restart", f"deployment/{deployment}")
        self.rolled_out(service)

    def calls(self, pod: str) -> float:
        """How many calls of other services a pod has answered."""
        path = f"/api/v1/namespaces/{self.cluster.namespace}/pods/{pod}:{HEALTH_PORT}/proxy/metrics"
        lines = self.cluster.kubectl("get", "--raw", path).splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("rookery_rpc_server_calls_total{")
        )

    def memory_bytes(self) -> dict[str, int]:
        """Working set of each pod of ours, as its node sees it."""
        ours = {pod.name for pod in self.pods()}
        found: dict[str, int] = {}
        for node in json.loads(self.cluster.kubectl("get", "nodes", "--output", "json"))["items"]:
            path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
            for entry in json.loads(self.cluster.kubectl("get", "--raw", path))["pods"]:
                if entry["podRef"]["name"] in ours:
                    found[entry["podRef"]["name"]] = int(entry["memory"]["workingSetBytes"])
        return found

    def _ending(self, service: str) -> list[str]:
        objects = self.cluster.get("pods", "--selector", _selector(service, ""))
        return [item["metadata"]["name"] for item in objects if "deletionTimestamp" in item["metadata"]]


def _selector(service: str, component: str) -> str:
    parts = [PART_OF]
    if service:
        parts.append(f"app.kubernetes.io/name={service}")
    parts.append(f"app.kubernetes.io/component in ({component or PROCESSES})")
    return ",".join(parts)


def _condition(item: dict[str, Any], name: str) -> dict[str, Any]:
    return next(
        (entry for entry in item["status"].get("conditions", []) if entry["type"] == name), {"status": "Unknown"}
    )


def _is_ready(item: dict[str, Any]) -> bool:
    return _condition(item, "Ready")["status"] == "True" and "deletionTimestamp" not in item["metadata"]


def _pod(item: dict[str, Any]) -> Pod:
    labels, status = item["metadata"]["labels"], item["status"]["containerStatuses"][0]
    started = datetime.fromisoformat(status["state"]["running"]["startedAt"])
    ready = datetime.fromisoformat(_condition(item, "Ready")["lastTransitionTime"])
    return Pod(
        name=item["metadata"]["name"],
        service=labels["app.kubernetes.io/name"],
        component=labels["app.kubernetes.io/component"],
        track=labels.get("rookery/track", ""),
        node=item["spec"]["nodeName"],
        ready_seconds=(ready - started).total_seconds(),
        restarts=status["restartCount"],
    )
