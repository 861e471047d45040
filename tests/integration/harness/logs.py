"""What the services logged while a test ran, for the report of one that failed."""

from __future__ import annotations

import json
from pathlib import Path

from harness.platform import required

QUIET = {"debug", "info"}
LINES_PER_SERVICE = 15


class Logs:
    """The services' log files, from where they were when the test began."""

    def __init__(self) -> None:
        folder = Path(required("ROOKERY_INSTANCE")) / "logs"
        self._starts = {path: path.stat().st_size for path in folder.glob("*.log")}

    def complaints(self) -> str:
        """The last warnings and errors of each service since then, a line each."""
        lines: list[str] = []
        for path, start in self._starts.items():
            with path.open(errors="replace") as file:
                file.seek(start)
                found = [line for line in map(str.strip, file) if _complains(line)]
            lines += (f"{path.stem}: {line}" for line in found[-LINES_PER_SERVICE:])
        return "\n".join(lines)


def _complains(line: str) -> bool:
    """Whether a line of ours says more than that all is well; engines' lines are not ours."""
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and "event" in entry and entry.get("level") not in QUIET
