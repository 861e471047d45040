"""Elasticsearch 8.19, one node, the core modules only. No log-ins locally: only search is told where it is."""

import base64
import hashlib
import http.client
import json
import secrets
from pathlib import Path

from rookery_local import secure
from rookery_local.cache import elasticsearch_home, require_java
from rookery_local.engines.engine import Engine, NotReady, Program, http_connection, settings_from
from rookery_local.instance import Instance

_ADMIN = "admin"
_USERS = {_ADMIN: "superuser", "search": "search"}
_ROUNDS = 1000


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
        secure=str(instance.secure).lower(),
    )
    if instance.secure:
        text += _secured(instance, settings)
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


def _secured(instance: Instance, folder: Path) -> str:
    """Users in files, which need no index to be there; certificates where the engine may read them."""
    issued = secure.engine_files(instance, "elasticsearch")
    certificate = instance.write(folder / "tls.crt", issued.certificate.read_text())
    key = instance.write(folder / "tls.key", issued.key.read_text())
    hashes = (f"{user}:{_hash(_password(instance, user))}\n" for user in _USERS)
    instance.write(folder / "users", "".join(hashes))
    instance.write(folder / "users_roles", "".join(f"{role}:{user}\n" for user, role in _USERS.items()))
    instance.write(folder / "roles.yml", settings_from("elasticsearch-roles.yml"))
    return settings_from("elasticsearch-secure.yml", certificate=certificate, key=key)


def _password(instance: Instance, user: str) -> str:
    return instance.secrets.password(f"elasticsearch.{user}")


def _hash(password: str) -> str:
    """As the engine writes it: passwords are 192 random bits, so that few rounds are enough."""
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 32)
    return f"{{PBKDF2}}{_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _headers(instance: Instance) -> dict[str, str]:
    if not instance.secure:
        return {}
    login = f"{_ADMIN}:{_password(instance, _ADMIN)}"
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def check(instance: Instance) -> None:
    """The cluster's health is yellow or better."""
    connection = http_connection(instance, instance.ports["elasticsearch"], 3)
    try:
        connection.request("GET", "/_cluster/health", headers=_headers(instance))
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
