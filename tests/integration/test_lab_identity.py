"""The lab's identity provider: what it tells of the directory's people, over both protocols, and when they change."""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as Xml

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.labs import own_lab
from voice_lab import commands, processes, stack, waiting
from voice_lab.context import Lab
from voice_lab.identity import domain, login, people, realms
from voice_lab.services import directory, identity, network

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

PEOPLE = {person.name: person for person in people.STAFF}
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SPACES = {
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "d": "http://www.w3.org/2000/09/xmldsig#",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab("identity", ["identity"]) as lab:
        yield lab


@dataclass
class Portal:
    """Stands where the portal would: a browser of its own meets it there, and brings what the provider says."""

    lab: Lab
    provider: str
    taken: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.realm, self.protocol = realms.PROVIDERS[self.provider]
        self.issuer = identity.issuer(self.lab, self.realm)
        instead = {self.lab.portal_url: httpx.MockTransport(self._take)}
        self.browser = login.browser(identity.authority(self.lab), instead=instead)

    def _take(self, request: httpx.Request) -> httpx.Response:
        text = request.content.decode() if request.method == "POST" else request.url.query.decode()
        self.taken.append({"path": request.url.path, **dict(parse_qsl(text))})
        return httpx.Response(200, text="taken")

    def enter(self, name: str, *, password: str = "", **asked: str) -> httpx.Response:
        """Go to the provider, and sign in there as somebody if it asks."""
        self.taken.clear()
        page = self.browser.get(self._question(asked))
        return login.go_on(self.browser, page, name, password or self.lab.passwords["demo"])

    def _question(self, asked: dict[str, str]) -> str:
        if self.protocol == realms.SAML:
            return self._saml_request()
        self.verifier, self.nonce, self.state = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": realms.OIDC_CLIENT,
            "redirect_uri": self._address(realms.OIDC_REDIRECT_PATH),
            "scope": "openid profile email",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        told = {key: value for key, value in {**query, **asked}.items() if value}
        return f"{self.issuer}/protocol/openid-connect/auth?{urlencode(told)}"

    def claims(self) -> dict[str, Any]:
        """Take the code to the provider; what its signed token says."""
        (answer,) = self.taken
        assert answer["state"] == self.state
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self._address(realms.OIDC_REDIRECT_PATH),
            "code_verifier": self.verifier,
        }
        secret = identity.client_secret_file(self.lab, self.realm).read_text()
        told = self.browser.post(
            f"{self.issuer}/protocol/openid-connect/token", data=form, auth=(realms.OIDC_CLIENT, secret)
        ).raise_for_status()
        token = told.json()["id_token"]
        keys = jwt.PyJWKSet.from_dict(self.browser.get(f"{self.issuer}/protocol/openid-connect/certs").json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience=realms.OIDC_CLIENT, issuer=self.issuer
        )
        assert claims["nonce"] == self.nonce
        return claims

    def assertion(self) -> Xml.Element:
        """The one assertion that was posted."""
        (answer,) = self.taken
        document = Xml.fromstring(base64.b64decode(answer["SAMLResponse"]))  # noqa: S314 - the lab's own
        (found,) = document.findall("a:Assertion", SPACES)
        return found

    def _saml_request(self) -> str:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = (
            f'<p:AuthnRequest xmlns:p="{SPACES["p"]}" xmlns:a="{SPACES["a"]}" ID="_{secrets.token_hex(16)}" '
            f'Version="2.0" IssueInstant="{moment}" Destination="{self.issuer}/protocol/saml" '
            f'AssertionConsumerServiceURL="{self._address(realms.SAML_ACS_PATH)}">'
            f"<a:Issuer>{realms.entity_id(self.lab.portal_url, self.provider)}</a:Issuer></p:AuthnRequest>"
        )
        deflated = zlib.compress(asked.encode())[2:-4]
        query = urlencode({"SAMLRequest": base64.b64encode(deflated).decode(), "SigAlg": RSA_SHA256})
        path = self.lab.folder / "pki" / f"{identity.PORTAL_KEY}.key"
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{self.issuer}/protocol/saml?{query}&{urlencode({'Signature': base64.b64encode(signature).decode()})}"

    def _address(self, path: str) -> str:
        return self.lab.portal_url + path.format(provider=self.provider)


