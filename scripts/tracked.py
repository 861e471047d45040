"""Refuses what no tracked file may say: `tracked.py FILE...`.

The repository is cloned onto other machines and installed through other indexes, so it names no package index, no path
of one machine, and no lock file that writes an index into each of its entries.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

INDEX = re.compile(
    r"(?i)(index[-_]url|extra[-_]index|registry|resolved|goproxy|proxy)\W{1,6}https?://(?!localhost|127\.)"
)
# The home of root or of a user, a checkout's folder, a temporary file that one run made.
MACHINE = re.compile(r"(?:^|[\s\"'=:(`])/(?:root|work|home/[a-z]\w*)/")
LOCKS = {"uv.lock"}


def problems(path: Path) -> Iterator[str]:
    if path.name in LOCKS:
        yield f"{path}: the one lock is requirements.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # a picture or another binary
    for number, line in enumerate(text.splitlines(), start=1):
        if INDEX.search(line):
            yield f"{path}:{number}: names a package index"
        if MACHINE.search(line):
            yield f"{path}:{number}: names a path of one machine"


if __name__ == "__main__":
    names = [Path(name) for name in sys.argv[1:]]
    sys.exit("\n".join(line for path in names if path.is_file() for line in problems(path)) or None)
