"""The lab's keys: one certificate authority, and the certificates and signing keys that its services need."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 30

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def create_authority(folder: Path) -> None:
    """Write a new authority's `ca.pem` and `ca.key` to `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("voice lab")
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "ca", key, certificate)


def issue(
    folder: Path,
    name: str,
    *,
    hosts: tuple[str, ...] = (),
    organization: str | None = None,
    key: Key | None = None,
) -> None:
    """Write `name`.pem and `name`.key, signed by the authority in `folder`.

    Args:
        hosts: names and addresses that the certificate is valid for.
        organization: Kubernetes reads a client's group from it.
        key: its key; without it, a new one of the curve P-256.
    """
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name, organization), ca.subject, key)
    signed_with = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(signed_with, critical=False).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
        )
    _write(folder / name, key, builder.sign(ca_key, hashes.SHA256()))


def create_signing_key(path: Path) -> None:
    """Write a new RSA key for signing tokens (PEM, PKCS #8)."""
    _write_key(path, rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        # RFC 5280 wants each key named (4.2.1.1, 4.2.1.2), and Python takes no certificate without from 3.13 on.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, key: Key, certificate: x509.Certificate) -> None:
    _write_key(path.with_suffix(".key"), key)
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: Key) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
