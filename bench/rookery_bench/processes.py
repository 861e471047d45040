"""What processes cost: CPU time and memory, by name, children counted in."""

from __future__ import annotations

import configparser
import os
import xmlrpc.client
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # ships no types

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """Since a process began: CPU time; now: memory (pss counts what processes share once, rss in each)."""

    cpu_seconds: float
    rss_mib: float
    pss_mib: float


@dataclass(frozen=True)
class Processes:
    """The processes of a server under test: its own services, and the engines below them."""

    services: Mapping[str, int]
    engines: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.services or self.engines)

    def usage(self) -> dict[str, Usage]:
        return {name: _usage(pid) for name, pid in {**self.services, **self.engines}.items()}

    @contextmanager
    def apart(self) -> Iterator[bool]:
        """The server on all cores but the last, which the load has for itself; True where that could be arranged.

        A load that grows fivefold would otherwise take from the server the time by which it is measured.
        """
        cores = sorted(os.sched_getaffinity(0))
        possible = bool(self) and len(cores) > 1
        if possible:
            self._confine(cores[:-1])
            os.sched_setaffinity(0, cores[-1:])
        try:
            yield possible
        finally:
            if possible:
                self._confine(cores)
                os.sched_setaffinity(0, cores)

    def _confine(self, cores: Collection[int]) -> None:
        for pid in [*self.services.values(), *self.engines.values()]:
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    for thread in process.threads():
                        with suppress(ProcessLookupError):
                            os.sched_setaffinity(thread.id, cores)


def of_instance(folder: Path) -> Processes:
    """The processes of a local platform, asked of its process manager."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(folder / "supervisord.conf")
    transport = SupervisorTransport(None, None, f"unix://{settings['unix_http_server']['file']}")
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
        answer = proxy.supervisor.getAllProcessInfo()
    groups: dict[str, dict[str, int]] = {"services": {}, "engines": {}}
    for info in answer if isinstance(answer, list) else []:
        if info["pid"] and info["group"] in groups:
            groups[info["group"]][info["name"]] = info["pid"]
    return Processes(groups["services"], groups["engines"])


def named(pairs: list[str]) -> dict[str, int]:
    """`["gotosocial=4711"]` as a mapping; ValueError names what is wrong."""
    found: dict[str, int] = {}
    for pair in pairs:
        name, _, pid = pair.partition("=")
        if not name or not pid.isdigit() or not psutil.pid_exists(int(pid)):
            raise ValueError(f"not NAME=PID of a running process: {pair!r}")
        found[name] = int(pid)
    return found


def _usage(pid: int) -> Usage:
    cpu, rss, pss = 0.0, 0, 0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            times, memory = process.cpu_times(), process.memory_full_info()
        except psutil.NoSuchProcess:
            continue  # a child that ended meanwhile is in its parent's children's time
        cpu += times.user + times.system + times.children_user + times.children_system
        rss += memory.rss
        pss += memory.pss
    return Usage(cpu, rss / MEBIBYTE, pss / MEBIBYTE)