Meet = Callable[[str], Portal]


@pytest.fixture
def meet(lab: Lab) -> Iterator[Meet]:
    """Makes a portal of one provider's, with a browser that was never there."""
    with ExitStack() as stack:

        def portal(provider: str) -> Portal:
            made = Portal(lab, provider)
            stack.enter_context(closing(made.browser))
            return made

        yield portal


def attributes(assertion: Xml.Element) -> dict[str, list[str]]:
    """An assertion's attributes, by name."""
    return {
        each.attrib["Name"]: [value.text or "" for value in each.findall("a:AttributeValue", SPACES)]
        for each in assertion.iterfind(".//a:Attribute", SPACES)
    }


@pytest.mark.parametrize("name", PEOPLE)
def test_a_token_names_every_group_nested_ones_too_and_the_lasting_identifier(lab: Lab, meet: Meet, name: str) -> None:
    portal = meet("corp")
    portal.enter(name)
    claims = portal.claims()
    assert set(claims.get("groups", ())) == people.groups_of(PEOPLE[name])
    assert claims["oid"] == domain.object_guid(lab, name)
    assert (claims["preferred_username"], claims["email"]) == (name, PEOPLE[name].mail)


def test_an_assertion_says_the_same_and_is_signed(lab: Lab, meet: Meet) -> None:
    portal = meet("corp-saml")
    portal.enter("alice")
    assertion = portal.assertion()
    told = attributes(assertion)
    assert set(told["groups"]) == people.groups_of(PEOPLE["alice"])
    assert told["email"] == [PEOPLE["alice"].mail]
    name = assertion.find("a:Subject/a:NameID", SPACES)
    assert name is not None
    assert (name.attrib["Format"], [name.text]) == (PERSISTENT, told["oid"])
    assert name.text == domain.object_guid(lab, "alice")
    how = assertion.find("d:Signature/d:SignedInfo/d:SignatureMethod", SPACES)
    assert how is not None
    assert how.attrib["Algorithm"] == RSA_SHA256


@pytest.mark.parametrize("provider", ["corp", "corp-saml"])
def test_who_left_a_group_is_without_it_at_the_next_round_trip(lab: Lab, meet: Meet, provider: str) -> None:
    """Their session at the provider lives on: nobody is asked for a password."""
    portal = meet(provider)

    def groups(password: str = "") -> set[str]:
        portal.enter("dave", password=password)
        told = portal.claims() if provider == "corp" else attributes(portal.assertion())
        return set(told["groups"])

    assert groups() == {"acme-voice-viewers", "globex-voice-engineers"}
    domain.leave(lab, "dave", "acme-voice-viewers")
    try:
        assert groups("not asked for") == {"globex-voice-engineers"}
    finally:
        domain.join(lab, "dave", "acme-voice-viewers")
    assert groups("not asked for") == {"acme-voice-viewers", "globex-voice-engineers"}


def test_who_is_disabled_gets_nowhere_even_with_a_session(lab: Lab, meet: Meet) -> None:
    portal = meet("corp")
    portal.enter("bob")
    assert portal.claims()["preferred_username"] == "bob"
    domain.disable(lab, "bob")
    try:
        for each in (portal, meet("corp"), meet("corp-saml")):
            page = each.enter("bob")
            assert each.taken == []
            assert str(page.url).startswith(lab.identity_url)
    finally:
        domain.enable(lab, "bob")
    portal.enter("bob")
    assert portal.claims()["preferred_username"] == "bob"


