"""A Postgres and its replica of one test's own: so that the replica may lag, or be away, without others' harm."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rookery_local import instance as instances
from rookery_local.engines import postgres, postgres_replica
from rookery_local.engines.engine import Engine, NotReady
from rookery_local.instance import Instance
from rookery_local.ports import reserved_free_ports
from rookery_local.services import postgres_dsn
from rookery_local.shell import plain_environment, tail

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class PostgresPair:
    """The two servers, in a folder that is removed with them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Both, from nothing; the replica is ready once it may be read."""
        for engine in (postgres.ENGINE, postgres_replica.ENGINE):
            self._launch(engine)
            _wait(partial(engine.check, self._instance), self._instance.log(engine.name))
            engine.provision(self._instance)

    def start_replica(self) -> None:
        """Again, with what it had; it may be read a moment later."""
        self._launch(postgres_replica.ENGINE)

    def kill_replica(self) -> None:
        """At once: its connections break."""
        self._end(postgres_replica.NAME)

    def stop(self) -> None:
        """Both, at once: nobody will want their data."""
        for name in list(self._processes):
            self._end(name)

    def dsn(self, database: str) -> str:
        """A database at the primary, as the administrator."""
        return postgres_dsn(self._instance, "postgres", database)

    def replica_dsn(self, database: str) -> str:
        """The same at the replica."""
        return postgres_dsn(self._instance, "postgres", database, postgres_replica.NAME)

    def _launch(self, engine: Engine) -> None:
        program = engine.prepare(self._instance)
        environment = plain_environment() | dict(program.environment)
        with self._instance.log(engine.name).open("ab") as log:
            self._processes[engine.name] = subprocess.Popen(  # noqa: S603 - our own command line
                program.command, cwd=program.directory, env=environment, stdout=log, stderr=log
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            # Its own children end with it by this signal, and by SIGKILL they would not.
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """Starts the two on free ports, in some two seconds."""
    root = Path(tempfile.mkdtemp(prefix="rookery-pair-"))
    with reserved_free_ports() as ports:
        instance = instances.create(root, ports, throwaway=True)
        pair = PostgresPair(instance)
        try:
            pair.start()
            yield pair
        finally:
            pair.stop()
            instance.delete()


def _wait(check: Callable[[], None], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            check()
            return
        except NotReady as reason:
            if time.monotonic() > end:
                raise AssertionError(f"{reason}\n{tail(log)}") from reason
            time.sleep(0.05)
