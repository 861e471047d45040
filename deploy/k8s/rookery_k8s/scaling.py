"""Autoscaling that really scales: what serves by its CPU, what consumes by how far it is behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from rookery_k8s.configuration import CHARTS, CPU_REQUEST
from rookery_k8s.load import Load
from rookery_k8s.platform import Platform
from rookery_k8s.releases import Releases
from rookery_k8s.report import SCHEMA_ONLY, Finding, found
from rookery_k8s.shell import Cluster, ClusterError, eventually

BY_CPU, BY_LAG = "HorizontalPodAutoscalers on CPU", "ScaledObjects on consumers' lag"
MOST = 3
CALM_SECONDS = 30
# The kubelet's figures are up to half a minute old, autoscalers look every 15 s, a pod goes a minute after another.
GROWS_SECONDS, SHRINKS_SECONDS = 180, 420


def offers(cluster: Cluster, api: str) -> bool:
    """Whether the cluster answers for an API, such as `keda.sh/v1alpha1`."""
    try:
        cluster.kubectl("get", "--raw", f"/apis/{api}")
    except ClusterError:
        return False
    return True


def by_cpu(platform: Platform, releases: Releases, load: Load, rate: float, service: str = "post") -> Finding:
    """Under load a pod comes, afterwards it goes, and no request fails meanwhile."""
    if not offers(platform.cluster, "metrics.k8s.io/v1beta1"):
        return Finding(BY_CPU, SCHEMA_ONLY, "need metrics-server")
    load.set_rate(rate)
    used = _used(platform, service)
    # Of what it asks for, so that this load is twice what a pod is to bear.
    target = max(round(50 * used / _cores(CPU_REQUEST)), 1)
    changes = {"enabled": True, "minReplicas": 2, "maxReplicas": MOST, "scaleDownSeconds": CALM_SECONDS}
    with (
        load.watched() as window,
        releases.changed({service: {"serve": {"autoscaling": {**changes, "targetCPUUtilization": target}}}}),
    ):
        grown = _until(platform, service, "serve", MOST, GROWS_SECONDS)
        load.set_rate(rate / 20)
        shrunk = _until(platform, service, "serve", 2, SHRINKS_SECONDS)
        load.set_rate(rate)
    figures = f"{service} at {used * 1000:.0f} mCPU a pod, target {target} %: {MOST} pods after {grown:.0f} s, 2 again "
    return found(BY_CPU, figures + f"{shrunk:.0f} s after the load went; {window}", ok=not window.failed)


def by_lag(platform: Platform, releases: Releases, kafka: str, service: str = "search") -> Finding:
    """A consumer that has all its topics to read again gets help, and the help goes when it is done."""
    cluster = platform.cluster
    if not offers(cluster, "keda.sh/v1alpha1"):
        return Finding(BY_LAG, SCHEMA_ONLY, "need KEDA")
    group = yaml.safe_load((CHARTS / service / "files/graph.yaml").read_text())["groups"][0]["group"]
    autoscaling = {"enabled": True, "minReplicas": 1, "maxReplicas": MOST, "lagThreshold": 10}
    autoscaling["scaleDownSeconds"] = CALM_SECONDS
    # So slow that it is still behind when the autoscaler looks.
    slow = {"autoscaling": autoscaling, "resources": {"limits": {"cpu": "100m"}}}
    with releases.changed({service: {"consume": slow}}):
        cluster.kubectl("wait", "--for=condition=Ready", f"scaledobject/{service}-consume", "--timeout=60s", seconds=70)
        with _paused(cluster, f"{service}-consume"):
            behind = _rewound(AdminClient({"bootstrap.servers": kafka}), group)
        grown = _until(platform, service, "consume", MOST, GROWS_SECONDS, ready=False)
        shrunk = _until(platform, service, "consume", 1, SHRINKS_SECONDS)
    figures = f"{service}, {behind} events behind: {MOST} pods after {grown:.0f} s, 1 again {shrunk:.0f} s later"
    return found(BY_LAG, figures)


def _used(platform: Platform, service: str) -> float:
    """Cores that a serving pod uses, once the cluster knows."""
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{platform.cluster.namespace}/pods"
    time.sleep(CALM_SECONDS)
    deadline = time.monotonic() + GROWS_SECONDS
    while time.monotonic() < deadline:
        names = {pod.name for pod in platform.pods(service, "serve")}
        items = json.loads(platform.cluster.kubectl("get", "--raw", path))["items"]
        used = [_cores(item["containers"][0]["usage"]["cpu"]) for item in items if item["metadata"]["name"] in names]
        if used and len(used) == len(names):
            return sum(used) / len(used)
        time.sleep(5)
    raise ClusterError(f"metrics-server knows nothing of {service}'s pods")


def _rewound(admin: AdminClient, group: str) -> int:
    """Puts a group, all of whose members are gone, before all its events; how many those are."""
    requests = [ConsumerGroupTopicPartitions(group)]
    before = admin.list_consumer_group_offsets(requests, request_timeout=10)[group].result().topic_partitions
    first = [TopicPartition(each.topic, each.partition, 0) for each in before]

    def is_done() -> bool:
        change = ConsumerGroupTopicPartitions(group, first)
        try:
            done = admin.alter_consumer_group_offsets([change], request_timeout=10)[group].result().topic_partitions
        except KafkaException:  # A member's session has not ended.
            return False
        return all(each.error is None for each in done)

    eventually(is_done, 90, f"the end of the members of {group}")
    return sum(max(each.offset, 0) for each in before)


@contextmanager
def _paused(cluster: Cluster, deployment: str) -> Iterator[None]:
    """An autoscaler leaves alone what has no pods."""
    cluster.kubectl("scale", f"deployment/{deployment}", "--replicas=0")
    try:
        yield
    finally:
        cluster.kubectl("scale", f"deployment/{deployment}", "--replicas=1")


def _until(platform: Platform, service: str, component: str, pods: int, within: float, *, ready: bool = True) -> float:
    def count() -> int:
        if ready:
            return len(platform.pods(service, component))
        name = platform.deployments(service, component)[0]
        return int(platform.cluster.kubectl("get", "deployment", name, "--output", "jsonpath={.spec.replicas}"))

    return eventually(lambda: count() == pods, within, f"{service}, {component}: {pods} pods")


def _cores(quantity: str) -> float:
    """`12345678n`, `250m` or `2`."""
    units = {"n": 1e-9, "u": 1e-6, "m": 1e-3}
    return float(quantity.rstrip("num")) * units.get(quantity[-1], 1.0)
