"""The ten services: which engines each may use, and the environment each is handed (its own secrets, nobody else's)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery_local import secure

if TYPE_CHECKING:
    from rookery_local.instance import Instance


@dataclass(frozen=True)
class Service:
    """One service's place in the port table and its claims on the engines."""

    name: str
    number: int
    postgres: bool = False
    postgres_replica: bool = False
    cql: bool = False
    redis: bool = True
    elasticsearch: bool = False
    bucket: str | None = None

    @property
    def prefix(self) -> str:
        """What its environment variables begin with."""
        return self.name.upper()

    @property
    def account(self) -> str:
        """Its role in Postgres and Cassandra, and the name of its database or keyspace."""
        return f"rookery_{self.name}"

    @property
    def module(self) -> str:
        """The Python package that is run."""
        return f"{self.name}_service"


SERVICES = (
    Service("gateway", 0),
    Service("auth", 1, postgres=True),
    Service("user", 2, postgres=True, postgres_replica=True),
    Service("post", 3, cql=True, bucket="rookery-post-media"),
    Service("feed", 4, cql=True),
    Service("messaging", 5, cql=True),
    Service("notification", 6, cql=True),
    Service("search", 7, elasticsearch=True),
    Service("analytics", 8, cql=True, redis=False, bucket="rookery-analytics"),
    Service("moderation", 9, postgres=True),
)


def postgres_dsn(instance: Instance, role: str, database: str, engine: str = "postgres") -> str:
    """A role's address of its database, at the primary or the replica. Passwords are URL-safe by construction."""
    password = instance.secrets.password(f"postgres.{role}")
    return f"postgresql://{role}:{password}@{instance.host}:{instance.ports[engine]}/{database}"


def redis_url(instance: Instance, engine: str, user: str) -> str:
    """A user's address of one of the two Redis instances."""
    password = instance.secrets.password(f"{engine}.{user}")
    return f"redis://{user}:{password}@{instance.host}:{instance.ports[engine]}/0"


def environment(instance: Instance, service: Service) -> dict[str, str]:
    """Everything one service is told, with its prefix."""
    values = _addresses(instance, service) | _stores(instance, service)
    values["MASTER_KEY"] = instance.secrets.key(f"master.{service.name}")
    values["LOCAL_MODE"] = "true"
    if service.name == "auth":
        values["MAIL_FOLDER"] = str(instance.root / "mails")
        if instance.throwaway:
            # Hundreds sign up in a run of the tests, and nobody's password is kept: the cheapest argon2id there is.
            values |= {"PASSWORD_MEMORY_KIB": "8192", "PASSWORD_PASSES": "1", "PASSWORD_LANES": "1"}
            values["PROVIDERS"] = json.dumps(
                [_provider(instance, "test"), _provider(instance, "keycloak", "/realms/rookery")]
            )
    if service.name in ("notification", "post") and instance.throwaway:
        values["WEB_NETWORKS"] = "127.0.0.0/8"  # The push services of tests are here, and the pages that posts link to.
    if service.name == "notification" and instance.throwaway:
        values["DIGEST_HOUR_SECONDS"] = "2"
    if instance.secure:
        values = secure.service_settings(instance, service.name, values)
    return {f"{service.prefix}_{name}": value for name, value in values.items()}


def _provider(instance: Instance, name: str, path: str = "") -> dict[str, str]:
    """A site to sign in by, which is there while a test runs it: one of them at a time, on one port."""
    return {
        "name": name,
        "title": name.title(),
        "issuer": f"http://{instance.host}:{instance.ports['provider']}{path}",
        "client_id": "rookery",
        # With what must be written otherwise in a header.
        "client_secret": f"{instance.secrets.password('provider')}: 100%",
    }


