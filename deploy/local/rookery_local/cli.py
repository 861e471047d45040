"""The commands. Each parses, calls what does the work, and turns an expected failure into one message and a status."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rookery_local import instance as instances
from rookery_local import throwaway
from rookery_local.errors import Interrupted, LocalError
from rookery_local.install import install_everything, require_installed
from rookery_local.instance import DEFAULT_ROOT, Instance
from rookery_local.lifecycle import bring_up, locked, start_one
from rookery_local.ports import configured_host, configured_ports
from rookery_local.progress import say
from rookery_local.services import SERVICES, environment, full_environment
from rookery_local.supervise import Supervisor

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
EnginesOnly = Annotated[bool, typer.Option("--engines-only", help="Leave the ten services out.")]
Platform = Annotated[bool, typer.Option("--platform/--engines", help="With the services, or engines alone.")]
Secure = Annotated[bool, typer.Option("--secure", help="With TLS and a log-in for every connection.")]
Without = Annotated[list[str], typer.Option("--without", help="Leave a service out, and engines that only it needs.")]
Name = Annotated[str, typer.Argument(help="A process, as `status` shows it.")]
# A command of several services, each with its own settings.
_LOAD = "load"


def _root() -> Path:
    """ROOKERY_INSTANCE, or the developer's own instance."""
    named = os.environ.get("ROOKERY_INSTANCE")
    return Path(named) if named else DEFAULT_ROOT


@contextlib.contextmanager
def _signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does: with its clean-up."""

    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    # A shell's background job starts with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield


@app.command()
def install(relock: Annotated[bool, typer.Option(help="Write the archives' hashes anew.")] = False) -> None:
    """Install what the engines need and is missing (Debian packages as root; the rest into a cache folder)."""
    install_everything(relock=relock)


@app.command()
def up(engines_only: EnginesOnly = False, secure: Secure = False) -> None:
    """Start in the background; return when everything is ready."""
    started = time.monotonic()
    instance = _create(secure)
    with locked(instance):
        bring_up(instance, engines_only=engines_only, foreground=False)
    _tell_ready(instance, engines_only, time.monotonic() - started)


@app.command()
def run(engines_only: EnginesOnly = False, secure: Secure = False) -> None:
    """Start in the foreground; Ctrl-C stops everything."""
    started = time.monotonic()
    instance = _create(secure)
    with locked(instance):
        supervisor = bring_up(instance, engines_only=engines_only, foreground=True)
        try:
            _tell_ready(instance, engines_only, time.monotonic() - started)
            say("Ctrl-C stops everything; data is kept.")
            _watch(instance, supervisor)
        except (KeyboardInterrupt, Interrupted):
            say("Stopping…")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervisor.shut_down()
    say("Stopped.")


@app.command()
def down() -> None:
    """Stop the services, then the engines; keep the data."""
    if not (_root() / "instance.json").exists():
        say("Nothing runs.")
        return
    instance = instances.load(_root())
    supervisor = Supervisor(instance)
    if supervisor.running():
        supervisor.shut_down()
        say("Stopped; data is kept.")
    else:
        say("Nothing runs.")


@app.command()
def reset() -> None:
    """Stop everything and delete the data, secrets and logs."""
    down()
    root = _root()
    if (root / "instance.json").exists():
        instances.load(root).delete()
    say("Data is deleted.")


@app.command()
def status() -> None:
    """Show each process."""
    instance = instances.load(_root())
    supervisor = Supervisor(instance)
    if not supervisor.running():
        say("Nothing runs.")
        raise typer.Exit(3)
    for name, info in supervisor.states().items():
        port = instance.ports[name]
        typer.echo(f"{name:<15} {info['statename']:<9} port {port:<6} {info['description']:<32} {instance.log(name)}")


@app.command()
def env() -> None:
    """Print `export NAME=value` lines of the instance: addresses and log-ins. They are secrets."""
    for name, value in full_environment(instances.load(_root())).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def start(name: Name) -> None:
    """Start one process and wait until it is ready."""
    instance = instances.load(_root())
    start_one(instance, Supervisor(instance), name)


@app.command()
def stop(name: Name) -> None:
    """Stop one process in order."""
    Supervisor(instances.load(_root())).stop(name)


@app.command()
def kill(name: Name) -> None:
    """Kill one process at once (SIGKILL). It stays dead until `start`."""
    Supervisor(instances.load(_root())).kill(name)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def operate(
    service: Annotated[str, typer.Argument(help="A service, as in `auth`; or `load`, with `seed` and its numbers.")],
    command: Annotated[
        list[str], typer.Argument(help="Its command, as in `list-roles`; `--help` tells which there are.")
    ],
) -> None:
    """Run an operator's command of a service on this platform."""
    known = {known.name: known for known in SERVICES}
    if service not in {*known, _LOAD}:
        raise LocalError(f"There is no service {service}: {', '.join(known)}.")
    instance = instances.load(_root())
    told = full_environment(instance) if service == _LOAD else environment(instance, known[service])
    values = os.environ | told
    line = [sys.executable, "-m", "rookery_common.operator", service, *command]
    raise typer.Exit(subprocess.run(line, env=values, check=False).returncode)  # noqa: S603 - the caller's own command


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    platform: Platform = False,
    secure: Secure = False,
    without: Without = [],  # noqa: B006 - typer's way; it is not changed
) -> None:
    """Run a command beside a fresh throw-away instance on free ports, then remove that."""
    require_installed()
    raise typer.Exit(throwaway.execute(command, platform=platform, secure=secure, without=without))


def _create(secure: bool) -> Instance:
    require_installed()
    root = _root()
    running = (root / "instance.json").exists() and Supervisor(instances.load(root)).running()
    return instances.load(root) if running else _fresh(root, secure)


def _fresh(root: Path, secure: bool) -> Instance:
    return instances.create(root, configured_ports(os.environ), host=configured_host(os.environ), secure=secure)


def _tell_ready(instance: Instance, engines_only: bool, seconds: float) -> None:
    say(f"[green]Ready[/] after {seconds:.0f} s. Logs: {instance.logs}")
    if engines_only:
        say("Log-ins and addresses: `python -m rookery_local env`.")
        return
    say(f"Rookery listens on [bold]{instance.url}[/]")
    say("Sign up with any client of the Mastodon API, or in one go with four people: `make demo`.")
    say("By hand: POST /api/v1/apps, POST /oauth/token (client_credentials), then POST /api/v1/accounts.")
    say('An administrator: `make operate ARGS="auth create-administrator NAME you@example.org"`.')


def _watch(instance: Instance, supervisor: Supervisor) -> None:
    """Until interrupted: tells of each process that ends."""
    told: set[str] = set()
    while True:
        time.sleep(1)
        if not supervisor.running():
            raise LocalError("The process manager has ended: another command stopped the platform.")
        for name, info in supervisor.states().items():
            if info["statename"] == "RUNNING":
                told.discard(name)
            elif name not in told:
                told.add(name)
                say(f"[red]{name}[/]: {info['description'] or info['statename']}; its log: {instance.log(name)}")


def main() -> None:
    """Runs a command."""
    try:
        with _signals_unwind():
            app()
    except LocalError as error:
        say("[red]Failed[/]")
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except (KeyboardInterrupt, Interrupted):
        sys.exit(130)
