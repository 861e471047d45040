"""A process's life: components start in order, serve, and stop in reverse when told to."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import uvloop
from pydantic import ValidationError

from rookery_common.clients.startup import EngineAway, MigrationFailed
from rookery_common.config import BaseServiceSettings
from rookery_common.errors import AppError
from rookery_common.health import Check, Health, HealthServer
from rookery_common.logs import configure_logs, get_logger
from rookery_common.telemetry import configure_telemetry

STOP_SECONDS = 20.0
# Nearly all that requests make is freed by its reference count; by default the collector looks for cycles in it, and in
# everything that lives on, so often that it takes a tenth of a busy process's time.
GC_THRESHOLDS = (20_000, 20, 50)
log = get_logger()


class Role(StrEnum):
    """What a process does: one each on Kubernetes, all in one on a laptop."""

    SERVE = "serve"
    CONSUME = "consume"
    RELAY = "relay"


class Component(Protocol):
    """Something that is started and stopped with the process."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class App:
    """The components of one process, in the order in which they start."""

    def __init__(
        self,
        settings: BaseServiceSettings,
        version: str,
        components: Sequence[Component],
        checks: Mapping[str, Check],
    ) -> None:
        self._settings = settings
        self._version = version
        self._components = list(components)
        self._health = Health(checks)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. A component that fails to start stops those before it, and the error goes on."""
        configure_logs(self._settings.service, self._version, self._settings.log_level)
        configure_telemetry(self._settings.service, self._version, self._settings.trace_ratio)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        probes = HealthServer(self._settings.health_address, self._health)
        started: list[Component] = []
        try:
            for component in [probes, *self._components]:
                await component.start()
                started.append(component)
            _calm_collector()
            self._health.started = True
            log.info("app.started", grpc_address=self._settings.grpc_address)
            await stop.wait()
            self._health.draining = True
            log.info("app.draining", seconds=self._settings.drain_seconds)
            await asyncio.sleep(self._settings.drain_seconds)
        finally:
            await _stop_all(started)
        log.info("app.stopped")


def _calm_collector() -> None:
    """What the start has made lives as long as the process, and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _stop_all(started: Sequence[Component]) -> None:
    for component in reversed(started):
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await component.stop()
        except Exception:
            # The others must still be stopped: a consumer that can't leave its group holds nobody back.
            log.exception("app.stop_failed", component=type(component).__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """An operator's command: what it does with its arguments (by name, with their choices if any), and then says.

    Flags, by name with what they mean, are false unless they are given.
    """

    run: Callable[..., Awaitable[str]]
    arguments: Mapping[str, Sequence[str] | None]
    summary: str
    flags: Mapping[str, str] = field(default_factory=dict)

    def describe(self, parser: argparse.ArgumentParser) -> None:
        """What the parser takes of a command line."""
        for argument, choices in self.arguments.items():
            parser.add_argument(argument, choices=choices)
        for flag, meaning in self.flags.items():
            parser.add_argument(f"--{flag}", action="store_true", help=meaning)


def cli(
    name: str,
    build: Callable[[frozenset[Role]], App],
    migrate: Callable[[], Awaitable[None]] | None = None,
    commands: Mapping[str, Command] = MappingProxyType({}),
) -> int:
    """`serve`, `consume`, `relay`, `all`, `migrate` or a command of the service's own; returns the exit code.

    A wrong setting is told by its name, an engine that is away by its address, a command that is refused by its reason.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}_service")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for verb in [*(role.value for role in Role), "all", *(["migrate"] if migrate else [])]:
        verbs.add_parser(verb)
    for verb, command in commands.items():
        command.describe(verbs.add_parser(verb, help=command.summary, description=command.summary))
    arguments = vars(parser.parse_args())
    verb = arguments.pop("command")
    try:
        if verb in commands:
            sys.stdout.write(uvloop.run(_operate(name, commands[verb].run(**arguments))) + "\n")
        elif verb == "migrate" and migrate is not None:
            uvloop.run(_migrate(name, migrate))
        else:
            roles = frozenset(Role) if verb == "all" else frozenset({Role(verb)})
            _schedule_as_batch()
            uvloop.run(_run(build, roles))
    except ValidationError as error:
        parser.exit(2, f"{_wrong_setting(error, name)}\n")
    except (EngineAway, MigrationFailed) as error:
        parser.exit(1, f"{verb}: {_for_operators(error, name)}\n")
    except AppError as error:
        if verb not in commands:
            raise
        parser.exit(1, f"{verb}: {error.message}\n")
    return 0


def _schedule_as_batch() -> None:
    """For this thread and those that it starts: who is woken waits for its turn, instead of interrupting who works.

    A request passes through several processes. Where they share a core, each would throw the others' data out of its
    caches at each step: this way, more is done at each turn (docs/performance.md has how much that is for a home read).
    """
    with suppress(AttributeError, PermissionError):  # Linux alone has it; a sandbox may forbid it.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _wrong_setting(error: ValidationError, name: str) -> str:
    problem = error.errors()[0]
    setting = ".".join(str(part) for part in problem["loc"]) or "settings"
    return f"{name.upper()}_{setting.upper()}: {problem['msg']}"


def _for_operators(error: EngineAway | MigrationFailed, name: str) -> str:
    if isinstance(error, MigrationFailed):
        return error.message
    return f"{error.message}; {error.advice(f'{name.upper()}_{error.setting.upper()}')}"


async def _operate(name: str, answer: Awaitable[str]) -> str:
    configure_logs(name, "operator")
    return await answer


async def _migrate(name: str, migrate: Callable[[], Awaitable[None]]) -> None:
    configure_logs(name, "migrate")
    await migrate()


async def _run(build: Callable[[frozenset[Role]], App], roles: frozenset[Role]) -> None:
    await build(roles).run()
