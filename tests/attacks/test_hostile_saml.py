"""A provider by SAML that signs what it should not: each answer is signed with its true key, and wrong in one thing."""

from __future__ import annotations

import base64
import json
import re
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Words
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils

from tests import portal as portal_settings

portal_settings.set_up()

from tests.integration.portal.conftest import django_db, records  # noqa: E402, F401 - fixtures

pytestmark = [pytest.mark.services, pytest.mark.database]

PORTAL = "http://testserver"
ENTITY = "https://hostile.example/saml"
GROUPS_LINK = "http://schemas.microsoft.com/claims/groups.link"

RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" \
xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{unique}r" Version="2.0" IssueInstant="{now}" \
Destination="{destination}" InResponseTo="{request}"><saml:Issuer>{issuer}</saml:Issuer>\
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>{assertion}\
</samlp:Response>"""
ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" \
xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_{unique}a" \
Version="2.0" IssueInstant="{now}"><saml:Issuer>{issuer}</saml:Issuer><saml:Subject><saml:NameID \
Format="urn:oasis:names:tc:SAML:2.0:nameid-format:{format}">{name_id}</saml:NameID><saml:SubjectConfirmation \
Method="urn:oasis:names:tc:SAML:2.0:cm:{method}"><saml:SubjectConfirmationData NotOnOrAfter="{end}" \
Recipient="{recipient}" InResponseTo="{confirmed}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions \
NotBefore="{begin}" NotOnOrAfter="{end}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>\
</saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{now}" SessionIndex="_{unique}s">\
<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password\
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>{attributes}\
</saml:AttributeStatement></saml:Assertion>"""
ATTRIBUTE = '<saml:Attribute Name="{name}">{values}</saml:Attribute>'
VALUE = '<saml:AttributeValue xsi:type="xs:string">{text}</saml:AttributeValue>'


@dataclass(frozen=True)
class Keys:
    key: str
    certificate: str


def keys(name: str) -> Keys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Keys(key.private_bytes(*encoding).decode(), made.public_bytes(serialization.Encoding.PEM).decode())


PROVIDER, SOMEBODY_ELSE, OWN = keys("provider"), keys("another"), keys("portal")


@dataclass
class Told:
    """What an answer says; the usual is right."""

    values: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=lambda: {"groups": ["in"]})
    signed_by: Keys = PROVIDER
    signs: tuple[str, ...] = ("assertion",)
    algorithm: str = Words.RSA_SHA256
    digest: str = Words.SHA256
    is_encrypted: bool = False


