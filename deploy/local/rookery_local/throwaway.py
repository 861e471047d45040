"""A fresh instance for one command: free ports, a temporary folder, everything provisioned, nothing left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from rookery_local import instance as instances
from rookery_local.errors import Interrupted
from rookery_local.instance import REPOSITORY, Instance
from rookery_local.lifecycle import bring_up
from rookery_local.ports import configured_host, reserved_free_ports
from rookery_local.progress import flush, say
from rookery_local.services import full_environment

# By whether all is by TLS: one of each kind may run at the same time.
KEPT_LOGS = {
    False: REPOSITORY / ".rookery" / "test-logs",
    True: REPOSITORY / ".rookery" / "test-logs-secure",
}


def execute(command: list[str], *, platform: bool, secure: bool = False, without: Collection[str] = ()) -> int:
    """Runs the command with the instance's environment; answers with its status. A failure keeps the logs."""
    shutil.rmtree(KEPT_LOGS[secure], ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix="rookery-"))
    host = configured_host(os.environ)
    with reserved_free_ports(host) as ports:
        instance = instances.create(root, ports, throwaway=True, host=host, secure=secure)
        status = 1
        try:
            supervisor = bring_up(instance, engines_only=not platform, foreground=True, without=without)
            try:
                status = _run(command, instance)
            finally:
                _ignore_signals()
                supervisor.abandon_engines()
                supervisor.shut_down()
        finally:
            _ignore_signals()
            if status != 0:
                _keep_logs(instance)
            instance.delete()
    return status


def _ignore_signals() -> None:
    """Once cleaning up, a second Ctrl-C must not stop it half-way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _run(command: list[str], instance: Instance) -> int:
    flush()
    process = subprocess.Popen(command, env=os.environ | full_environment(instance))  # noqa: S603 - the caller's own command
    try:
        return _status(process.wait())
    except (KeyboardInterrupt, Interrupted) as error:
        if isinstance(error, Interrupted):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()
        raise


def _status(returned: int) -> int:
    return 128 - returned if returned < 0 else returned


def _keep_logs(instance: Instance) -> None:
    kept = KEPT_LOGS[instance.secure]
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(instance.logs, kept)
    say(f"The instance's logs are kept in {kept}")
