"""Keycloak, which signs in the people of the directory, for the portal as its client over OIDC and SAML."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from voice_lab import files, pki, processes
from voice_lab.context import Lab
from voice_lab.identity import login, realms
from voice_lab.node import plan
from voice_lab.services import directory
from voice_lab.tools import keycloak

REQUIRES = ("directory",)
PACKAGES = keycloak.PACKAGES
NAME = "identity"
PORTAL_KEY = "portal-saml"
"""Name of the key and certificate in the lab's `pki` with which the portal signs SAML requests."""
HOST = "127.0.0.1"


def install() -> None:
    """Have Keycloak, built, and its realms but for what differs from lab to lab."""
    keycloak.template(realms.realms(realms.BLANKS))


def start(lab: Lab) -> None:
    """Start it; what an earlier start left in its folder, it still knows."""
    folder = _folder(lab)
    if not folder.exists():
        _prepare(lab, folder)
    command = keycloak.command(folder, "start", *_options(lab))
    processes.start(lab.folder, NAME, command, env=keycloak.environment(folder), cwd=folder)


def healthy(lab: Lab) -> bool:
    """Tell whether every realm answers."""
    processes.check(lab.folder, NAME)
    try:
        with login.browser(authority(lab), seconds=5) as client:
            answers = [client.get(f"{issuer(lab, realm)}/.well-known/openid-configuration") for realm in realms.REALMS]
    except httpx.HTTPError:
        return False
    return all(answer.status_code == httpx.codes.OK for answer in answers)


def stop(lab: Lab) -> None:
    """End it."""
    processes.stop(lab.folder, NAME)


def issuer(lab: Lab, realm: str) -> str:
    """Return a realm's issuer; its SAML entity ID is the same."""
    return f"{lab.identity_url}/realms/{realm}"


def client_secret_file(lab: Lab, realm: str) -> Path:
    """Return the file with the secret of the portal's OIDC client in a realm."""
    return lab.folder / "secrets" / f"oidc-{realm}"


def authority(lab: Lab) -> Path:
    """Return the file of the certificate authority that signed its certificate."""
    return lab.folder / "pki" / "ca.pem"


def _prepare(lab: Lab, folder: Path) -> None:
    """Make its keys, and its folder, with what is this lab's own of the realms filled in."""
    keys = lab.folder / "pki"
    pki.issue(keys, NAME, hosts=(HOST, "localhost", plan.IDENTITY_NAME))
    pki.issue(keys, PORTAL_KEY, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for realm, secret in _client_secrets(lab).items():
        files.write_private(client_secret_file(lab, realm), secret)
    with files.filling(folder) as partial:
        partial.chmod(0o700)
        keycloak.prepare(partial, realms.realms(realms.BLANKS), realms.fillings(_wiring(lab)))


def _folder(lab: Lab) -> Path:
    return lab.folder / NAME


def _wiring(lab: Lab) -> realms.Wiring:
    certificate = x509.load_pem_x509_certificate((lab.folder / "pki" / f"{PORTAL_KEY}.pem").read_bytes())
    return realms.Wiring(
        portal=lab.portal_url,
        directory=directory.url(lab),
        reader_password=lab.passwords["directory-reader"],
        client_secrets=_client_secrets(lab),
        password_hash=realms.hash_of(lab.passwords["demo"]),
        certificate=base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
    )


def _client_secrets(lab: Lab) -> dict[str, str]:
    return {realm: lab.passwords[f"oidc-{realm}"] for realm in realms.REALMS}


def _options(lab: Lab) -> list[str]:
    keys = lab.folder / "pki"
    return [
        "--http-enabled=false",
        f"--http-host={HOST}",
        f"--https-port={lab.ports['identity']}",
        f"--https-certificate-file={keys / f'{NAME}.pem'}",
        f"--https-certificate-key-file={keys / f'{NAME}.key'}",
        f"--hostname={lab.identity_url}",
        f"--truststore-paths={authority(lab)}",
        "--cache=local",  # otherwise it looks for others of its kind, and listens for them at every address
        "--log-level=warn",
    ]
