"""Files of the archive in S3, made and stored by a process of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from pydantic import SecretStr

from analytics_service.errors import NotStored
from analytics_service.models import ArchivedEvent
from rookery_common.config import S3Settings

STORE_SECONDS: Final = 60.0
_COMMAND: Final = (sys.executable, "-m", "analytics_service.archivist")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a file."""

    bytes: int
    sha256: str


class FileStore:
    """Stores lists of events as files, all of a call by one process."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = _plain(settings)

    async def store(self, files: Mapping[str, Sequence[ArchivedEvent]]) -> dict[str, Stored]:
        """A file of each key. Raises NotStored: some of them may be there, and may be stored again."""
        work = {
            "s3": self._settings,
            "files": [{"key": key, "rows": [astuple(event) for event in events]} for key, events in files.items()],
        }
        found = json.loads(await asyncio.to_thread(_run, json.dumps(work).encode()))
        return {key: Stored(**stored) for key, stored in zip(files, found, strict=True)}


def _run(work: bytes) -> bytes:
    """In a thread: the interpreter's own way to start a process is a `vfork`, which does not disturb gRPC's threads."""
    try:
        done = subprocess.run(_COMMAND, input=work, stdout=subprocess.PIPE, timeout=STORE_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise NotStored("storing the archive's files took too long") from None
    if done.returncode != 0:
        raise NotStored(f"storing the archive's files ended with status {done.returncode}")
    return done.stdout


def _plain(settings: S3Settings) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in S3Settings.model_fields}
    return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}
