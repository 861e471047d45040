"""The gateway's address as this machine reaches it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from rookery_k8s.shell import Cluster, ClusterError, eventually

HTTP_PORT = 80


@contextmanager
def reachable(cluster: Cluster, given: str) -> Iterator[str]:
    """The Service's own address where this machine routes it, else a port forwarded to it; or what was given."""
    if given:
        yield given
        return
    service = cluster.get("services", "--field-selector", "metadata.name=gateway")[0]["spec"]
    address, port = service["clusterIP"], _port(cluster)
    if address != "None" and _answers(address, port):
        # As clients write it, who compare addresses as text.
        yield f"http://{address}" if port == HTTP_PORT else f"http://{address}:{port}"
        return
    with forwarded(cluster, "service/gateway", port) as local:
        yield f"http://127.0.0.1:{local}"


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
def forwarded(cluster: Cluster, what: str, port: int) -> Iterator[int]:
    """A port of this machine that leads to one of a pod or a Service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local: int = probe.getsockname()[1]
    words = ["kubectl", "--namespace", cluster.namespace, "port-forward", what, f"{local}:{port}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        eventually(lambda: _answers("127.0.0.1", local), 20, "the forwarded port")
        yield local
    finally:
        process.terminate()
        process.wait(timeout=10)
