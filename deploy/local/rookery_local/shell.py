"""Running other programs: the one place that starts processes outside the process manager."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rookery_local.errors import LocalError

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


def plain_environment() -> dict[str, str]:
    """The few variables our processes inherit: nothing of a caller's settings or secrets leaks into them."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"} | kept


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    what: str | None = None,
) -> str:
    """Runs a command to its end, without a terminal; raises with the tail of what it said when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(  # noqa: S603 - our own command lines, never a shell
        words,
        cwd=cwd,
        env=dict(env) if env is not None else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if log is not None:
        with log.open("a") as file:
            file.write(done.stdout)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-25:])
        raise LocalError(f"{what or words[0]} failed with status {done.returncode}:\n{tail}")
    return done.stdout


def spawn(command: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Starts a process in a session of its own, so that a terminal's Ctrl-C reaches us and not it."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own command lines, never a shell
            [str(word) for word in command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, or a note that there is none."""
    if not path.exists():
        return f"(no log at {path})"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16384))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:]) or f"(nothing in {path})"
