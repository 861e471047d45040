"""mTLS: the caller is whom its certificate names, and certificates are renewed while all runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rookery.feed.v1.feed_service_pb2 import AddOwnPostRequest, AddOwnPostResponse
from rookery_common.config import BaseServiceSettings
from rookery_common.errors import PermissionDenied, Unavailable
from rookery_common.rpc.tls import service_of
from rookery_common.testing.rpc import settings_of


class Authority:
    """A certificate authority that issues to services."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._cert = (
            self._builder(self._name, self._key).add_extension(constraints, True).sign(self._key, hashes.SHA256())
        )

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(minutes=1)).not_valid_after(now + timedelta(hours=1))

    def issue(self, service: str) -> dict[str, str]:
        """Writes a service's files, and gives the settings that name them."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(service), x509.UniformResourceIdentifier(f"spiffe://rookery/{service}")]
        builder = self._builder(x509.Name([]), key).add_extension(x509.SubjectAlternativeName(names), True)
        cert = builder.sign(self._key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        files = {
            "tls_cert_file": cert.public_bytes(pem),
            "tls_key_file": key.private_bytes(pem, *plain),
            "tls_ca_file": self._cert.public_bytes(pem),
        }
        for name, content in files.items():
            (self._folder / f"{service}.{name}").write_bytes(content)
        return {name: str(self._folder / f"{service}.{name}") for name in files}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def secured(authority: Authority, service: str) -> BaseServiceSettings:
    return settings_of(service, **authority.issue(service))


async def ok(request: Any, context: Any) -> AddOwnPostResponse:
    return AddOwnPostResponse()


async def test_the_caller_is_whom_its_certificate_names(network: Any, authority: Authority) -> None:
    server = await network.serve_feed(
        {"AddOwnPost": ok}, settings=secured(authority, "feed"), allowed_callers={"*": frozenset({"gateway"})}
    )
    client = await network.feed_client(server.port, settings=secured(authority, "gateway"))
    assert await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5) == AddOwnPostResponse()


async def test_the_word_of_a_caller_counts_for_nothing_where_there_are_certificates(
    network: Any, authority: Authority
) -> None:
    server = await network.serve_feed(
        {"AddOwnPost": ok}, settings=secured(authority, "feed"), allowed_callers={"*": frozenset({"gateway"})}
    )
    says_gateway = settings_of("gateway", **authority.issue("search"))
    client = await network.feed_client(server.port, settings=says_gateway)
    with pytest.raises(PermissionDenied):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)


async def test_a_caller_without_a_certificate_is_not_heard(network: Any, authority: Authority) -> None:
    server = await network.serve_feed({"AddOwnPost": ok}, settings=secured(authority, "feed"))
    client = await network.feed_client(server.port)
    with pytest.raises(Unavailable):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)


async def test_a_server_with_another_service_s_certificate_is_not_believed(network: Any, authority: Authority) -> None:
    server = await network.serve_feed({"AddOwnPost": ok}, settings=secured(authority, "search"))
    client = await network.feed_client(server.port, settings=secured(authority, "gateway"))
    with pytest.raises(Unavailable):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)


async def test_renewed_certificates_are_used_without_a_restart(
    network: Any, authority: Authority, tmp_path: Path
) -> None:
    settings = secured(authority, "feed"), secured(authority, "gateway")
    server = await network.serve_feed({"AddOwnPost": ok}, settings=settings[0])
    client = await network.feed_client(server.port, settings=settings[1])
    await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
    successor = Authority(tmp_path)  # with a key of its own: what was issued before is worth nothing with it
    successor.issue("feed")
    successor.issue("gateway")
    renewed = await network.feed_client(server.port, settings=settings[1])
    assert await renewed.call("AddOwnPost", AddOwnPostRequest(), timeout=5) == AddOwnPostResponse()
    client._channel.reload_if_renewed()
    assert await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5) == AddOwnPostResponse()


def test_a_certificate_that_names_no_service_or_two_names_none() -> None:
    key = "x509_subject_alternative_name"
    assert service_of({key: [b"feed", b"spiffe://rookery/feed"]}) == "feed"
    assert service_of({key: [b"feed"]}) == ""
    assert service_of({key: [b"spiffe://rookery/feed", b"spiffe://rookery/auth"]}) == ""
    assert service_of({}) == ""
