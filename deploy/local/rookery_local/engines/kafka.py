"""Kafka in KRaft mode: one node that is broker and controller. No log-ins locally; it creates no topic by itself."""

import base64
import uuid
from concurrent.futures import Future
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # some are re-exported without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from rookery_common.kafka.acls import Grant
from rookery_local import secure, shell, topics
from rookery_local.cache import jars, require_java
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.instance import Instance
from rookery_local.services import SERVICES

ADMIN = "admin"
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
    if instance.secure:
        text += _secured(instance)
    settings = instance.write(folder / "kafka.properties", text)
    instance.write(folder / "log4j2.properties", settings_from("kafka-log4j2.properties"))
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id may begin with a dash, which must not make it an option.
        words = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings)]
        if instance.secure:
            words += ["--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={_password(instance, ADMIN)}]"]
        # In a file of its own: whoever lists processes must not read the password.
        words = [f"@{instance.write(folder / 'format.arguments', ' '.join(words))}"]
        command = [*instance.as_engine_user(), *_java(instance, folder), "-XX:TieredStopAtLevel=1", *words]
        shell.run(command, cwd=folder, env=shell.plain_environment(), what="Formatting Kafka's log folder")
        (folder / "format.arguments").unlink()
    command = [*instance.as_engine_user(), *_java(instance, folder), "kafka.Kafka", str(settings)]
    return Program("kafka", command, folder, stop_seconds=30)


def _secured(instance: Instance) -> str:
    files, ports = secure.engine_files(instance, "kafka"), instance.ports
    return settings_from(
        "kafka-secure.properties",
        host=instance.host,
        port=ports["kafka"],
        controller_port=ports["kafka_controller"],
        password=_password(instance, ADMIN),
        keystore=files.keystore,
        authority=files.authority,
    )


def _password(instance: Instance, user: str) -> str:
    return instance.secrets.password(f"kafka.{user}")


def _admin(instance: Instance) -> AdminClient:
    config: dict[str, str | int] = {"bootstrap.servers": f"{instance.host}:{instance.ports['kafka']}"}
    if instance.secure:
        config |= {"security.protocol": "SASL_SSL", "ssl.ca.location": str(secure.authority(instance).file)}
        config |= {"sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": ADMIN}
        config["sasl.password"] = _password(instance, ADMIN)
    return AdminClient({**config, "log_level": 0, "socket.timeout.ms": 10000})


def check(instance: Instance) -> None:
    """The broker is in its own metadata."""
    try:
        brokers = _admin(instance).list_topics(timeout=2).brokers
    except KafkaException as error:
        raise NotReady(str(error)) from error
    if not brokers:
        raise NotReady("no broker in the metadata")


def provision(instance: Instance) -> None:
    """Creates the topics of the contract, each group's dead-letter topic, and, where it is secure, users and rights."""
    admin = _admin(instance)
    topics.create_missing(admin, topics.declared())
    if instance.secure:
        _make_users(instance, admin)


def _make_users(instance: Instance, admin: AdminClient) -> None:
    made = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(s.name, made, _password(instance, s.name).encode()) for s in SERVICES
    ]
    waiting: list[Future[None]] = list(admin.alter_user_scram_credentials(users).values())
    waiting += admin.create_acls([_binding(grant, operation) for grant, operation in topics.rights()]).values()
    for future in waiting:
        future.result(timeout=30)


def _binding(grant: Grant, operation: str) -> AclBinding:
    return AclBinding(
        ResourceType[grant.resource.upper()],
        grant.name,
        ResourcePatternType.LITERAL,
        f"User:{grant.user}",
        "*",
        AclOperation[operation.upper()],
        AclPermissionType.ALLOW,
    )


ENGINE = Engine("kafka", ("kafka", "kafka_controller"), prepare, check, provision)
