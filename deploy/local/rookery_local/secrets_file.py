"""An instance's passwords and keys: made when first asked for, kept in one file that only its owner reads."""

import base64
import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path


class Secrets:
    """Random values by name. A new name gets a value at once, so that an old instance learns of a new service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def password(self, name: str) -> str:
        """192 random bits, safe in URLs, SQL and config files (letters and digits)."""
        return self._get(name, lambda: secrets.token_hex(24))

    def key(self, name: str) -> str:
        """32 random bytes in base64: a key-encryption key."""
        return self._get(name, lambda: base64.b64encode(secrets.token_bytes(32)).decode())

    def _get(self, name: str, make: Callable[[], str]) -> str:
        with self._lock:
            if name not in self._values:
                self._values[name] = make()
                self._save()
            return self._values[name]

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._values, file, indent=1, sort_keys=True)
        fresh.replace(self._path)
