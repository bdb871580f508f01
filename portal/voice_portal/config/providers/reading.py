"""Reads the file of the providers, and says of everything in it what is wrong, at once."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from voice_portal.config.providers import metadata
from voice_portal.config.providers.model import Claims, Oidc, Providers, Saml, ServiceProvider
from voice_portal.config.providers.table import Table
from voice_portal.config.secretfile import UnreadableSecret

# Whose addresses are something else.
RESERVED = frozenset({"local"})
# Of Microsoft Entra ID: whoever has an account with any company has one there.
EVERYBODYS = tuple(f"https://login.microsoftonline.com/{kind}/" for kind in ("common", "organizations", "consumers"))


class Faults(Exception):
    """What is wrong, a sentence each; `contents`: those that may pass, as they are of what other files hold."""

    def __init__(self, faults: list[str], contents: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults, self.contents = faults, contents


def read(path: Path) -> Providers:
    """The providers that the TOML file `path` describes; raises Faults."""
    try:
        text = path.read_bytes().decode()
        document = tomllib.loads(text)
    except FileNotFoundError as error:
        raise Faults([f"{path} is not there: is the ConfigMap mounted, with that key?"], []) from error
    except OSError as error:
        raise Faults([f"{path} cannot be read: {error.strerror}"], []) from error
    except UnicodeDecodeError as error:
        raise Faults([f"{path} is not text in UTF-8"], []) from error
    except tomllib.TOMLDecodeError as error:
        raise Faults([f"{path} is not TOML: {error}"], []) from error
    return parse(document, str(path))


def parse(document: dict[str, Any], where: str) -> Providers:
    """The providers in a document that was read from `where`; raises Faults."""
    faults: list[str] = []
    contents: list[str] = []
    found = []
    for number, values in enumerate(_tables(document, where, faults), 1):
        name = values.get("name")
        table = Table(values, f"{where}, provider {name if isinstance(name, str) else number}", faults, contents)
        found.append(_provider(table))
        table.end()
    own = document.get("saml")
    service_provider = None
    if isinstance(own, dict):
        service_provider = _service_provider(Table(own, f"{where}, [saml]", faults, contents))
    elif any(isinstance(one, Saml) for one in found):
        faults.append(
            f"{where}: a provider by SAML needs the portal's own key: [saml] with keyFile and certificateFile"
        )
    faults += [f"{where}: there is no setting {key!r}" for key in sorted(document.keys() - {"providers", "saml"})]
    faults += _twice(where, found)
    if faults:
        raise Faults(faults, contents)
    return Providers(by_name={one.name: one for one in found}, service_provider=service_provider)


def _tables(document: dict[str, Any], where: str, faults: list[str]) -> list[dict[str, Any]]:
    tables = document.get("providers", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        faults.append(f"{where}: providers must be tables: [[providers]]")
        return []
    return tables


def _provider(table: Table) -> Oidc | Saml:
    protocol = table.text("protocol")
    if protocol not in ("", "oidc", "saml"):
        table.wrong(f"protocol must be 'oidc' or 'saml', not {protocol!r}")
    name = table.label("name")
    if name in RESERVED:
        table.wrong(f"name must be another than {name!r}, whose address is taken")
    common: dict[str, Any] = {
        "name": name,
        "display_name": table.text("displayName", name),
        "email_domains": table.domains("emailDomains"),
        "staff_groups": frozenset(table.texts("staffGroups")),
        "ca_file": table.authorities("caFile"),
    }
    return _saml(table, common) if protocol == "saml" else _oidc(table, common)


def _oidc(table: Table, common: dict[str, Any]) -> Oidc:
    claims = Claims(
        uid=table.text("uidClaim", "sub"),
        groups=table.text("groupsClaim", "groups"),
        login=table.text("loginClaim", "preferred_username"),
        name=table.text("nameClaim", "name"),
        email=table.text("emailClaim", "email"),
    )
    issuer, tenants = table.url("issuer"), frozenset(one.lower() for one in table.texts("tenants"))
    if issuer.startswith(EVERYBODYS) and not tenants:
        table.wrong("issuer is that of every company: tenants must list those that are let in")
    return Oidc(
        **common,
        claims=claims,
        issuer=issuer,
        client_id=table.text("clientId"),
        client_secret=table.secret("clientSecretFile"),
        tenants=tenants,
        scopes=table.texts("scopes"),
        graph_url=table.url("graphUrl", ""),
    )


def _saml(table: Table, common: dict[str, Any]) -> Saml:
    claims = Claims(
        uid=table.text("uidClaim", ""),
        groups=table.text("groupsClaim", "groups"),
        login=table.text("loginClaim", ""),
        name=table.text("nameClaim", "name"),
        email=table.text("emailClaim", "email"),
    )
    if table.has("metadataFile"):
        described = _described(table)
        given = (described.entity_id, described.sso_url, described.slo_url, described.certificates)
    else:
        given = (table.text("entityId"), table.url("ssoUrl"), table.url("sloUrl", ""), table.pems("certificates"))
    entity_id, sso_url, slo_url, certificates = given
    return Saml(
        **common, claims=claims, entity_id=entity_id, sso_url=sso_url, slo_url=slo_url, certificates=certificates
    )


def _described(table: Table) -> metadata.Metadata:
    """What the metadata in a file say; empty where they are wrong."""
    file = table.secret("metadataFile")
    try:
        return metadata.read(file.read())
    except metadata.NoMetadata as error:
        table.wrong(f"metadataFile {error}")
    except UnreadableSecret:
        pass  # is noted already
    return metadata.Metadata("", "", "", ())


def _service_provider(table: Table) -> ServiceProvider:
    own = ServiceProvider(key=table.secret("keyFile"), certificate=table.secret("certificateFile"))
    if table.is_fine:
        _look_at_pair(table, own.key.read(), own.certificate.read())
    table.end()
    return own


def _look_at_pair(table: Table, key: str, certificate: str) -> None:
    """Note what is wrong with a key and its certificate."""
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, RSAPrivateKey):
        table.wrong("keyFile must be an RSA key in PEM, without a password")
        return
    try:
        public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    except ValueError:
        table.wrong("certificateFile must be a certificate in PEM")
        return
    if private.public_key() != public:
        table.wrong("certificateFile is of another key than keyFile")


def _twice(where: str, found: list[Oidc | Saml]) -> list[str]:
    names = Counter(one.name for one in found if one.name)
    domains = Counter(domain for one in found for domain in one.email_domains)
    return [
        *(f"{where}: two providers are called {name!r}" for name, count in names.items() if count > 1),
        *(f"{where}: two providers have the e-mail domain {name!r}" for name, count in domains.items() if count > 1),
    ]
