"""Autoscaling that really scales: what serves by its CPU, what consumes by how far it is behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice

import yaml
from confluent_kafka import Consumer, Message, Producer, TopicPartition

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
READ_SECONDS = 60
# A consumer with so little CPU is still busy with so many events when an autoscaler looks.
SLOW, BEHIND = "20m", 20_000


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
    """A consumer that is far behind gets help, and the help goes when it is done."""
    cluster = platform.cluster
    if not offers(cluster, "keda.sh/v1alpha1"):
        return Finding(BY_LAG, SCHEMA_ONLY, "need KEDA")
    topic = yaml.safe_load((CHARTS / service / "files/graph.yaml").read_text())["groups"][0]["topic"]
    autoscaling = {"enabled": True, "minReplicas": 1, "maxReplicas": MOST, "lagThreshold": 10}
    autoscaling["scaleDownSeconds"] = CALM_SECONDS
    slow = {"autoscaling": autoscaling, "resources": {"requests": {"cpu": SLOW}, "limits": {"cpu": SLOW}}}
    with releases.changed({service: {"consume": slow}}):
        cluster.kubectl("wait", "--for=condition=Ready", f"scaledobject/{service}-consume", "--timeout=60s", seconds=70)
        with _paused(cluster, f"{service}-consume"):
            behind = _tell_again(kafka, topic, BEHIND)
        grown = _until(platform, service, "consume", MOST, GROWS_SECONDS, ready=False)
        shrunk = _until(platform, service, "consume", 1, SHRINKS_SECONDS, ready=False)
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


def _tell_again(kafka: str, topic: str, count: int) -> int:
    """Publishes what a topic has over and over, until there is so much more of it: consumers bear what comes again."""
    messages = _messages(kafka, topic)
    if not messages:
        raise ClusterError(f"{topic} has nothing to tell again")
    producer = Producer({"bootstrap.servers": kafka})
    for message in islice(cycle(messages), count):
        producer.produce(
            topic, message.value(), message.key(), headers=message.headers(), partition=message.partition() or 0
        )
        producer.poll(0)
    if producer.flush(30):
        raise ClusterError(f"{topic} takes no more events")
    return count


def _messages(kafka: str, topic: str) -> list[Message]:
    """All that it has now, in their order in each partition."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "trial", "enable.auto.commit": False})
    try:
        numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        partitions = [TopicPartition(topic, number, 0) for number in numbers]
        expected = sum(consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions)
        consumer.assign(partitions)
        found: list[Message] = []
        deadline = time.monotonic() + READ_SECONDS
        while len(found) < expected and time.monotonic() < deadline:
            found += [each for each in consumer.consume(500, timeout=1) if not each.error()]
        return found
    finally:
        consumer.close()


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
