"""The platform under test: its address, its engines, and the processes that a fault test stops."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import time
from typing import Any

import redis
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from harness.cluster import ClusterControl
from harness.waiting import eventually

ROOT = pathlib.Path(__file__).parents[3]
DRAIN_SECONDS = 60.0
# Channels wait at most 2 s and a fifth of it between two attempts to connect.
RECONNECT_SECONDS = 3.0
# In a cluster names are looked up too, and an answer that there is nobody is kept for some seconds.
CLUSTER_RECONNECT_SECONDS = 15.0


def required(name: str) -> str:
    """A variable of the environment that `rookery_local exec` gives; the tests fail without it."""
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: run the tests by `make test`")
    return value


class Platform:
    """A whole platform of its own, as `rookery_local exec --platform` starts it."""

    def __init__(self) -> None:
        self.url = required("ROOKERY_URL")
        self._kafka = required("ROOKERY_TEST_KAFKA_BOOTSTRAP")
        namespace = os.environ.get("ROOKERY_NAMESPACE")
        self._control = ClusterControl(namespace) if namespace else _local
        self._reconnect_seconds = CLUSTER_RECONNECT_SECONDS if namespace else RECONNECT_SECONDS
        # Whether nothing else uses the engines meanwhile: the test that runs is marked `alone`.
        self.is_alone = False

    def drain(self, *, but: str = "") -> None:
        """Returns once every consumer group, but those of a service that is away, has handled all in its topics."""
        eventually(
            self.lag,
            lambda lag: not any(left for group, left in lag.items() if group.partition(".")[0] != but),
            within=DRAIN_SECONDS,
            what="consumers' lag",
        )

    def lag(self) -> dict[str, int]:
        """Events not yet handled, by consumer group and topic; those that gather for a minute are not waited for."""
        admin = AdminClient({"bootstrap.servers": self._kafka})
        topics: dict[str, Any] = yaml.safe_load((ROOT / "protos/topics.yaml").read_text())["topics"]
        return {
            f"{consumer['group']} {topic}": self._group_lag(admin, consumer["group"], topic)
            for topic, spec in topics.items()
            for consumer in spec.get("consumers") or []
            if not consumer.get("gathers_seconds")
        }

    @staticmethod
    def _group_lag(admin: AdminClient, group: str, topic: str) -> int:
        count = len(admin.list_topics(topic, timeout=10).topics[topic].partitions)
        partitions = [TopicPartition(topic, number) for number in range(count)]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        ends = admin.list_offsets(dict.fromkeys(partitions, latest), request_timeout=10)
        request = ConsumerGroupTopicPartitions(group, partitions)
        committed = admin.list_consumer_group_offsets([request], request_timeout=10)[group].result()
        done = {p.partition: max(p.offset, 0) for p in committed.topic_partitions}
        return sum(future.result().offset - done[p.partition] for p, future in ends.items())

    def flush_caches(self) -> None:
        """Empties both Redis instances, as an operator's mistake or a failover would."""
        self._must_be_alone("redis")
        for name in ("ROOKERY_TEST_REDIS_URL", "ROOKERY_TEST_REDIS_STATE_URL"):
            with redis.Redis.from_url(required(name)) as client:
                client.flushall()

    def services(self) -> dict[str, int]:
        """The services' processes that run, by name, with their ids; of a local platform only."""
        found = re.findall(r"^(\w+) +RUNNING .* pid (\d+)", _rookery_local("status"), re.MULTILINE)
        return {name: int(pid) for name, pid in found if (ROOT / "services" / name).is_dir()}

    def stop(self, process: str) -> None:
        """Stops an engine or a service, cleanly."""
        self._must_be_alone(process)
        self._control("stop", process)

    def start(self, process: str) -> None:
        """Starts it again; returns when it is ready, and those who call a service have had the time to connect anew."""
        self._control("start", process)
        if (ROOT / "services" / process).is_dir():
            time.sleep(self._reconnect_seconds)

    def kill(self, process: str) -> None:
        """SIGKILL: nothing of it is finished. It stays dead until it is started."""
        self._must_be_alone(process)
        self._control("kill", process)

    def _must_be_alone(self, process: str) -> None:
        """The tests of the packages run on the same engines."""
        if not self.is_alone and not (ROOT / "services" / process).is_dir():
            raise RuntimeError(f"mark this test with pytest.mark.alone: others that run beside it need {process}")


def _local(verb: str, process: str) -> None:
    _rookery_local(verb, process)


def _rookery_local(*words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy/local")}
    command = [sys.executable, "-m", "rookery_local", *words]
    done = subprocess.run(  # noqa: S603  # our own words
        command, cwd=ROOT, env=environment, check=True, timeout=120, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