class World:
    """The portal, its one hostile provider, and a client that the provider's group `in` may see."""

    def __init__(self, name: str, client: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.test import Client

        self.name, self.client, self._folder, self._monkeypatch = name, client, folder, monkeypatch
        self.browser = Client(raise_request_exception=False)
        (folder / "saml.key").write_text(OWN.key)
        (folder / "saml.crt").write_text(OWN.certificate)

    def set(self, uid: str = "") -> None:
        from django.conf import settings

        from voice_portal.config.providers.model import Claims, Providers, Saml, ServiceProvider
        from voice_portal.config.secretfile import SecretValue

        provider = Saml(
            name=self.name,
            display_name="Hostile",
            email_domains=frozenset(),
            staff_groups=frozenset({"staff"}),
            claims=Claims(uid=uid, groups="groups", login="", name="name", email="email"),
            entity_id=ENTITY,
            sso_url="https://hostile.example/sso",
            slo_url="",
            certificates=(PROVIDER.certificate,),
        )
        own = ServiceProvider(
            key=SecretValue("keyFile", path=self._folder / "saml.key"),
            certificate=SecretValue("certificateFile", path=self._folder / "saml.crt"),
        )
        providers = Providers(by_name={self.name: provider}, service_provider=own)
        self._monkeypatch.setattr(settings, "ENV", replace(settings.ENV, providers=providers))

    @property
    def complete(self) -> str:
        return f"{PORTAL}/login/{self.name}/complete/"

    def begin(self) -> None:
        page = self.browser.post(f"/login/{self.name}/").content.decode()
        onward = re.search(r'id="onward" href="([^"]+)"', page)
        assert onward, page
        self.asked = dict(parse_qsl(urlsplit(onward[1].replace("&amp;", "&")).query))
        self.request = etree.fromstring(zlib.decompress(base64.b64decode(self.asked["SAMLRequest"]), -15))

    def answer(self, told: Told) -> str:
        now, form = datetime.now(UTC), "%Y-%m-%dT%H:%M:%SZ"
        values = {
            "unique": uuid.uuid4().hex, "now": f"{now:{form}}", "begin": f"{now - timedelta(minutes=1):{form}}",
            "end": f"{now + timedelta(minutes=5):{form}}", "destination": self.complete, "recipient": self.complete,
            "request": self.request.get("ID"), "confirmed": self.request.get("ID"), "issuer": ENTITY,
            "audience": f"{PORTAL}/login/{self.name}/metadata.xml", "format": "persistent", "name_id": "u1",
            "status": "Success", "method": "bearer", **told.values,
        }  # fmt: skip
        attributes = [
            ATTRIBUTE.format(name=name, values="".join(VALUE.format(text=escape(one)) for one in each))
            for name, each in told.attributes.items()
        ]
        assertion = ASSERTION.format(**values, attributes="".join(attributes))
        if "assertion" in told.signs:
            assertion = signed(assertion, told)
        if told.is_encrypted:
            assertion = encrypted(assertion)
        response = RESPONSE.format(**values, assertion=assertion)
        if "message" in told.signs:
            response = signed(response, told)
        return base64.b64encode(response.encode()).decode()

    def sign_in(self, told: Told) -> Any:
        self.begin()
        return self.bring(self.answer(told))

    def bring(self, answer: str) -> Any:
        fields = {"SAMLResponse": answer, "RelayState": self.asked["RelayState"], "psa_saml_browser_return": "1"}
        return self.browser.post(f"/login/{self.name}/complete/", fields)

    def is_in(self) -> bool:
        return self.browser.get(f"/c/{self.client}/").status_code == 200


def signed(xml: str, told: Told) -> str:
    by = told.signed_by
    made = Utils.add_sign(xml, by.key, by.certificate, False, told.algorithm, told.digest)
    return (made if isinstance(made, str) else made.decode()).removeprefix('<?xml version="1.0"?>').strip()


def encrypted(assertion: str) -> str:
    import xmlsec

    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(OWN.certificate.encode(), xmlsec.KeyFormat.CERT_PEM, None))
    root = etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{Words.NS_SAML}">{assertion}</saml:EncryptedAssertion>'
    )
    data = xmlsec.template.encrypted_data_create(
        root, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="dsig")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    context.encrypt_xml(data, root[0])
    return etree.tostring(root).decode()


