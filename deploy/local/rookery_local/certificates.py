"""An instance's own certificate authority: certificates for its engines, by address, and for its services, by name."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=365)
_PEM = serialization.Encoding.PEM
_PLAIN = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM, and the authority's certificate."""

    chain: str
    key: str
    authority: str

    @property
    def keystore(self) -> str:
        """Both in one file, as Java's engines read them."""
        return self.key + self.chain


class Authority:
    """Lives in a folder; made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key_file = folder / "ca.key"

    def for_engine(self, name: str, host: str) -> Certificate:
        """For a server at this address."""
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(host)), x509.DNSName("localhost")]
        return self._issue(name, names)

    def for_service(self, service: str, host: str) -> tuple[Path, Path]:
        """The files of a service's certificate and key, with both of its names and its address; kept once made."""
        certificate, key = self._folder / f"{service}.pem", self._folder / f"{service}.key"
        if not certificate.exists():
            names: list[x509.GeneralName] = [
                x509.DNSName(service),
                x509.UniformResourceIdentifier(f"spiffe://rookery/{service}"),
                x509.IPAddress(ipaddress.ip_address(host)),
            ]
            issued = self._issue(service, names)
            _write(key, issued.key)
            _write(certificate, issued.chain)
        return certificate, key

    def _issue(self, name: str, names: Sequence[x509.GeneralName]) -> Certificate:
        authority, signer = self._load()
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _builder(_name(name), authority.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        certificate = builder.sign(signer, hashes.SHA256())
        return Certificate(
            certificate.public_bytes(_PEM).decode(),
            key.private_bytes(_PEM, *_PLAIN).decode(),
            authority.public_bytes(_PEM).decode(),
        )

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if not self.file.exists():
            self._make()
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._key_file} holds no key of an elliptic curve")
        return x509.load_pem_x509_certificate(self.file.read_bytes()), key

    def _make(self) -> None:
        self._folder.mkdir(mode=0o755, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Rookery on one machine")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        _write(self._key_file, key.private_bytes(_PEM, *_PLAIN).decode())
        self.file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(_PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _write(path: Path, text: str) -> None:
    """So that only its owner reads it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
