"""Installing what the engines need: Debian's packages, Java archives, the S3 server. Each once, whole or not at all."""

import hashlib
import tempfile
import threading
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rookery_local import cache, debian, go_programs, shell
from rookery_local.errors import LocalError
from rookery_local.go_programs import PROGRAMS
from rookery_local.instance import LOCAL
from rookery_local.progress import Board, megabytes, say
from rookery_local.whole import whole

HASHES = LOCAL / "engines.sha256"


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
    versitygw = PROGRAMS["versitygw"]
    if not versitygw.path.exists():
        build = partial(go_programs.install, versitygw, partial(_pulse, board, versitygw.name))
        tasks[versitygw.name] = partial(after_packages, build)
    return tasks


def _pulse(board: Board, name: str, folder: Path | None, text: str = "") -> None:
    """Shows how much has arrived; gives up when another task has failed."""
    board.pause(0)
    if folder is not None:
        text = f"{megabytes(folder)} MB {text}"
    board.tell(name, text)


def _install_jars(board: Board, engine: str) -> None:
    with whole(cache.jars(engine)) as folder:
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
