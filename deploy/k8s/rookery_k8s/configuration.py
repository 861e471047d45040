"""From the engines' environment to Secrets and chart values, as an operator would write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rookery_k8s.platform import SERVICES
from rookery_k8s.shell import ClusterError

# What a service's Secret holds, by the variable that `rookery_local env` names it with.
SECRET_KEYS = {
    "MASTER_KEY": "master-key",
    "POSTGRES_DSN": "postgres-dsn",
    "CQL_USERNAME": "cql-username",
    "CQL_PASSWORD": "cql-password",
    "REDIS_CACHE_URL": "redis-cache-url",
    "REDIS_STATE_URL": "redis-state-url",
    "S3_ACCESS_KEY": "s3-access-key",
    "S3_SECRET_KEY": "s3-secret-key",
    "ELASTICSEARCH_URL": "elasticsearch-url",
}
CPU_REQUEST = "50m"
CHARTS = Path(__file__).resolve().parents[2] / "helm"
GRAPH = yaml.safe_load((CHARTS / "graph.yaml").read_text())
WORKLOADS = {service: spec["workloads"] for service, spec in GRAPH.items()}


@dataclass(frozen=True)
class Images:
    """Where the images are, and the tags of this version and of the next."""

    registry: str
    tag: str
    next_tag: str

    def of(self, service: str) -> str:
        return f"{self.registry}/rookery/{service}:{self.tag}"


def secrets(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """A Secret for each service, with its own log-ins and nobody else's."""
    return [_secret(service, environ) for service in SERVICES]


def _secret(service: str, environ: Mapping[str, str]) -> dict[str, Any]:
    prefix = f"{service.upper()}_"
    data = {key: environ[prefix + name] for name, key in SECRET_KEYS.items() if environ.get(prefix + name)}
    if "master-key" not in data:
        raise ClusterError(f"{prefix}MASTER_KEY is not set: run this by `make k8s-test`")
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"rookery-{service}"}, "stringData": data}


def values(environ: Mapping[str, str], images: Images, public_url: str) -> dict[str, Any]:
    """The umbrella's values: where the engines are, and a community that is open to sign-up."""
    return {
        "global": {
            "image": {"registry": images.registry, "pullPolicy": "IfNotPresent"},
            "settings": {"publicUrl": public_url, "localMode": True},
            "kafka": {"bootstrapServers": environ["POST_KAFKA_BOOTSTRAP"]},
            "cql": {"hosts": environ["POST_CQL_HOSTS"].split(","), "port": int(environ["POST_CQL_PORT"])},
            "s3": {"endpoint": environ["POST_S3_ENDPOINT"]},
            "networkPolicy": {"engines": _engine_ports(environ)},
        },
        **{
            service: {"image": {"tag": images.tag}, **_small(service), **_own(service, environ)} for service in SERVICES
        },
    }


def _own(service: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The gateway's rate limits are those of the local platform: all the trial's people come from one address."""
    file = environ.get("GATEWAY_LIMITS_FILE", "")
    return {"limits": {"toml": Path(file).read_text()}} if service == "gateway" and file else {}


def _small(service: str) -> dict[str, Any]:
    """So little CPU is reserved that one node with 2 CPUs takes all pods; memory is as the charts have it."""
    workloads = ("serve", *WORKLOADS.get(service, ()))
    return {workload: {"resources": {"requests": {"cpu": CPU_REQUEST}}} for workload in workloads}


def alone(whole: Mapping[str, Any], service: str) -> dict[str, Any]:
    """The same for one service's own chart, as a release of its own."""
    return {"global": whole["global"], **whole[service], "existingSecret": f"rookery-{service}"}


def _engine_ports(environ: Mapping[str, str]) -> dict[str, Any]:
    """Local engines listen on ports of their own, which the policies must let through."""
    addresses = {
        "kafka": environ["POST_KAFKA_BOOTSTRAP"].split(","),
        "cql": [f":{environ['POST_CQL_PORT']}"],
        "postgres": [environ["USER_POSTGRES_DSN"].rpartition("/")[0]],
        "redis": [environ[f"POST_REDIS_{name}_URL"].rpartition("/")[0] for name in ("CACHE", "STATE")],
        "s3": [environ["POST_S3_ENDPOINT"]],
        "elasticsearch": [environ["SEARCH_ELASTICSEARCH_URL"]],
    }
    return {engine: {"ports": sorted({_port(one) for one in found})} for engine, found in addresses.items()}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