@pytest.fixture
def world(django_db: Any, records: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:  # noqa: F811
    from django.contrib.auth.models import User

    name = f"p-{uuid.uuid4().hex[:12]}"
    client = records.client(access=json.dumps([{"provider": name, "group": "in", "role": "viewer"}]))
    made = World(name, client, tmp_path, monkeypatch)
    made.set()
    yield made
    User.objects.filter(username__startswith=f"{name}/").delete()


def test_who_tells_the_truth_is_let_in(world: World) -> None:
    assert world.sign_in(Told()).status_code == 302
    assert world.is_in()


def test_an_assertion_may_be_encrypted_for_the_portal(world: World) -> None:
    assert world.sign_in(Told(is_encrypted=True)).status_code == 302
    assert world.is_in()


def test_requests_are_signed_and_name_where_to_answer(world: World) -> None:
    world.begin()
    assert world.asked["SigAlg"] == Words.RSA_SHA256
    assert world.request.get("AssertionConsumerServiceURL") == world.complete
    assert world.request.get("ForceAuthn") is None


LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
WRONG: dict[str, Told] = {
    "for another audience": Told({"audience": "https://elsewhere.example/"}),
    "for another address of ours": Told({"recipient": f"{PORTAL}/login/other/complete/"}),
    "for somebody else's address": Told({"recipient": "https://elsewhere.example/"}),
    "sent to somebody else": Told({"destination": "https://elsewhere.example/"}),
    "of another provider": Told({"issuer": "https://another.example/saml"}),
    "an answer to nothing of ours": Told({"request": "_other", "confirmed": "_other"}),
    "signed for another request": Told({"confirmed": "_other"}),
    "run out": Told({"end": LONG_AGO}),
    "not valid yet": Told({"begin": LATER}),
    "not the bearer's": Told({"method": "sender-vouches"}),
    "not a success": Told({"status": "Responder"}),
    "signed by another": Told(signed_by=SOMEBODY_ELSE),
    "signed with SHA-1": Told(algorithm=Words.RSA_SHA1, digest=Words.SHA1),
    "digested with SHA-1": Told(digest=Words.SHA1),
    "signed as a message alone": Told(signs=("message",)),
    "not signed at all": Told(signs=()),
    "encrypted, but not signed": Told(signs=(), is_encrypted=True),
}


@pytest.mark.parametrize("told", WRONG.values(), ids=WRONG)
def test_an_answer_that_is_wrong_in_one_thing_is_refused(world: World, told: Told) -> None:
    assert world.sign_in(told).status_code in {400, 403}
    assert not world.is_in()


def test_the_same_assertion_is_good_once_whatever_it_comes_with(world: World) -> None:
    world.begin()
    answer = world.answer(Told())
    cookies = world.browser.cookies.copy()
    assert world.bring(answer).status_code == 302
    world.browser.cookies = cookies
    assert world.bring(answer).status_code == 400


@pytest.mark.parametrize("kind", ["transient", "unspecified"])
def test_a_name_id_that_does_not_last_is_nobodys(world: World, kind: str) -> None:
    page = world.sign_in(Told({"format": kind}))
    assert page.status_code == 403
    assert "does not say who you are in a way that lasts" in page.content.decode()


def test_an_attribute_may_say_who_it_is_in_its_place(world: World) -> None:
    world.set(uid="guid")
    told = Told({"format": "transient"}, {"groups": ["in"], "guid": ["g-1"]})
    assert world.sign_in(told).status_code == 302
    assert world.sign_in(Told(attributes={"groups": ["in"], "guid": ["g-1", "g-2"]})).status_code == 403
    assert world.sign_in(Told(attributes={"groups": ["in"]})).status_code == 403


@pytest.mark.parametrize("attributes", [{GROUPS_LINK: ["https://graph"]}, {GROUPS_LINK: ["x"], "groups": ["in"]}])
def test_groups_that_were_left_out_are_never_taken_for_none(world: World, attributes: dict[str, list[str]]) -> None:
    page = world.sign_in(Told(attributes=attributes))
    assert page.status_code == 403
    assert "You are in more groups than Hostile can tell at once" in page.content.decode()


@pytest.mark.parametrize("groups", [["in "], ["In"], ["in</x>"], ["out"], []])
def test_a_group_that_only_looks_alike_opens_nothing(world: World, groups: list[str]) -> None:
    page = world.sign_in(Told(attributes={"groups": groups}))
    assert (page.status_code, world.is_in()) == ((302, True) if groups == ["in "] else (403, False))


def test_the_portals_own_key_that_is_gone_is_told_to_operators_alone(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "saml.key").unlink()
    page = world.browser.post(f"/login/{world.name}/")
    assert page.status_code == 503
    assert "saml.key" not in page.content.decode()
    assert any("saml.key, which is not there: is the Secret mounted" in each for each in caplog.messages)
