"""mTLS between services, by files that may be renewed while the process runs.

A service's certificate carries two names: `DNS:<service>`, by which its callers know the server, and
`URI:spiffe://rookery/<service>`, by which servers know a caller.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc

from rookery_common.config import BaseServiceSettings

SPIFFE_PREFIX = "spiffe://rookery/"
_SAN_KEY = "x509_subject_alternative_name"


class TlsFiles:
    """Certificate, key and trust bundle, read again whenever one of them changes."""

    def __init__(self, cert: str, key: str, ca: str) -> None:
        self._cert, self._key, self._ca = Path(cert), Path(key), Path(ca)

    @classmethod
    def of(cls, settings: BaseServiceSettings) -> TlsFiles | None:
        """None where calls are plaintext."""
        if not settings.tls:
            return None
        return cls(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file)

    def version(self) -> tuple[int, ...]:
        """Changes when a file does, also when a mounted folder is swapped as a whole."""
        stats = [os.stat(path) for path in (self._cert, self._key, self._ca)]
        return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a client that shows this certificate."""
        return grpc.ssl_channel_credentials(self._ca.read_bytes(), self._key.read_bytes(), self._cert.read_bytes())

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server that asks callers for theirs; looks for renewed files at each handshake."""
        loaded, current = self.version(), self._configuration()

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal loaded, current
            try:
                version = self.version()
                if version == loaded:
                    return None
                current, loaded = self._configuration(), version
            except OSError:
                return None  # half way through a renewal: the next handshake looks again
            return current

        # types-grpcio knows no None, by which gRPC is told that nothing changed.
        return grpc.dynamic_ssl_server_credentials(current, fetch, require_client_authentication=True)  # type: ignore[arg-type]

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self._key.read_bytes(), self._cert.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], self._ca.read_bytes())


def service_of(auth_context: Mapping[str, Iterable[bytes]]) -> str:
    """The service that a verified certificate names; empty when it names none, or more than one."""
    names = [name.decode() for name in auth_context.get(_SAN_KEY, ()) if name.startswith(SPIFFE_PREFIX.encode())]
    return names[0].removeprefix(SPIFFE_PREFIX) if len(names) == 1 else ""
