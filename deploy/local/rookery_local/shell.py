"""Running other programs: the one place that starts processes outside the process manager."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
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
    pulse: Callable[[], None] | None = None,
) -> str:
    """Runs a command to its end, without a terminal; raises with the tail of what it said when it fails.

    `pulse` is called twice a second; whatever it raises ends the command too."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own command lines, never a shell
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        status = _wait(process, pulse)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if log is not None:
        with log.open("a") as file:
            file.write(text)
    if status != 0:
        raise LocalError(f"{what or words[0]} failed with status {status}:\n{_last_lines(text, 25)}")
    return text


def _wait(process: "subprocess.Popen[bytes]", pulse: Callable[[], None] | None) -> int:
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.5)
            if pulse is not None:
                pulse()
    except BaseException:
        process.terminate()
        process.wait()
        raise


def _last_lines(text: str, count: int) -> str:
    return "\n".join(text.splitlines()[-count:])


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
    return _last_lines(text, lines) or f"(nothing in {path})"
