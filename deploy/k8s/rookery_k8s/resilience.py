"""What a platform must bear: pods that die, rolls, evictions, more replicas; each under load."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rookery_k8s.load import Load
from rookery_k8s.platform import SERVICES, SPREAD_SECONDS, Platform, Pod
from rookery_k8s.report import Finding, found
from rookery_k8s.shell import ClusterError

ROLLS = 2
READY_SECONDS = 10.0
MEMORY_GB = 2.5
DRAINED_AT_ONCE = 2
# What was on its way to a process that is killed is lost to its caller; all else must be answered.
MOST_FAILED = 0.02
FEW = 2


def rolls(platform: Platform, load: Load, rate: float) -> list[Finding]:
    """Every service is rolled twice, one after another; no request may fail, and each pod is ready soon."""
    pods: list[Pod] = []

    def roll(service: str) -> Finding:
        with load.watched() as window:
            for _ in range(ROLLS):
                platform.restart(service)
                pods.extend(platform.pods(service))
        return found(f"roll {service}, {ROLLS} times, at {rate:.0f} requests/s", str(window), ok=not window.failed)

    return [*(roll(service) for service in SERVICES), _started("pods ready after their start, in rolls", pods)]


def kills(platform: Platform, load: Load, rate: float) -> list[Finding]:
    """One serving pod of each service is killed at once, without a word; the rest goes on, and it comes back."""

    def kill(service: str) -> Finding:
        pods = platform.pods(service, "serve")
        if not pods:
            raise ClusterError(f"no pod of {service} serves")
        with load.watched() as window:
            platform.cluster.kubectl("delete", "pod", pods[0].name, "--grace-period=0", "--force", "--wait=false")
            started = time.monotonic()
            platform.rolled_out(service)
            back = time.monotonic() - started
        healthy = window.failed <= max(MOST_FAILED * window.ok, FEW)
        figures = f"{window}; whole again after {back:.0f} s"
        return found(f"kill a pod of {service} at {rate:.0f} requests/s", figures, ok=healthy)

    return [kill(service) for service in SERVICES]


def scale(platform: Platform, load: Load, service: str = "post", replicas: int = 3) -> Finding:
    """More replicas, and each of them answers calls: the callers' balancing follows."""
    deployment = platform.deployments(service, "serve")[0]
    before = int(platform.cluster.kubectl("get", "deployment", deployment, "--output", "jsonpath={.spec.replicas}"))
    with load.watched() as window:
        platform.cluster.kubectl("scale", f"deployment/{deployment}", f"--replicas={replicas}")
        platform.rolled_out(service)
        counts, seconds = _until_all_serve(platform, service, replicas)
    platform.cluster.kubectl("scale", f"deployment/{deployment}", f"--replicas={before}")
    platform.rolled_out(service)
    share = ", ".join(f"{count:.0f}" for count in counts)
    figures = f"calls answered by each: {share}; all served {seconds:.0f} s after they were ready; {window}"
    return found(f"scale {service} to {replicas}", figures, ok=all(counts) and not window.failed)


def _until_all_serve(platform: Platform, service: str, replicas: int) -> tuple[list[float], float]:
    started = time.monotonic()
    pods = [pod.name for pod in platform.pods(service, "serve")]
    if len(pods) != replicas:
        raise ClusterError(f"{service}: {len(pods)} pods serve instead of {replicas}")
    first = {pod: platform.calls(pod) for pod in pods}
    while True:
        time.sleep(2)
        counts = [platform.calls(pod) - first[pod] for pod in pods]
        seconds = time.monotonic() - started
        if all(counts) or seconds > SPREAD_SECONDS:
            return counts, seconds


def drain(platform: Platform, load: Load, rate: float) -> Finding:
    """Every serving pod is evicted, as `kubectl drain` does; disruption budgets keep the services whole.

    Of some services at a time: their successors start on this very node, which a drained one is spared.
    """
    with load.watched() as window, ThreadPoolExecutor(DRAINED_AT_ONCE) as pool:
        refused = sum(pool.map(lambda service: _evict_all(platform, service), SERVICES))
    figures = f"{DRAINED_AT_ONCE} services at a time: {window}; {refused} evictions had to wait for a disruption budget"
    return found(f"drain: every serving pod evicted at {rate:.0f} requests/s", figures, ok=not window.failed)


def _evict_all(platform: Platform, service: str) -> int:
    refused = 0
    cluster = platform.cluster
    for pod in platform.pods(service, "serve"):
        path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod.name}/eviction"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": cluster.namespace},
        }
        deadline = time.monotonic() + 180
        while True:
            try:
                cluster.kubectl("create", "--raw", path, "--filename", "-", given=json.dumps(eviction))
                break
            except ClusterError as error:
                if "disruption budget" not in str(error) or time.monotonic() > deadline:
                    raise
                refused += 1
                time.sleep(2)
    platform.rolled_out(service)
    return refused


def start_times(platform: Platform) -> Finding:
    """From a container's start to its pod's readiness when all start at once, as fast as the node's CPUs let them."""
    name = "pods ready after their start, all at once"
    return found(name, _started(name, platform.pods()).figures)


def _started(name: str, pods: Sequence[Pod]) -> Finding:
    if not pods:
        raise ClusterError("no pod is ready")
    slowest = max(pods, key=lambda pod: pod.ready_seconds)
    median = statistics.median(pod.ready_seconds for pod in pods)
    figures = f"{len(pods)} pods; median {median:.0f} s, slowest {slowest.ready_seconds:.0f} s ({slowest.name})"
    figures += f"; aim {READY_SECONDS:.0f} s"
    return found(name, figures, ok=slowest.ready_seconds <= READY_SECONDS)


def memory(platform: Platform) -> Finding:
    """Idle memory of all pods together."""
    used = platform.memory_bytes()
    if not used:
        raise ClusterError("no pod's memory is known")
    total = sum(used.values()) / 1e9
    largest = max(used, key=lambda name: used[name])
    figures = f"{total:.2f} GB in {len(used)} pods; largest {largest}: {used[largest] / 1e6:.0f} MB; aim {MEMORY_GB} GB"
    return found("idle memory", figures, ok=total <= MEMORY_GB)