def test_what_was_changed_outlives_a_restart(lab: Lab, meet: Meet) -> None:
    """So tests can take a provider away for a while: the portal's keys, and people's memberships, are as they were."""
    domain.join(lab, "mallory", "newcomers")
    try:
        for service in (identity, directory):
            service.stop(lab)
        for service in (directory, identity):
            service.start(lab)
            waiting.until(partial(service.healthy, lab), what=f"{service.NAME} is back", seconds=100)
        over_oidc, over_saml = meet("corp"), meet("corp-saml")
        over_oidc.enter("mallory")
        assert over_oidc.claims()["groups"] == ["newcomers"]
        over_saml.enter("mallory")
        assert attributes(over_saml.assertion())["groups"] == ["newcomers"]
    finally:
        domain.leave(lab, "mallory", "newcomers")


def test_a_wrong_password_leads_back_to_the_form(meet: Meet) -> None:
    portal = meet("corp")
    page = portal.enter("alice", password="wrong")
    assert portal.taken == []
    assert "Invalid username or password" in page.text


def test_the_second_provider_is_another_one_whatever_its_people_call_themselves(meet: Meet) -> None:
    told = []
    for provider in ("corp", "partner"):
        portal = meet(provider)
        portal.enter("alice")
        told.append(portal.claims())
    ours, theirs = told
    assert ours["email"] == theirs["email"]
    assert set(theirs["groups"]) == {"acme-voice-engineers", "voice-staff"}
    assert ours["iss"] != theirs["iss"]
    assert ours["oid"] != theirs["oid"]


@pytest.mark.parametrize(
    "asked",
    [
        {"code_challenge": "", "code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
    ],
    ids=["no PKCE", "PKCE in plain text", "implicit flow"],
)
def test_what_the_client_may_not_ask_for_is_refused(meet: Meet, asked: dict[str, str]) -> None:
    portal = meet("corp")
    page = portal.enter("alice", **asked)
    (answer,) = portal.taken
    told = {**answer, **dict(parse_qsl(page.url.fragment))}  # of the implicit flow, only the browser is told
    assert "error" in told
    assert not {"code", "access_token", "id_token"} & told.keys()


@pytest.mark.parametrize("path", ["/elsewhere/", "/login/partner/complete/"])
def test_a_browser_is_sent_back_to_the_portal_s_one_address_only(lab: Lab, meet: Meet, path: str) -> None:
    portal = meet("corp")
    page = portal.enter("alice", redirect_uri=lab.portal_url + path)
    assert (page.status_code, portal.taken) == (400, [])


def test_an_unsigned_saml_request_is_refused(meet: Meet) -> None:
    portal = meet("corp-saml")
    page = portal.browser.get(portal._saml_request().partition("&SigAlg")[0])
    assert (page.status_code, portal.taken) == (400, [])


def test_nobody_beyond_this_machine_reaches_it(lab: Lab) -> None:
    """The directory is alone in its namespace; Keycloak listens on the loopback, for browsers, and nowhere else."""
    pids = processes.members(lab.folder, identity.NAME)
    lines = [line for line in commands.run(["ss", "-Hltnup"]).splitlines() if f"pid={pids[0]}," in line]
    places = {line.split()[4].removeprefix("[::ffff:").replace("]", "") for line in lines}
    assert f"127.0.0.1:{lab.ports['identity']}" in places
    assert {place.rpartition(":")[0] for place in places} == {"127.0.0.1"}
    assert len(pids) == len(processes.members(lab.folder, directory.NAME)) == 1


def test_no_secret_is_in_a_command_line(lab: Lab) -> None:
    lines = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    for name in ("demo", "directory-reader", "oidc-corp", "oidc-partner"):
        assert lab.passwords[name].encode() not in lines


def test_nothing_of_either_is_left_even_when_it_has_only_begun() -> None:
    with own_lab("identity-ends", ["directory"]) as lab:
        identity.start(lab)
        pids = [pid for name in (identity.NAME, directory.NAME) for pid in processes.members(lab.folder, name)]
        assert len(pids) == 2
        assert stack.down(lab) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert list(network.NAMESPACES.glob(f"voice-{lab.instance}-*")) == []
    assert not Path(f"/sys/class/net/voice{lab.index:x}ad").exists()
