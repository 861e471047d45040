"""Which port each process listens on: fixed and overridable for the platform, free ones for tests."""

import contextlib
import fcntl
import ipaddress
import os
import random
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rookery_local.errors import LocalError
from rookery_local.services import SERVICES

HOST = "127.0.0.1"

# Below the range the kernel takes for outgoing connections, so that nobody grabs one between choice and use.
_FREE_BASE, _FREE_BLOCK, _FREE_BLOCKS = 20000, 64, 190

ENGINE_PORTS: Mapping[str, int] = {
    "kafka": 9092,
    "kafka_controller": 9093,
    "cassandra": 9042,
    "cassandra_storage": 7000,
    "cassandra_jmx": 7199,
    "postgres": 5432,
    "postgres_replica": 5433,
    "redis_cache": 6379,
    "redis_state": 6380,
    "elasticsearch": 9200,
    "elasticsearch_transport": 9300,
    "s3": 9000,
    # Where a test may start a site to sign in by.
    "provider": 7300,
}


def default_ports() -> dict[str, int]:
    """Every port's name with its default; a service's are `<name>` (gRPC, the gateway: HTTP) and `<name>_health`."""
    ports = dict(ENGINE_PORTS)
    for service in SERVICES:
        ports[service.name] = 8080 if service.name == "gateway" else 7000 + service.number
        ports[f"{service.name}_health"] = 7100 + service.number
    return ports


def variable(name: str) -> str:
    """The environment variable that moves a port."""
    return f"ROOKERY_PORT_{name.upper()}"


def configured_ports(environ: Mapping[str, str]) -> dict[str, int]:
    """The defaults with the environment's overrides; refuses what is no port, and one port given twice."""
    ports = default_ports()
    for name in ports:
        text = environ.get(variable(name))
        if text is None:
            continue
        if not text.isdigit() or not 1 <= int(text) <= 65535:
            raise LocalError(f"{variable(name)}={text!r} is not a port (1 to 65535).")
        ports[name] = int(text)
    owners: dict[int, str] = {}
    for name, port in ports.items():
        if port in owners:
            other = owners[port]
            raise LocalError(f"{other} and {name} both want port {port}: set {variable(other)} or {variable(name)}.")
        owners[port] = name
    return ports


def configured_host(environ: Mapping[str, str]) -> str:
    """Where every process listens: loopback, or `ROOKERY_HOST`, one address of this machine in a network of its own."""
    text = environ.get("ROOKERY_HOST", HOST)
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise LocalError(f"ROOKERY_HOST={text!r} is not an IPv4 address.") from None
    if address.is_unspecified or address.is_global:
        raise LocalError(
            f"ROOKERY_HOST={text}: name one address of a private network. Kafka and Elasticsearch have no log-ins here."
        )
    return text


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def refuse_taken(ports: Mapping[str, int], names: list[str], host: str = HOST) -> None:
    """Names every taken port, and how to move it, before anything is started."""
    taken = [name for name in names if not is_free(ports[name], host)]
    if taken:
        lines = [f"  port {ports[name]} of {name}: is in use; move ours with {variable(name)}=<port>" for name in taken]
        raise LocalError("Some ports are taken by other programs:\n" + "\n".join(lines))


@contextlib.contextmanager
def reserved_free_ports(host: str = HOST) -> Iterator[dict[str, int]]:
    """Free ports for a throw-away instance, kept from other throw-away instances while the context lasts."""
    locks = Path(tempfile.gettempdir()) / f"rookery-ports-{os.getuid()}"
    locks.mkdir(mode=0o700, exist_ok=True)
    names = list(default_ports())
    blocks = list(range(_FREE_BLOCKS))
    random.shuffle(blocks)
    for block in blocks:
        with (locks / str(block)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            first = _FREE_BASE + block * _FREE_BLOCK
            free = [port for port in range(first, first + _FREE_BLOCK) if is_free(port, host)]
            if len(free) >= len(names):
                yield dict(zip(names, free, strict=False))
                return
    raise LocalError("No block of free ports between 20000 and 32000 was found.")
