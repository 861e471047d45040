"""Apache Cassandra 5 as the CQL engine: one node with passwords; a role and a keyspace for each service."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra import AlreadyExists, AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from rookery_common.credentials import TrustContext
from rookery_local import secure
from rookery_local.cache import jars, require_java
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.instance import LOCAL, Instance
from rookery_local.services import SERVICES

_SYSTEM_PROPERTIES = {
    "cassandra-foreground": "yes",
    "cassandra.ring_delay_ms": "1",
    "cassandra.skip_wait_for_gossip_to_settle": "0",
    # The first account would be made 10 s after the start.
    "cassandra.superuser_setup_delay_ms": "0",
    # Passwords are 192 random bits: slow hashing would only slow log-ins down.
    "cassandra.auth_bcrypt_gensalt_log2_rounds": "4",
    "cassandra.disable_tcactive_openssl": "true",
    "java.awt.headless": "true",
    "java.net.preferIPv4Stack": "true",
}
_MEMORY = ["-Xms512m", "-Xmx1g", "-Xss512k", "-XX:MaxDirectMemorySize=512m"]
# Its workers wait for more to do by sleeping for 10 µs, again and again, a thousand times for each post. Linux ends
# sleeps within a timer's slack, so that a longer one leaves a tenth of them. Whoever has work for a worker wakes it.
_SLACK_NS = 4_000_000
_WITH_SLACK = ["sh", "-c", f'echo {_SLACK_NS} 2>/dev/null >/proc/self/timerslack_ns; exec "$@"', "sh"]
_GRANTS = ("CREATE", "ALTER", "DROP", "SELECT", "MODIFY")

# The driver warns of each refused connection while the node starts; readiness has its own words for that.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)


def prepare(instance: Instance) -> Program:
    """Writes the settings. The node makes its own folders."""
    folder, data, ports = instance.folder("cassandra"), instance.folder("cassandra", "data"), instance.ports
    text = settings_from(
        "cassandra.yaml",
        host=instance.host,
        port=ports["cassandra"],
        storage_port=ports["cassandra_storage"],
        data=data,
    )
    if instance.secure:
        files = secure.engine_files(instance, "cassandra")
        text += settings_from("cassandra-secure.yaml", keystore=files.keystore, authority=files.authority)
    settings = instance.write(folder / "cassandra.yaml", text)
    logback = instance.write(folder / "logback.xml", settings_from("cassandra-logback.xml"))
    library = jars("cassandra")
    properties = _SYSTEM_PROPERTIES | {
        "cassandra.config": f"file://{settings}",
        "cassandra.storagedir": str(data),
        "logback.configurationFile": str(logback),
        "java.io.tmpdir": str(instance.folder("cassandra", "tmp")),
    }
    if instance.throwaway:
        # For nodetool. It knows no log-ins, and whoever is on the machine reaches it: not where data is to last.
        properties["cassandra.jmx.local.port"] = str(ports["cassandra_jmx"])
    options = instance.write(folder / "jvm.options", (LOCAL / "config" / "cassandra-jvm17.options").read_text())
    words = [
        str(require_java()),
        *_MEMORY,
        *instance.java_options,
        f"-javaagent:{library}/jamm-0.4.0.jar",
        f"@{options}",
    ]
    words += [f"-D{name}={value}" for name, value in properties.items()]
    words += ["-cp", f"{library}/*", "org.apache.cassandra.service.CassandraDaemon"]
    return Program("cassandra", [*instance.as_engine_user(), *_WITH_SLACK, *words], folder, stop_seconds=40)


@contextmanager
def connected(instance: Instance, user: str, password: str) -> Iterator[Session]:
    """A session of one user; it is closed with its connections."""
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([instance.host]), request_timeout=30)
    cluster = Cluster(
        [instance.host],
        port=instance.ports["cassandra"],
        auth_provider=PlainTextAuthProvider(user, password),
        ssl_context=TrustContext.of(str(secure.authority(instance).file)) if instance.secure else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=5,
        control_connection_timeout=5,
        protocol_version=4,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def check(instance: Instance) -> None:
    """The administrator can log in (with the first password, on a new node) and a query is answered."""
    own = instance.secrets.password("cassandra.cassandra")
    failure: Exception | None = None
    for password in (own, "cassandra"):
        try:
            with connected(instance, "cassandra", password) as session:
                session.execute("SELECT release_version FROM system.local")
                return
        except (NoHostAvailable, AuthenticationFailed, DriverException, OSError) as error:
            failure = error
            if not _is_refusal(error):
                break
    raise NotReady(str(failure)) from failure


def _is_refusal(error: Exception) -> bool:
    causes = [error, *getattr(error, "errors", {}).values()]
    return any(isinstance(cause, AuthenticationFailed) for cause in causes)


def provision(instance: Instance) -> None:
    """Replaces the administrator's known password; makes each service's role and keyspace."""
    own = instance.secrets.password("cassandra.cassandra")
    try:
        with connected(instance, "cassandra", own) as session:
            _provision_services(instance, session)
            return
    except NoHostAvailable as error:
        if not _is_refusal(error):
            raise
    with connected(instance, "cassandra", "cassandra") as session:
        session.execute(f"ALTER ROLE cassandra WITH PASSWORD = '{own}'")
        _provision_services(instance, session)


def _provision_services(instance: Instance, session: Session) -> None:
    roles = {row.role for row in session.execute("SELECT role FROM system_auth.roles")}
    for service in SERVICES:
        if not service.cql:
            continue
        name, password = service.account, instance.secrets.password(f"cassandra.{service.account}")
        verb = "ALTER" if name in roles else "CREATE"
        session.execute(f"{verb} ROLE {name} WITH PASSWORD = '{password}' AND LOGIN = true AND SUPERUSER = false")
        try:
            session.execute(
                f"CREATE KEYSPACE {name} WITH replication = "
                "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1} AND durable_writes = true"
            )
        except AlreadyExists:
            continue
        finally:
            for permission in _GRANTS:
                session.execute(f"GRANT {permission} ON KEYSPACE {name} TO {name}")


ENGINE = Engine("cassandra", ("cassandra", "cassandra_storage"), prepare, check, provision)
