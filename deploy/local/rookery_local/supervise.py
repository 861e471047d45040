"""The process manager (supervisor): its settings for an instance, and what is asked of it while it runs."""

import contextlib
import os
import signal
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport  # type: ignore[import-untyped] # ships no types

from rookery_local import shell
from rookery_local.engines.engine import Program
from rookery_local.errors import LocalError
from rookery_local.instance import Instance

ENGINES_GROUP, SERVICES_GROUP = "engines", "services"
# Supervisor stops groups from the highest priority down, each group's processes together.
_PRIORITY = {ENGINES_GROUP: 100, SERVICES_GROUP: 200}
_LOG_BYTES, _LOG_BACKUPS = "20MB", 3
_DEAD = ("STOPPED", "EXITED", "FATAL", "BACKOFF", "UNKNOWN")


def settings(instance: Instance, groups: Mapping[str, Sequence[Program]]) -> str:
    """The generated settings. A process that ends stays ended until it is started again: a crash is to be seen."""
    control = instance.control
    lines = [
        "[supervisord]",
        f"logfile={_quote(str(instance.log('supervisord')))}",
        f"logfile_maxbytes={_LOG_BYTES}",
        f"logfile_backups={_LOG_BACKUPS}",
        f"pidfile={_quote(str(instance.root / 'supervisord.pid'))}",
        f"directory={_quote(str(instance.root))}",
        "umask=022",
        "minfds=4096",
        *(["user=root"] if os.getuid() == 0 else []),
        "[unix_http_server]",
        f"file={_quote(str(control))}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for group, programs in groups.items():
        if programs:
            names = ",".join(program.name for program in programs)
            lines += [f"[group:{group}]", f"programs={names}", f"priority={_PRIORITY[group]}"]
        for program in programs:
            lines += _program(instance, program)
    return "\n".join(lines) + "\n"


def _program(instance: Instance, program: Program) -> list[str]:
    pairs = ",".join(f"{name}={_quoted(value)}" for name, value in sorted(program.environment.items()))
    return [
        f"[program:{program.name}]",
        f"command={_quote(_command_line(program.command))}",
        f"directory={_quote(str(program.directory))}",
        f"environment={pairs}",
        "autostart=false",
        "autorestart=false",
        "startsecs=0",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_seconds}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_quote(str(instance.log(program.name)))}",
        f"stdout_logfile_maxbytes={_LOG_BYTES}",
        f"stdout_logfile_backups={_LOG_BACKUPS}",
    ]


def _command_line(words: Sequence[str]) -> str:
    """Supervisor splits as a shell does."""
    return " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)


def _quote(value: str) -> str:
    """A percent sign would be an expansion."""
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    """Between quotes of the kind that is not in it: within them supervisor knows no escapes."""
    mark = "'" if '"' in value else '"'
    return f"{mark}{_quote(value)}{mark}"


class Supervisor:
    """One instance's process manager."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._process: Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("getState"))
        except (OSError, xmlrpc.client.Error):
            return False

    def launch(self, *, foreground: bool) -> None:
        """Starts it: in the background to stay, or as a child that ends when we do."""
        self._instance.control.unlink(missing_ok=True)
        words = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._instance.settings)]
        environment = shell.plain_environment()
        if foreground:
            words = ["setpriv", "--pdeathsig=TERM", *words, "--nodaemon"]
        self._process = shell.spawn(words, env=environment, log=self._instance.log("supervisord-output"))
        deadline = time.monotonic() + 20
        while not self.running():
            failed = self._process.poll() not in (None, 0)
            if failed or time.monotonic() > deadline:
                output = shell.tail(self._instance.log("supervisord-output"))
                raise LocalError(f"The process manager did not start:\n{output}")
            time.sleep(0.05)

    def load(self, group: str) -> None:
        """Makes a running manager take over a group's changed settings; the group is stopped for it."""
        added, changed, removed = self._call("reloadConfig")[0]
        if group in changed or group in removed:
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        if group in changed or group in added:
            self._call("addProcessGroup", group)

    def states(self) -> dict[str, dict[str, Any]]:
        """Each process's name with what is known of it."""
        return {info["name"]: info for info in self._call("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Starts a process that does not run."""
        self._tolerating(Faults.ALREADY_STARTED, "startProcess", self._full_name(name), False)

    def stop(self, name: str) -> None:
        """Stops a process and waits for its end."""
        self._tolerating(Faults.NOT_RUNNING, "stopProcess", self._full_name(name), True)

    def kill(self, name: str) -> None:
        """SIGKILL, at once and without a word; the process stays dead until it is started."""
        full = self._full_name(name)
        self._tolerating(Faults.NOT_RUNNING, "signalProcess", full, "KILL")
        deadline = time.monotonic() + 10
        while self.states()[name]["statename"] not in _DEAD and time.monotonic() < deadline:
            time.sleep(0.05)

    def dead(self, name: str) -> str | None:
        """How a started process ended, or None while it lives."""
        info = self.states().get(name)
        if info is None:
            return "is unknown to the process manager"
        if info["statename"] not in _DEAD:
            return None
        return str(info["spawnerr"] or f"ended with status {info['exitstatus']}")

    def shut_down(self, seconds: float = 120) -> None:
        """Stops the services, then the engines, then the manager itself."""
        pid = self._pid()
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            self._call("shutdown")
        deadline = time.monotonic() + seconds
        while self._alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._alive(pid) and pid is not None:
            os.kill(pid, signal.SIGKILL)
            raise LocalError(f"The process manager (process {pid}) did not stop in {seconds:.0f} s and was killed.")
        self._instance.control.unlink(missing_ok=True)

    def abandon_engines(self) -> None:
        """Kills all engines at once: for an instance whose data is deleted next."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            self._call("stopProcessGroup", SERVICES_GROUP)
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            for info in self.states().values():
                if info["group"] == ENGINES_GROUP and info["pid"]:
                    # Each process leads a group of its own. Postgres's children leave it, and end by QUIT.
                    number = signal.SIGQUIT if info["name"].startswith("postgres") else signal.SIGKILL
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(info["pid"], number)

    def _pid(self) -> int | None:
        try:
            return int(self._call("getPID"))
        except (OSError, xmlrpc.client.Error):
            return self._process.pid if self._process is not None else None

    def _alive(self, pid: int | None) -> bool:
        if self._process is not None and self._process.poll() is not None and self._process.pid == pid:
            return False
        return pid is not None and Path(f"/proc/{pid}").exists()

    def _full_name(self, name: str) -> str:
        infos = self.states()
        if name not in infos:
            raise LocalError(f"There is no process {name!r}; there are: {', '.join(sorted(infos))}.")
        return f"{infos[name]['group']}:{name}"

    def _tolerating(self, code: int, method: str, *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != code:
                raise LocalError(f"The process manager refused {method} {arguments[0]}: {fault.faultString}") from fault

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._instance.control}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
