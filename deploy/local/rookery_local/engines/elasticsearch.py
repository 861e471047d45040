"""Elasticsearch 8.19, one node, the core modules only. No log-ins locally: only search is told where it is."""

import http.client
import json

from rookery_local.cache import elasticsearch_home, require_java
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.instance import Instance


def prepare(instance: Instance) -> Program:
    """Writes the settings folder; the starter adds an empty key store to it."""
    settings = instance.folder("elasticsearch", "config")
    temporary, ports = instance.folder("elasticsearch", "tmp"), instance.ports
    text = settings_from(
        "elasticsearch.yml",
        host=instance.host,
        port=ports["elasticsearch"],
        transport_port=ports["elasticsearch_transport"],
        data=instance.folder("elasticsearch", "data"),
        logs=instance.folder("elasticsearch", "logs"),
    )
    instance.write(settings / "elasticsearch.yml", text)
    instance.write(settings / "log4j2.properties", settings_from("elasticsearch-log4j2.properties"))
    options = "\n".join(instance.java_options)
    instance.write(settings / "jvm.options", settings_from("elasticsearch-jvm.options", options=options, tmp=temporary))
    environment = {
        "ES_JAVA_HOME": str(require_java().parents[1]),
        "ES_PATH_CONF": str(settings),
        "ES_TMPDIR": str(temporary),
        # The starter is a Java program too, and stays: keep it small.
        "CLI_JAVA_OPTS": f"-Xmx32m -XX:-UsePerfData -XX:TieredStopAtLevel=1 -Djava.io.tmpdir={temporary}",
    }
    command = [*instance.as_engine_user(), str(elasticsearch_home() / "bin" / "elasticsearch")]
    return Program("elasticsearch", command, settings.parent, environment, stop_seconds=30)


def check(instance: Instance) -> None:
    """The cluster's health is yellow or better."""
    connection = http.client.HTTPConnection(instance.host, instance.ports["elasticsearch"], timeout=3)
    try:
        connection.request("GET", "/_cluster/health")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()
    if answer.status != http.client.OK or json.loads(body)["status"] == "red":
        raise NotReady(f"cluster health answered {answer.status}: {body[:200]!r}")


def provision(instance: Instance) -> None:
    """Nothing: search makes its own indexes."""


ENGINE = Engine("elasticsearch", ("elasticsearch", "elasticsearch_transport"), prepare, check, provision)
