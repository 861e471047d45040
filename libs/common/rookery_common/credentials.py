"""What a client of an engine shows and trusts: passwords and authorities, renewed while the process runs.

A password comes by value or by a file; a file is read again when it changes, at the next connection. An authority that
is added to a CA file is trusted from the next connection on; one that is taken out, after a restart.
"""

from __future__ import annotations

import os
import ssl
from typing import Any

from pydantic import SecretStr

Version = tuple[int, int, int]


class Secret:
    """A password or key: a value, or what a file holds now, without the line's end."""

    def __init__(self, value: SecretStr, file: str = "") -> None:
        self._value = value.get_secret_value()
        self._file = file
        self._version: Version | None = None

    def __bool__(self) -> bool:
        return bool(self._file or self._value)

    def current(self) -> str:
        """The value. Raises OSError or UnicodeDecodeError where the file can't be read and never could."""
        if self._file:
            try:
                version = version_of(self._file)
                if version != self._version:
                    with open(self._file, encoding="utf-8") as file:
                        self._value, self._version = file.read().rstrip("\r\n"), version
            except (OSError, UnicodeDecodeError):
                if self._version is None:
                    raise  # else it is half way through a renewal: the next connection looks again
        return self._value


def version_of(file: str) -> Version:
    """Changes when the file does, also when a mounted folder is swapped as a whole."""
    stat = os.stat(file)
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


class TrustContext(ssl.SSLContext):
    """For connections to an engine, whose certificate one of these authorities must have signed for its host's name."""

    _ca_file: str
    _version: Version

    @classmethod
    def of(cls, ca_file: str) -> TrustContext:
        """With the system's authorities where no file is named. Raises OSError where the file can't be read."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context._ca_file = ca_file
        if ca_file:
            context._version = version_of(ca_file)
            context.load_verify_locations(ca_file)
        else:
            context.load_default_certs()
        return context

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        self._renew()
        return super().wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        self._renew()
        return super().wrap_bio(*args, **options)

    def _renew(self) -> None:
        if not self._ca_file:
            return
        try:
            version = version_of(self._ca_file)
            if version != self._version:
                self.load_verify_locations(self._ca_file)
                self._version = version
        except OSError:  # also of what is no certificate yet: the next connection looks again
            return
