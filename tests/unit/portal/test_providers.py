"""The file of the providers of identity: what it becomes, and how each fault of it is told."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.config.env import Env, InvalidEnvironment
from voice_portal.config.providers import metadata, reading
from voice_portal.config.providers.model import Oidc, Providers, Saml

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def pem(key: Any) -> str:
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return str(key.private_bytes(*encoding).decode())


def certificate(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


CERTIFICATE = certificate(KEY)
METADATA = f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
entityID="https://adfs.example/trust"><md:IDPSSODescriptor><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
<ds:X509Data><ds:X509Certificate>{"".join(CERTIFICATE.splitlines()[1:-1])}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
</md:KeyDescriptor><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
Location="https://adfs.example/adfs/ls/"/><md:SingleSignOnService
Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://adfs.example/post"/><md:SingleSignOnService
Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://adfs.example/adfs/ls/"/>
</md:IDPSSODescriptor></md:EntityDescriptor>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "secret": "s\n", "empty": "", "key": pem(KEY), "crt": CERTIFICATE, "other.crt": certificate(OTHER),
        "ec.key": pem(ec.generate_private_key(ec.SECP256R1())), "metadata.xml": METADATA, "ca.pem": CERTIFICATE,
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


OIDC = {
    "name": "acme", "protocol": "oidc", "issuer": "https://login.example/v2.0", "clientId": "c",
    "clientSecretFile": "{folder}/secret",
}  # fmt: skip
SAML = {"name": "globex", "protocol": "saml", "metadataFile": "{folder}/metadata.xml"}
OWN = {"keyFile": "{folder}/key", "certificateFile": "{folder}/crt"}


def filled(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, folder) for name, each in value.items()}
    return value.replace("{folder}", str(folder)) if isinstance(value, str) else value


def parsed(folder: Path, *providers: dict[str, Any], **more: Any) -> Providers:
    document = {"providers": [filled(each, folder) for each in providers], **filled(more, folder)}
    return reading.parse(document, "providers.toml")


def test_everything_that_can_be_set_is_read(folder: Path) -> None:
    more = {
        "displayName": "Acme", "emailDomains": ["ACME.example"], "staffGroups": ["staff"], "groupsClaim": "roles",
        "uidClaim": "oid", "tenants": ["AAAA"], "scopes": ["User.Read"], "graphUrl": "https://graph.example",
        "caFile": "{folder}/ca.pem",
    }  # fmt: skip
    found = parsed(folder, {**OIDC, **more}, SAML, saml=OWN)
    acme, globex = found.by_name["acme"], found.by_name["globex"]
    assert isinstance(acme, Oidc)
    assert isinstance(globex, Saml)
    assert (acme.display_name, acme.email_domains, acme.tenants) == ("Acme", {"acme.example"}, {"aaaa"})
    assert (acme.claims.uid, acme.claims.groups, acme.client_secret.read()) == ("oid", "roles", "s")
    assert (globex.entity_id, globex.sso_url) == ("https://adfs.example/trust", "https://adfs.example/adfs/ls/")
    assert globex.slo_url == "https://adfs.example/adfs/ls/"
    assert x509.load_pem_x509_certificate(globex.certificates[0].encode()).public_key() == KEY.public_key()
    assert found.service_provider is not None


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "Acme"}, "provider Acme: name must be small letters, digits and '-', at most 63, not 'Acme'"),
    ({"name": "local"}, "name must be another than 'local', whose address is taken"),
    ({"name": ""}, "name must be a line of text, not ''"),
    ({"protocol": "ldap"}, "protocol must be 'oidc' or 'saml', not 'ldap'"),
    ({"issuer": "http://login.example"}, "issuer must be an https:// URL, without a query, not 'http://login.example'"),
    ({"issuer": "https://user@login.example"}, "issuer must be an https:// URL"),
    ({"issuer": "https://login.example/?x=1"}, "issuer must be an https:// URL, without a query"),
    ({"issuer": "https://login.example:x/"}, "issuer must be an https:// URL"),
    ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "tenants must list those that are let in"),
    ({"clientId": None}, "clientId is missing"),
    ({"clientId": 7}, "clientId must be a line of text, not 7"),
    ({"clientId": "a\nb"}, "clientId must be a line of text"),
    ({"clientSecretFile": "{folder}/none"}, "none, which is not there: is the Secret mounted, with that key?"),
    ({"clientSecretFile": "{folder}/empty"}, "empty, which is empty: put the value itself into it"),
    ({"emailDomains": ["@acme.example"]}, "emailDomains must be domains such as example.net, not '@acme.example'"),
    ({"emailDomains": "acme.example"}, "emailDomains must be a list of lines of text"),
    ({"staffGroups": [""]}, "staffGroups must be a list of lines of text"),
    ({"caFile": "{folder}/none"}, "none is not there: is the ConfigMap or Secret mounted, with that key?"),
    ({"caFile": "{folder}/secret"}, "secret holds no certificate: it must be the authority's, in PEM"),
    ({"isuer": "x"}, "there is no setting 'isuer': is 'issuer' meant?"),
    ({"qqqq": "x"}, "there is no setting 'qqqq'"),
]


@pytest.mark.parametrize(("changes", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_each_fault_is_told_in_a_sentence(folder: Path, changes: dict[str, Any], told: str) -> None:
    values = {name: value for name, value in {**OIDC, **changes}.items() if value is not None}
    with pytest.raises(reading.Faults) as caught:
        parsed(folder, values)
    assert len(caught.value.faults) == 1
    assert told in caught.value.faults[0]
    assert caught.value.faults[0].startswith("providers.toml, provider ")


def test_all_faults_are_told_at_once_and_those_that_may_pass_are_known(folder: Path) -> None:
    with pytest.raises(reading.Faults) as caught:
        parsed(
            folder, {**OIDC, "clientSecretFile": "{folder}/empty"}, {**OIDC, "issuer": "x"}, {"protocol": "oidc"}, x=1
        )
    text = str(caught.value)
    for part in ("empty, which is empty", "issuer must be", "provider 3: name is missing", "'acme'", "setting 'x'"):
        assert part in text
    assert [fault for fault in caught.value.contents if "empty, which is empty" in fault] == caught.value.contents


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (None, "a provider by SAML needs the portal's own key: [saml] with keyFile and certificateFile"),
        ({"keyFile": "{folder}/secret", "certificateFile": "{folder}/crt"}, "keyFile must be an RSA key in PEM"),
        ({"keyFile": "{folder}/ec.key", "certificateFile": "{folder}/crt"}, "keyFile must be an RSA key in PEM"),
        (
            {"keyFile": "{folder}/key", "certificateFile": "{folder}/key"},
            "certificateFile must be a certificate in PEM",
        ),
        ({"keyFile": "{folder}/key", "certificateFile": "{folder}/other.crt"}, "is of another key than keyFile"),
    ],
)
def test_faults_of_the_portals_own_key_are_told(folder: Path, own: dict[str, str] | None, told: str) -> None:
    with pytest.raises(reading.Faults) as caught:
        parsed(folder, SAML, **({"saml": own} if own else {}))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no XML"),
        ("<a/>", "must describe one provider of identity, and describes 0"),
        (METADATA.replace("HTTP-Redirect", "SOAP"), "names no SingleSignOnService with the binding HTTP-Redirect"),
        (METADATA.replace('use="signing"', 'use="encryption"'), "holds no certificate that assertions are signed with"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>', "is no XML"),
    ],
    ids=["empty", "another-document", "no-redirect", "no-signing-certificate", "entities"],
)
def test_metadata_that_cannot_be_used_say_why(text: str, told: str) -> None:
    with pytest.raises(metadata.NoMetadata, match=told):
        metadata.read(text)


def test_a_file_that_is_not_toml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    for content, told in ((b"[[providers]", "is not TOML"), (b"\xff", "is not text in UTF-8"), (None, "is not there")):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        with pytest.raises(reading.Faults, match=told):
            reading.read(path)


def test_the_portals_start_tells_these_faults_among_all_others(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text('[[providers]]\nname = "a"\nprotocol = "oidc"\n')
    environ = {"VOICE_PORTAL_PROVIDERS_FILE": str(path), "VOICE_PORTAL_SESSION_IDLE_MINUTES": "0"}
    with pytest.raises(InvalidEnvironment) as caught:
        Env.read(environ)
    text = str(caught.value)
    assert f"{path}, provider a: issuer is missing" in text
    assert "VOICE_MYSQL_HOST is not set" in text
    assert "VOICE_PORTAL_SESSION_IDLE_MINUTES must be a whole number above 0, not '0'" in text
    assert not caught.value.may_pass


def read_or_told(document: dict[str, Any]) -> Providers | list[str]:
    try:
        return reading.parse(document, "x")
    except reading.Faults as error:
        return error.faults


@given(st.text(max_size=40))
def test_no_text_at_all_breaks_the_reading(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert read_or_told(document) is not None


KINDS = (st.text(max_size=8), st.integers(), st.booleans(), st.lists(st.text(max_size=4), max_size=3), st.none())
NAMES = st.sampled_from([*OIDC, *SAML, "tenants", "scopes", "graphUrl", "emailDomains", "certificates", "ssoUrl", "x"])
TABLES = st.dictionaries(NAMES, st.one_of(*KINDS), max_size=8)


@given(st.lists(TABLES, max_size=3), st.none() | TABLES)
def test_any_table_is_read_or_told(tables: list[dict[str, Any]], own: dict[str, Any] | None) -> None:
    found = read_or_told({"providers": tables, **({"saml": own} if own is not None else {})})
    if isinstance(found, Providers):
        assert len(found.by_name) == len(tables)
    else:
        assert all(fault.startswith("x") for fault in found)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a@acme.example", "acme"), (" A@ACME.EXAMPLE ", "acme"), ("a@b@acme.example", "acme"),
        ("a@sub.acme.example", None), ("acme.example", None), ("@acme.example", None), ("a@", None), ("", None),
        ("a@acme.example.", None),
    ],
)  # fmt: skip
def test_an_address_leads_to_the_provider_of_exactly_its_domain(folder: Path, address: str, name: str | None) -> None:
    found = parsed(folder, {**OIDC, "emailDomains": ["acme.example"]}).of_address(address)
    assert (found and found.name) == name
