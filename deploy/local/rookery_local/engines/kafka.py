"""Kafka in KRaft mode: one node that is broker and controller. No log-ins locally; it creates no topic by itself."""

import base64
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from rookery_local import shell, topics
from rookery_local.cache import jars, require_java
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.instance import Instance

_MEMORY = ["-Xms256m", "-Xmx512m"]


def _java(instance: Instance, folder: Path) -> list[str]:
    words = [
        str(require_java()),
        *_MEMORY,
        *instance.java_options,
        f"-Dlog4j2.configurationFile=file:{folder}/log4j2.properties",
    ]
    return [*words, "-cp", f"{jars('kafka')}/*"]


def prepare(instance: Instance) -> Program:
    """Writes the settings; formats the log folder on the first start."""
    folder, data = instance.folder("kafka"), instance.folder("kafka", "log")
    ports = instance.ports
    text = settings_from(
        "kafka.properties",
        host=instance.host,
        port=ports["kafka"],
        controller_port=ports["kafka_controller"],
        data=data,
    )
    settings = instance.write(folder / "kafka.properties", text)
    instance.write(folder / "log4j2.properties", settings_from("kafka-log4j2.properties"))
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
        command = [*instance.as_engine_user(), *_java(instance, folder), *tool]
        shell.run(command, cwd=folder, env=shell.plain_environment(), what="Formatting Kafka's log folder")
    command = [*instance.as_engine_user(), *_java(instance, folder), "kafka.Kafka", str(settings)]
    return Program("kafka", command, folder, stop_seconds=30)


def _admin(instance: Instance) -> AdminClient:
    servers = f"{instance.host}:{instance.ports['kafka']}"
    return AdminClient({"bootstrap.servers": servers, "log_level": 0, "socket.timeout.ms": 10000})


def check(instance: Instance) -> None:
    """The broker is in its own metadata."""
    try:
        brokers = _admin(instance).list_topics(timeout=2).brokers
    except KafkaException as error:
        raise NotReady(str(error)) from error
    if not brokers:
        raise NotReady("no broker in the metadata")


def provision(instance: Instance) -> None:
    """Creates the topics of the contract, and each consumer group's dead-letter topic."""
    topics.create_missing(_admin(instance), topics.declared())


ENGINE = Engine("kafka", ("kafka", "kafka_controller"), prepare, check, provision)
