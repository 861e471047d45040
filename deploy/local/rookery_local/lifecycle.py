"""Bringing an instance up, in order: ports, engines, stores and accounts, migrations, services; and down again."""

import fcntl
import http.client
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from rookery_local import shell
from rookery_local.engines import ENGINES
from rookery_local.engines.engine import Engine, NotReady, Program
from rookery_local.errors import LocalError
from rookery_local.instance import REPOSITORY, Instance
from rookery_local.ports import refuse_taken
from rookery_local.progress import Board
from rookery_local.services import SERVICES, Service, environment
from rookery_local.supervise import ENGINES_GROUP, SERVICES_GROUP, Supervisor, settings

_SERVICE_START_SECONDS = 180


def present_services() -> list[Service]:
    """The services that this checkout can run."""
    return [s for s in SERVICES if (_package(s) / "__main__.py").exists()]


def _package(service: Service) -> Path:
    return REPOSITORY / "services" / service.name / service.module


def _interpreter(service: Service) -> str:
    """This checkout's, or that of another release of the service (`ROOKERY_PYTHON_POST`): the others stay."""
    return os.environ.get(f"ROOKERY_PYTHON_{service.prefix}", sys.executable)


def _service_program(instance: Instance, service: Service) -> Program:
    command = ["setpriv", "--pdeathsig=TERM", _interpreter(service), "-m", service.module, "all"]
    values = environment(instance, service) | {"PYTHONUNBUFFERED": "1"}
    return Program(service.name, command, REPOSITORY, values, stop_seconds=15)


@contextmanager
def locked(instance: Instance) -> Iterator[None]:
    """One start or stop of an instance at a time."""
    with (instance.root / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(f"Another command is starting or stopping {instance.root}.") from error
        yield


def bring_up(instance: Instance, *, engines_only: bool, foreground: bool, without: Collection[str] = ()) -> Supervisor:
    """Starts what does not run yet, and returns when everything is ready. On a failure, what it started is stopped.

    `without` leaves services out, and the engines that nobody else needs.
    """
    supervisor = Supervisor(instance)
    services = [service for service in present_services() if service.name not in without]
    engines = _engines_for(services) if without else ENGINES
    services = [] if engines_only else services
    was_running = supervisor.running()
    if was_running and foreground:
        raise LocalError(f"The platform already runs in the background, from {instance.root}: `make down` first.")
    try:
        with Board("Engines") as board:
            _launch(instance, supervisor, engines, services, foreground=foreground)
            board.run({engine.name: partial(_start_engine, board, instance, supervisor, engine) for engine in engines})
        if services:
            with Board("Migrations") as board:
                migrated = [service for service in services if (_package(service) / "migrations").is_dir()]
                board.run({service.name: partial(_migrate, instance, service) for service in migrated})
            with Board("Services") as board:
                board.run({s.name: partial(_start_service, board, instance, supervisor, s) for s in services})
    except BaseException:
        if not was_running:
            with suppress(OSError):
                supervisor.shut_down()
        raise
    return supervisor


def _engines_for(services: Collection[Service]) -> Sequence[Engine]:
    needed = {
        "postgres": any(service.postgres for service in services),
        "postgres_replica": any(service.postgres_replica for service in services),
        "cassandra": any(service.cql for service in services),
        "elasticsearch": any(service.elasticsearch for service in services),
        "s3": any(service.bucket for service in services),
    }
    return [engine for engine in ENGINES if needed.get(engine.name, True)]


def _launch(
    instance: Instance,
    supervisor: Supervisor,
    engines: Sequence[Engine],
    services: list[Service],
    *,
    foreground: bool,
) -> None:
    """Writes all settings, refuses taken ports, and starts the manager (or tells the running one of the changes)."""
    if supervisor.running():
        states = supervisor.states()
        alive = {name for name, info in states.items() if info["statename"] in ("RUNNING", "STARTING")}
    else:
        alive = set()
    needed = [port for engine in engines if engine.name not in alive for port in engine.ports]
    needed += [port for s in services if s.name not in alive for port in (s.name, f"{s.name}_health")]
    refuse_taken(instance.ports, needed, instance.host)
    groups = {
        ENGINES_GROUP: _prepare_engines(instance, engines),
        SERVICES_GROUP: [_service_program(instance, service) for service in services],
    }
    instance.settings.touch(mode=0o600)
    instance.settings.write_text(settings(instance, groups))
    instance.save(engines_only=not services)
    if supervisor.running():
        supervisor.load(SERVICES_GROUP)
    else:
        supervisor.launch(foreground=foreground)


def _prepare_engines(instance: Instance, engines: Sequence[Engine]) -> list[Program]:
    programs: dict[str, Program] = {}

    def prepare(engine: Engine) -> None:
        programs[engine.name] = engine.prepare(instance)

    board = Board("Settings")
    board.run({engine.name: partial(prepare, engine) for engine in engines}, quiet=True)
    return [programs[engine.name] for engine in engines]


def _start_engine(board: Board, instance: Instance, supervisor: Supervisor, engine: Engine) -> None:
    supervisor.start(engine.name)
    _await(board, instance, supervisor, engine.name, partial(engine.check, instance), engine.start_seconds)
    board.tell(engine.name, "accounts and stores")
    engine.provision(instance)


def _start_service(board: Board, instance: Instance, supervisor: Supervisor, service: Service) -> None:
    supervisor.start(service.name)
    check = partial(_check_service, instance, service)
    _await(board, instance, supervisor, service.name, check, _SERVICE_START_SECONDS)


def start_one(instance: Instance, supervisor: Supervisor, name: str) -> None:
    """Starts one process and returns when it is ready."""
    checks: dict[str, tuple[Callable[[], None], int]] = {
        engine.name: (partial(engine.check, instance), engine.start_seconds) for engine in ENGINES
    }
    checks |= {s.name: (partial(_check_service, instance, s), _SERVICE_START_SECONDS) for s in SERVICES}
    supervisor.start(name)
    check, seconds = checks[name]
    _await(Board("Start"), instance, supervisor, name, check, seconds)


def _await(
    board: Board, instance: Instance, supervisor: Supervisor, name: str, check: Callable[[], None], seconds: int
) -> None:
    """Asks until the process is ready; gives up with its log's tail when it ended or takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            check()
            return
        except NotReady as reason:
            problem = supervisor.dead(name)
            if problem is None and time.monotonic() > deadline:
                problem = f"is not ready after {seconds} s ({reason})"
            if problem is not None:
                log = instance.log(name)
                raise LocalError(f"{name} {problem}. The end of {log}:\n{shell.tail(log)}") from reason
            board.tell(name, str(reason)[:60])
        board.pause(0.2)


def _check_service(instance: Instance, service: Service) -> None:
    connection = http.client.HTTPConnection(instance.host, instance.ports[f"{service.name}_health"], timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(300)
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise NotReady(f"/readyz answered {answer.status}: {body.decode(errors='replace')}")


def _migrate(instance: Instance, service: Service) -> None:
    shell.run(
        ["setpriv", "--pdeathsig=TERM", sys.executable, "-m", service.module, "migrate"],
        cwd=REPOSITORY,
        env=shell.plain_environment() | environment(instance, service) | {"PYTHONUNBUFFERED": "1"},
        log=instance.log(f"{service.name}-migrate"),
        what=f"`{service.module} migrate`",
    )
