"""Folders of the cache appear complete or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rookery_local.cache import cache_folder


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` only when it is complete, and two others to throw away."""
    parent = cache_folder()
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
    try:
        fresh = work / "fresh"
        fresh.mkdir()
        yield fresh
        _make_readable(fresh)
        for folder in (parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        if not target.exists():
            fresh.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """The engines' user reads what root has downloaded, whatever root's umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            path.chmod(mode | (0o755 if path.is_dir() or mode & 0o100 else 0o644))
