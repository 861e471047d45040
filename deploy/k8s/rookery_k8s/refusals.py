"""Bad input: what helm or a pod says of it, and that nothing half-installed serves. In a namespace of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from typing import Any

from rookery_k8s.configuration import CHARTS, alone
from rookery_k8s.releases import FAULTY_TAG
from rookery_k8s.report import Finding, found
from rookery_k8s.shell import Cluster, ClusterError

SERVICE = "user"
WAIT = "40s"
NOWHERE = "postgresql://rookery_user:made-up@127.0.0.1:9/rookery_user"


def refusals(cluster: Cluster, values: Mapping[str, Any]) -> list[Finding]:
    """Each in turn, by the chart of one service."""
    apart = Cluster(f"{cluster.namespace}-refused")
    apart.kubectl("create", "namespace", apart.namespace)
    try:
        whole = alone(values, SERVICE)
        return [
            _wrong_type(apart, whole),
            _missing_secret(apart, whole),
            _no_engine(apart, whole, cluster),
            _failing_migration(apart, whole, cluster),
        ]
    finally:
        apart.kubectl("delete", "namespace", apart.namespace, "--wait=false")


def _wrong_type(apart: Cluster, values: Mapping[str, Any]) -> Finding:
    told = _install(apart, {**values, "serve": {"replicas": "two"}})
    return _judged(apart, "a value of the wrong type", told, "/serve/replicas", "helm")


def _missing_secret(apart: Cluster, values: Mapping[str, Any]) -> Finding:
    _install(apart, values)
    pods = apart.get("pods")
    told = " ".join(
        state.get("waiting", {}).get("message", "")
        for pod in pods
        for state in [status.get("state", {}) for status in pod["status"].get("containerStatuses", [])]
    )
    _clear(apart)
    return _judged(apart, "a missing Secret", told, f'secret "rookery-{SERVICE}" not found', "the migration's pod")


def _no_engine(apart: Cluster, values: Mapping[str, Any], cluster: Cluster) -> Finding:
    _give_secret(apart, cluster, {"postgres-dsn": NOWHERE})
    told = _migration_log(apart, values)
    needle = f"postgres at {NOWHERE.rpartition('@')[2].partition('/')[0]} does not answer"
    return _judged(apart, "an engine that does not answer", told, needle, "the migration's log")


def _failing_migration(apart: Cluster, values: Mapping[str, Any], cluster: Cluster) -> Finding:
    _give_secret(apart, cluster, {})
    told = _migration_log(apart, {**values, "image": {**values["image"], "tag": FAULTY_TAG}})
    needle = "postgres refused the migration 20991231T0000"
    return _judged(apart, "a migration that fails", told, needle, "the migration's log")


def _give_secret(apart: Cluster, cluster: Cluster, changes: Mapping[str, str]) -> None:
    """The service's own Secret with some keys changed."""
    secret = cluster.get("secrets", "--field-selector", f"metadata.name=rookery-{SERVICE}")[0]
    metadata = {"name": f"rookery-{SERVICE}"}
    apart.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": secret["data"], "stringData": changes}
    )


def _migration_log(apart: Cluster, values: Mapping[str, Any]) -> str:
    _install(apart, {**values, "migrate": {"backoffLimit": 0}})
    told = apart.kubectl("logs", "--selector", "app.kubernetes.io/component=migrate", "--tail=40")
    _clear(apart)
    return told


def _install(apart: Cluster, values: Mapping[str, Any]) -> str:
    """What helm says, which must refuse."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        try:
            apart.helm("install", SERVICE, str(CHARTS / SERVICE), "--values", file.name, "--wait", "--timeout", WAIT)
        except ClusterError as error:
            return str(error)
    raise ClusterError("helm installed what it had to refuse")


def _judged(apart: Cluster, what: str, told: str, needle: str, who: str) -> Finding:
    serving = apart.get("deployments")
    line = next((line.strip() for line in told.splitlines() if needle in line), told.strip()[:120])
    figures = f"{who} says: `{line[:220]}`; Deployments made: {len(serving)}"
    return found(f"bad input: {what}", figures, ok=needle in told and not serving)


def _clear(apart: Cluster) -> None:
    apart.helm("uninstall", SERVICE, "--ignore-not-found", "--wait", "--no-hooks")
    apart.kubectl("delete", "jobs,pods", "--all", "--wait=true")
