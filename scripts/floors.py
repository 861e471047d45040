"""Checks the lock, without a network: `floors.py requirements.txt SERVICE_LOCK...`.

A resolver that meets a conflict goes back to an old version without a word, so the floors below are kept by hand for
the libraries whose old versions would hurt. A service's lock must pin exactly what the root lock pins, and what its
pyproject.toml asks for must be in it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

FLOORS = {
    "aiobotocore": "3.10",
    "argon2-cffi": "25.1",
    "asyncpg": "0.32",
    "cassandra-driver": "3.30",
    "confluent-kafka": "2.12",  # AIO producers and the new consumer protocol
    "cryptography": "50",
    "elasticsearch": "8.19",
    "fastapi": "0.165",  # its own OpenTelemetry spans
    "grpcio": "1.85",
    "joserfc": "1.8",
    "opentelemetry-sdk": "1.45",
    "pillow": "13",
    "prometheus-client": "0.26",
    "protobuf": "7.36",
    "pydantic": "2.13",
    "pytest": "9.2",
    "redis": "8.1",
    "starlette": "1.10",
    "uvicorn": "0.54",
}
CEILINGS = {"elasticsearch": "9"}  # the 8.19 client talks to servers of 8 and 9, a 9.x client only to 9


def pins(path: Path) -> dict[str, Version]:
    """Versions by name; of a name pinned once per Python version, the lowest."""
    found: dict[str, Version] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not re.match(r"[A-Za-z0-9][\w.\[\]-]*==", line):
            continue
        requirement = Requirement(line.rstrip("\\ "))
        version = Version(next(iter(requirement.specifier)).version)
        found[requirement.name] = min(version, found.get(requirement.name, version))
    return found


def out_of_bounds(locked: Mapping[str, Version]) -> Iterator[str]:
    for name, floor in FLOORS.items():
        if name not in locked:
            yield f"{name} is not in the lock (floor {floor})"
        elif locked[name] < Version(floor):
            yield f"{name} {locked[name]} is below its floor {floor}"
    for name, ceiling in CEILINGS.items():
        if name in locked and locked[name] >= Version(ceiling):
            yield f"{name} {locked[name]} must stay below {ceiling}"


def strays(root: Mapping[str, Version], path: Path) -> Iterator[str]:
    for name, version in pins(path).items():
        if root.get(name) != version:
            yield f"{path}: {name} {version}, but the root lock has {root.get(name, 'none')}: run make lock"


def unmet(locked: Mapping[str, Version], project: Path) -> Iterator[str]:
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    for requirement in map(Requirement, declared["dependencies"]):
        if requirement.name.startswith("rookery-"):
            continue
        version = locked.get(requirement.name)
        if version is None or version not in requirement.specifier:
            yield f"{project}: {requirement} is not met by the lock ({version}): run make lock"


def main(root_lock: str, *service_locks: str) -> str | None:
    root = pins(Path(root_lock))
    wrong = list(out_of_bounds(root))
    for lock in map(Path, service_locks):
        wrong += [*strays(root, lock), *unmet(pins(lock), lock.with_name("pyproject.toml"))]
    return "\n".join(wrong) or None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
