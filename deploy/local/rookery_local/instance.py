"""One copy of the platform: its folders, ports, secrets, and the system user that its engines run as."""

import grp
import hashlib
import json
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rookery_local import shell
from rookery_local.errors import LocalError
from rookery_local.ports import HOST, default_ports
from rookery_local.secrets_file import Secrets

REPOSITORY = Path(__file__).resolve().parents[3]
LOCAL = REPOSITORY / "deploy" / "local"
DEFAULT_ROOT = REPOSITORY / ".rookery" / "dev"
SYSTEM_USER = "rookery"
# The kernel's limit for the path of a unix socket is 108 bytes with the final zero.
SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True)
class Instance:
    """`root` holds settings, secrets, logs; `data` the engines' folders, elsewhere if their user cannot reach root.

    Every process listens on `host` alone."""

    root: Path
    data: Path
    ports: Mapping[str, int]
    secrets: Secrets
    user: str | None
    throwaway: bool = False
    host: str = HOST
    secure: bool = False

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.root / "logs"

    @property
    def url(self) -> str:
        """The gateway's public address."""
        return f"http://{self.host}:{self.ports['gateway']}"

    @property
    def flags(self) -> Path:
        """The services' feature flags."""
        return self.root / "flags.json"

    @property
    def limits(self) -> Path:
        """The gateway's rate limits."""
        return self.root / "limits.toml"

    @property
    def settings(self) -> Path:
        """The process manager's generated settings, with the services' secrets: its owner's alone."""
        return self.root / "supervisord.conf"

    @property
    def control(self) -> Path:
        """The process manager's socket; in the temporary folder if the path here would be too long."""
        path = self.root / "control.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"rookery-{os.getuid()}-{digest}.sock"

    @property
    def java_options(self) -> list[str]:
        """What every Java engine gets. One that lives for minutes never earns back what its second compiler costs."""
        quick = ["-XX:TieredStopAtLevel=1"] if self.throwaway else []
        return ["-XX:+UseSerialGC", "-XX:-UsePerfData", *quick]

    def log(self, name: str) -> Path:
        """A process's log."""
        return self.logs / f"{name}.log"

    def folder(self, engine: str, *parts: str) -> Path:
        """A folder that the engines' user owns alone."""
        path = self.data / engine
        self._own_folder(path)
        for part in parts:
            path = path / part
            self._own_folder(path)
        return path

    def write(self, path: Path, text: str) -> Path:
        """Writes an engine's settings so that only its user reads them."""
        fresh = path.with_name(path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self._own(fresh)
        fresh.replace(path)
        return path

    def as_engine_user(self, stop_signal: str = "TERM") -> list[str]:
        """The words before an engine's command: its user, and the signal it gets if its parent dies."""
        words = ["setpriv", f"--pdeathsig={stop_signal}"]
        if self.user is not None:
            words += [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return words

    def save(self, *, engines_only: bool) -> None:
        """Remembers what later commands need of a running instance."""
        state = {"data": str(self.data), "host": self.host, "ports": dict(self.ports), "engines_only": engines_only}
        state["secure"] = self.secure
        (self.root / "instance.json").write_text(json.dumps(state, indent=1))

    def delete(self) -> None:
        """Forgets everything: data, secrets, logs."""
        for path in {self.data, self.root}:
            shutil.rmtree(path, ignore_errors=True)
        self.control.unlink(missing_ok=True)

    def _own_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        self._own(path)

    def _own(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, pwd.getpwnam(self.user).pw_uid, grp.getgrnam(self.user).gr_gid)


def create(
    root: Path, ports: Mapping[str, int], *, throwaway: bool = False, host: str = HOST, secure: bool = False
) -> Instance:
    """Makes or reopens an instance's folders; one made without TLS stays without."""
    user = _engine_user()
    root = root.resolve()
    if (root / "instance.json").exists() and load(root).secure != secure:
        how = "without --secure" if secure else "with --secure"
        raise LocalError(f"The instance in {root} was made {how}: `reset` it, or name another by ROOKERY_INSTANCE.")
    for folder in (root, root / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
    data = _data_folder(root, user)
    instance = Instance(root, data, ports, Secrets(root / "secrets.json"), user, throwaway, host, secure)
    if not instance.flags.exists():
        instance.flags.write_text('{"flags": {}}\n')
    if not instance.limits.exists():
        shutil.copyfile(LOCAL / "config" / "limits.toml", instance.limits)
    return instance


def load(root: Path) -> Instance:
    """The instance as it was last started; an error if it never was."""
    root = root.resolve()
    path = root / "instance.json"
    if not path.exists():
        raise LocalError(f"There is no instance in {root}: start one with `make up`.")
    state = json.loads(path.read_text())
    user = SYSTEM_USER if os.getuid() == 0 else None
    secrets = Secrets(root / "secrets.json")
    host, secure = state.get("host", HOST), state.get("secure", False)
    # It may have been started before there was some engine.
    ports = default_ports() | state["ports"]
    return Instance(root, Path(state["data"]), ports, secrets, user, host=host, secure=secure)


def started_engines_only(root: Path) -> bool:
    """Whether the last start left the services out."""
    path = root / "instance.json"
    return path.exists() and bool(json.loads(path.read_text())["engines_only"])


def is_listening(port: int) -> bool:
    """Whether something answers on a port of ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _engine_user() -> str | None:
    """Root's engines run as a system user of their own, because Postgres and Elasticsearch refuse root."""
    if os.getuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        words = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        shell.run([*words, "--shell", "/usr/sbin/nologin", SYSTEM_USER])
    return SYSTEM_USER


def _data_folder(root: Path, user: str | None) -> Path:
    """Under the instance, or under /var/lib/rookery if a folder above it is closed to the engines' user."""
    data = root / "data"
    data.mkdir(exist_ok=True)
    data.chmod(0o711)
    if user is None or _can_enter(user, data):
        return data
    data.rmdir()
    elsewhere = Path("/var/lib/rookery") / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    elsewhere.mkdir(parents=True, exist_ok=True)
    for folder in (elsewhere.parent, elsewhere):
        folder.chmod(0o711)
    return elsewhere


def _can_enter(user: str, folder: Path) -> bool:
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "test", "-x", str(folder)]
    try:
        shell.run(words)
    except LocalError:
        return False
    return True
