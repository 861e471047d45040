"""Passwords and authorities are renewed while the process runs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from rookery_common.clients.postgres_access import PgAccess
from rookery_common.clients.redis import RedisAccess
from rookery_common.credentials import Secret, TrustContext


def authority(name: str) -> str:
    """A certificate that vouches for others, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_secret_by_value_stays_what_it_is() -> None:
    assert Secret(SecretStr("hunter2")).current() == "hunter2"
    assert not Secret(SecretStr(""))


def test_a_secret_in_a_file_is_read_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old\n")
    secret = Secret(SecretStr("not this"), str(file))
    assert secret
    assert secret.current() == "old"
    file.write_text("newer")
    assert secret.current() == "newer"


def test_a_secret_whose_file_is_being_renewed_is_the_last_one_read(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    secret = Secret(SecretStr(""), str(file))
    assert secret.current() == "old"
    file.write_bytes(b"\xff\xfe")
    assert secret.current() == "old"
    file.unlink()
    assert secret.current() == "old"


def test_a_secret_whose_file_was_never_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Secret(SecretStr(""), str(tmp_path / "none")).current()


def test_trust_verifies_the_certificate_and_the_name(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority("one"))
    context = TrustContext.of(str(file))
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 1


def test_an_added_authority_is_trusted_from_the_next_connection_on(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    first = authority("one")
    file.write_text(first)
    context = TrustContext.of(str(file))
    file.write_text(first + authority("two"))
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    assert context.cert_store_stats()["x509_ca"] == 2


def test_a_file_of_authorities_that_is_half_written_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority("one"))
    context = TrustContext.of(str(file))
    file.write_text("-----BEGIN CERT")
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_missing_file_of_authorities_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TrustContext.of(str(tmp_path / "none"))


def test_the_password_in_the_url_gives_way_to_that_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file")
    access = RedisAccess(str(file), "/ca.pem")
    url, options = access.options("rediss://post:old@redis:6379/0")
    assert url == "rediss://redis:6379/0"
    assert options["credential_provider"].get_credentials() == ("post", "from the file")
    assert options["ssl_ca_certs"] == "/ca.pem"


def test_a_plain_url_is_left_as_it_is() -> None:
    assert RedisAccess("", "/ca.pem").options("redis://a:b@c:1/0") == ("redis://a:b@c:1/0", {})


def test_postgres_is_asked_nothing_more_than_the_dsn_says_without_settings() -> None:
    assert PgAccess().options() == {}
