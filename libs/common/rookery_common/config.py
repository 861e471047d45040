"""Settings: read once from the environment (or mounted secret files), typed, each field described."""

from __future__ import annotations

import base64
import ipaddress
import os
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MASTER_KEY_BYTES = 32
SaslMechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]


def settings_config(prefix: str) -> SettingsConfigDict:
    """The configuration of a service's Settings: its prefix, and a folder of secret files if one is mounted."""
    folder = os.environ.get("ROOKERY_SECRETS_DIR")
    # What is wrong may be a secret: it is named, and not shown.
    return SettingsConfigDict(
        env_prefix=prefix, secrets_dir=folder, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class KafkaSettings(BaseSettings):
    """Where Kafka is, and how its clients and it show each other who they are."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, separated by commas.")
    kafka_tls: bool = Field(False, description="Whether connections to Kafka are by TLS.")
    kafka_ca_file: str = Field("", description="The authorities of Kafka's certificates (PEM); empty: the system's.")
    kafka_sasl_mechanism: SaslMechanism = Field("SCRAM-SHA-512", description="How the user below is authenticated.")
    kafka_username: str = Field("", description="The service's user; empty: nobody is authenticated.")
    kafka_password: SecretStr = Field(SecretStr(""), description="The user's password.")
    kafka_password_file: str = Field("", description="A file with it, instead; read again when it changes.")

    @model_validator(mode="after")
    def _check_kafka_user(self) -> Self:
        given = bool(self.kafka_password.get_secret_value() or self.kafka_password_file)
        if bool(self.kafka_username) != given:
            raise ValueError("kafka_username goes with kafka_password or kafka_password_file")
        return self


class BaseServiceSettings(KafkaSettings):
    """What every service is told."""

    service: str = Field(description="The service's short name, as in topics and metrics.")
    grpc_address: str = Field("127.0.0.1:7000", description="Where the gRPC server listens.")
    health_address: str = Field("127.0.0.1:7100", description="Where probes and metrics are served over HTTP.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    local_mode: bool = Field(False, description="On a laptop or in CI: reflection is on, and sign-up is open.")
    public_url: str = Field("http://127.0.0.1:8080", description="The platform's address as clients see it.")
    master_key: SecretStr = Field(description="Base64 of 32 bytes: the key that wraps this service's other keys.")
    topic_prefix: str = Field("", description="Put before every topic's name; tests keep apart by it.")
    tls_cert_file: str = Field("", description="This service's certificate (PEM); empty for plaintext.")
    tls_key_file: str = Field("", description="The private key of that certificate (PEM).")
    tls_ca_file: str = Field("", description="The trust bundle for other services' certificates (PEM).")
    drain_seconds: float = Field(0.0, ge=0, le=120, description="From not ready to no new calls, in seconds.")
    flags_file: str = Field("", description="Feature flags in flagd's format (JSON), read again when it changes.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of requests that are traced.")

    @field_validator("master_key")
    @classmethod
    def _check_master_key(cls, value: SecretStr) -> SecretStr:
        try:
            size = len(base64.b64decode(value.get_secret_value(), validate=True))
        except ValueError:
            raise ValueError("is not base64") from None
        if size != MASTER_KEY_BYTES:
            raise ValueError(f"must be {MASTER_KEY_BYTES} bytes in base64")
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        given = [bool(self.tls_cert_file), bool(self.tls_key_file), bool(self.tls_ca_file)]
        if any(given) and not all(given):
            raise ValueError("tls_cert_file, tls_key_file and tls_ca_file go together")
        return self

    @property
    def tls(self) -> bool:
        """Whether calls between services are authenticated by mTLS."""
        return bool(self.tls_cert_file)

    def master_key_bytes(self) -> bytes:
        """The key-encryption key; never logged."""
        return base64.b64decode(self.master_key.get_secret_value())


class PostgresSettings(BaseSettings):
    """For a service that owns a Postgres database."""

    postgres_dsn: SecretStr = Field(description="postgresql://user:password@host:port/database of the primary.")
    postgres_replica_dsn: SecretStr | None = Field(None, description="The same for a replica; reads go there.")
    postgres_password_file: str = Field("", description="A file with the password, instead; read again on a change.")
    postgres_tls: bool = Field(False, description="By TLS, with the host's name verified (sslmode=verify-full).")
    postgres_ca_file: str = Field("", description="The authorities of its certificates (PEM); empty: the system's.")
    postgres_pool_size: int = Field(8, ge=1, le=100, description="Connections per process and database.")


class CqlSettings(BaseSettings):
    """For a service that owns a keyspace in ScyllaDB or Cassandra."""

    cql_hosts: str = Field("127.0.0.1", description="Contact points, separated by commas.")
    cql_port: int = Field(9042, description="The native protocol's port.")
    cql_username: str = Field("", description="The service's role.")
    cql_password: SecretStr = Field(SecretStr(""), description="The role's password.")
    cql_password_file: str = Field("", description="A file with it, instead; read again when it changes.")
    cql_tls: bool = Field(False, description="Whether connections are by TLS, with the node's name verified.")
    cql_ca_file: str = Field("", description="The authorities of the nodes' certificates (PEM); empty: the system's.")
    cql_tls_name: str = Field("", description="The name in every node's certificate; empty: each one's own address.")
    cql_keyspace: str = Field(description="The service's keyspace.")
    cql_local_dc: str = Field("", description="The data centre to stay in; empty: that of the contact points.")


class RedisSettings(BaseSettings):
    """For a service that uses Redis: one instance for caches (LFU), one for state (no eviction)."""

    redis_cache_url: SecretStr = Field(description="redis://user:password@host:port/0 of the caches; rediss for TLS.")
    redis_state_url: SecretStr = Field(description="The same of the state.")
    redis_cache_password_file: str = Field("", description="A file with the password, instead of the URL's.")
    redis_state_password_file: str = Field("", description="The same for the state.")
    redis_ca_file: str = Field("", description="The authorities of their certificates (PEM); empty: the system's.")
    redis_cluster: bool = Field(False, description="Whether both are Redis Clusters.")


class S3Settings(BaseSettings):
    """For a service that owns a bucket."""

    s3_endpoint: str = Field(description="The S3 endpoint; https for TLS.")
    s3_ca_file: str = Field("", description="The authorities of its certificate (PEM); empty: the system's.")
    s3_access_key: SecretStr = Field(description="The service's access key.")
    s3_secret_key: SecretStr = Field(description="The service's secret key.")
    s3_bucket: str = Field(description="The service's bucket.")
    s3_public_url: str = Field("", description="Where anyone fetches public objects; empty: endpoint/bucket.")
    s3_region: str = Field("us-east-1", description="The region to sign for.")


class ElasticsearchSettings(BaseSettings):
    """For a service that owns indices in Elasticsearch."""

    elasticsearch_url: SecretStr = Field(description="http://user:password@host:port of the engine; https for TLS.")
    elasticsearch_ca_file: str = Field("", description="The authorities of its certificate (PEM); empty: the system's.")
    elasticsearch_username: str = Field("", description="The service's user, where no API key is given.")
    elasticsearch_password: SecretStr = Field(SecretStr(""), description="The user's password.")
    elasticsearch_password_file: str = Field("", description="A file with it, instead; read again when it changes.")
    elasticsearch_api_key: SecretStr = Field(SecretStr(""), description="The service's API key, encoded.")
    elasticsearch_api_key_file: str = Field("", description="A file with it, instead; read again when it changes.")


class WebSettings(BaseSettings):
    """For a service that asks addresses that strangers name."""

    web_networks: str = Field(
        "", description="Networks beside the internet that it may ask, such as 10.1.0.0/16; separated by commas."
    )

    @field_validator("web_networks")
    @classmethod
    def _check_web_networks(cls, value: str) -> str:
        for part in filter(None, map(str.strip, value.split(","))):
            ipaddress.ip_network(part)
        return value

    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Those networks."""
        return [ipaddress.ip_network(part) for part in filter(None, map(str.strip, self.web_networks.split(",")))]
