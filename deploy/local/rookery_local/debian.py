"""Debian's packages: which programs are missing, and installing them without starting Debian's own services."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rookery_local import cache, shell
from rookery_local.errors import LocalError

_POLICY = Path("/usr/sbin/policy-rc.d")
_CLUSTER_POLICY = Path("/etc/postgresql-common/createcluster.d/rookery.conf")
_WITH_SERVICE = ("redis-server", "postgresql")


def missing_packages() -> list[str]:
    """The Debian packages whose programs are not here."""
    missing = []
    if cache.java() is None:
        missing.append("openjdk-17-jre-headless")
    if cache.postgres_programs() is None:
        missing.append("postgresql")
    if shutil.which("redis-server") is None:
        missing.append("redis-server")
    if shutil.which("setpriv") is None:
        missing.append("util-linux")
    if not cache.jars_present():
        missing += [] if shutil.which("mvn") else ["maven"]
    if not cache.versitygw().exists() and not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        missing.append("ca-certificates")
    return missing


def refuse_unless_installable(packages: list[str]) -> None:
    """Only root on Debian can be helped; everybody else is told the exact command."""
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise LocalError(f"Missing programs; on Debian 12 they would come with: {command}")
    if os.getuid() != 0:
        raise LocalError(f"Missing programs. Install them, then run the same command again:\n  sudo {command}")


def install(packages: list[str], pulse: Callable[[], None]) -> None:
    """Installs packages; the services in them are neither started now nor at the next boot."""
    environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    with ExitStack() as stack:
        stack.enter_context(_no_service_starts())
        stack.enter_context(_no_first_cluster())
        shell.run(["apt-get", "update", "-q"], env=environment, pulse=pulse, what="apt-get update")
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        shell.run(command, env=environment, pulse=pulse, what="apt-get install")
    for package in packages:
        if package in _WITH_SERVICE:
            shell.run(["update-rc.d", package, "disable"], what=f"Keeping {package} from starting at boot")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian asks this program before it starts a service."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


@contextmanager
def _no_first_cluster() -> Iterator[None]:
    """Debian's Postgres would make a cluster of its own, which nobody uses."""
    _CLUSTER_POLICY.parent.mkdir(parents=True, exist_ok=True)
    _CLUSTER_POLICY.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        _CLUSTER_POLICY.unlink(missing_ok=True)
