"""The gateway's address as this machine reaches it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from rookery_k8s.shell import Cluster, ClusterError, eventually


@contextmanager
def reachable(cluster: Cluster, given: str) -> Iterator[str]:
    """The Service's own address where this machine routes it, else a port forwarded to it; or what was given."""
    if given:
        yield given
        return
    service = cluster.get("services", "--field-selector", "metadata.name=gateway")[0]["spec"]
    address, port = service["clusterIP"], _port(cluster)
    if address != "None" and _answers(address, port):
        yield f"http://{address}:{port}"
        return
    with _forwarded(cluster, port) as url:
        yield url


def _port(cluster: Cluster) -> int:
    services = cluster.get("services", "--field-selector", "metadata.name=gateway")
    if not services:
        raise ClusterError("there is no Service named gateway")
    return int(services[0]["spec"]["ports"][0]["port"])


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


@contextmanager
def _forwarded(cluster: Cluster, port: int) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = probe.getsockname()[1]
    words = ["kubectl", "--namespace", cluster.namespace, "port-forward", "service/gateway", f"{local}:{port}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        eventually(lambda: _answers("127.0.0.1", local), 20, "the forwarded port")
        yield f"http://127.0.0.1:{local}"
    finally:
        process.terminate()
        process.wait(timeout=10)