def _addresses(instance: Instance, service: Service) -> dict[str, str]:
    ports = instance.ports
    values = {
        "HEALTH_ADDRESS": f"{instance.host}:{ports[f'{service.name}_health']}",
        "PUBLIC_URL": instance.url,
        "KAFKA_BOOTSTRAP": f"{instance.host}:{ports['kafka']}",
    }
    own = "HTTP_ADDRESS" if service.name == "gateway" else "GRPC_ADDRESS"
    if service.name == "gateway":
        values["LIMITS_FILE"] = str(instance.limits)
    if service.name in ("gateway", "post"):
        values["FLAGS_FILE"] = str(instance.flags)
    values[own] = f"{instance.host}:{ports[service.name]}"
    for other in SERVICES:
        if other.name not in ("gateway", service.name):
            values[f"{other.prefix}_TARGET"] = f"{instance.host}:{ports[other.name]}"
    return values


def _stores(instance: Instance, service: Service) -> dict[str, str]:
    ports, secrets = instance.ports, instance.secrets
    values: dict[str, str] = {}
    if service.postgres:
        values["POSTGRES_DSN"] = postgres_dsn(instance, service.account, service.account)
    if service.postgres_replica:
        replica = postgres_dsn(instance, service.account, service.account, "postgres_replica")
        values["POSTGRES_REPLICA_DSN"] = replica
    if service.cql:
        values["CQL_HOSTS"] = instance.host
        values["CQL_PORT"] = str(ports["cassandra"])
        values["CQL_USERNAME"] = service.account
        values["CQL_PASSWORD"] = secrets.password(f"cassandra.{service.account}")
        values["CQL_KEYSPACE"] = service.account
    if service.redis:
        values["REDIS_CACHE_URL"] = redis_url(instance, "redis_cache", service.name)
        values["REDIS_STATE_URL"] = redis_url(instance, "redis_state", service.name)
    if service.bucket:
        endpoint = f"http://{instance.host}:{ports['s3']}"
        values["S3_ENDPOINT"] = endpoint
        values["S3_ACCESS_KEY"] = service.account
        values["S3_SECRET_KEY"] = secrets.password(f"s3.{service.account}")
        values["S3_BUCKET"] = service.bucket
        values["S3_PUBLIC_URL"] = f"{endpoint}/{service.bucket}"
    if service.elasticsearch:
        values["ELASTICSEARCH_URL"] = f"http://{instance.host}:{ports['elasticsearch']}"
    return values


def admin_environment(instance: Instance) -> dict[str, str]:
    """What tests and tools get beside the services' own variables: where things are, and administrators' log-ins."""
    ports, secrets = instance.ports, instance.secrets
    return {
        "ROOKERY_URL": instance.url,
        "ROOKERY_INSTANCE": str(instance.root),
        "ROOKERY_TEST_POSTGRES_DSN": postgres_dsn(instance, "postgres", "postgres"),
        "ROOKERY_TEST_CQL_HOSTS": instance.host,
        "ROOKERY_TEST_CQL_PORT": str(ports["cassandra"]),
        "ROOKERY_TEST_CQL_USERNAME": "cassandra",
        "ROOKERY_TEST_CQL_PASSWORD": secrets.password("cassandra.cassandra"),
        "ROOKERY_TEST_REDIS_URL": redis_url(instance, "redis_cache", "admin"),
        "ROOKERY_TEST_REDIS_STATE_URL": redis_url(instance, "redis_state", "admin"),
        "ROOKERY_TEST_KAFKA_BOOTSTRAP": f"{instance.host}:{ports['kafka']}",
        "ROOKERY_TEST_ELASTICSEARCH_URL": f"http://{instance.host}:{ports['elasticsearch']}",
        "ROOKERY_TEST_S3_ENDPOINT": f"http://{instance.host}:{ports['s3']}",
        "ROOKERY_TEST_S3_ACCESS_KEY": "rookery_admin",
        "ROOKERY_TEST_S3_SECRET_KEY": secrets.password("s3.rookery_admin"),
    }


def full_environment(instance: Instance) -> dict[str, str]:
    """`env` and `exec`: the administrators' variables and those of all ten services."""
    values = admin_environment(instance)
    if instance.throwaway:
        values["ROOKERY_TEST_CQL_JMX_PORT"] = str(instance.ports["cassandra_jmx"])
    if instance.secure:
        values = secure.admin_settings(instance, values)
    for service in SERVICES:
        values |= environment(instance, service)
    return values
