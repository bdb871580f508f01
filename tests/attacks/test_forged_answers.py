"""Answers that were stolen, changed, used twice or never asked for, brought to the real portal, of real providers."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from lxml import etree

from tests import portal as portal_settings
from tests.federated import PROTOCOLS, Answer, Browser, browser, open_client, query_of, rows
from tests.labs import own_lab
from voice_lab.context import Lab
from voice_lab.identity import login

portal_settings.set_up()

pytestmark = [pytest.mark.services, pytest.mark.database, pytest.mark.timeout(300)]

BOTH = pytest.mark.parametrize("provider", list(PROTOCOLS))
SPACES = {
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "d": "http://www.w3.org/2000/09/xmldsig#",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab("forged", ("identity", "portal")) as lab:
        open_client(lab, "acme", *PROTOCOLS)
        open_client(lab, "globex", *PROTOCOLS)
        open_client(lab, "partner", "partner", "partner-saml")
        yield lab


@pytest.fixture
def new(lab: Lab) -> Iterator[Callable[[], Browser]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(browser(lab))


def refused(person: Browser, page: httpx.Response) -> None:
    assert page.status_code == 400, page.text
    assert "This sign-in cannot be completed" in page.text
    assert not person.is_in()


def with_query(url: str, **changes: str | None) -> str:
    query = {**query_of(url), **changes}
    return f"{url.partition('?')[0]}?{urlencode({name: value for name, value in query.items() if value is not None})}"


# --- of another browser, another time, another provider


@BOTH
def test_a_stolen_answer_is_of_no_use_in_another_browser(new: Callable[[], Browser], provider: str) -> None:
    """Nor can an attacker have a victim's browser signed in as the attacker."""
    alice, thief = new(), new()
    answer = alice.answer("alice", provider)
    refused(thief, thief.bring(answer))
    thief.begin(provider)
    refused(thief, thief.bring(answer))


@BOTH
def test_an_answer_is_good_once(new: Callable[[], Browser], provider: str) -> None:
    alice = new()
    answer = alice.answer("alice", provider)
    kept = [(each.name, each.value, each.domain, each.path) for each in alice.http.cookies.jar]
    assert alice.bring(answer).status_code == 200
    alice.sign_out()
    again = new()
    for name, value, domain, path in kept:
        again.http.cookies.set(name, value or "", domain=domain, path=path)
    refused(again, again.bring(answer))


@BOTH
def test_an_answer_to_one_sign_in_is_none_to_another(new: Callable[[], Browser], provider: str) -> None:
    alice = new()
    first, second = alice.answer("alice", provider), alice.answer("alice", provider)
    if first.method == "GET":
        mixed = Answer("GET", with_query(first.url, code=query_of(second.url)["code"]), {})
    else:
        mixed = Answer("POST", first.url, {**first.fields, "RelayState": second.fields["RelayState"]})
    refused(alice, alice.bring(mixed))


@pytest.mark.parametrize(("mine", "other"), [("corp", "partner"), ("corp-saml", "partner-saml")])
def test_what_one_provider_answers_is_nothing_from_another(
    lab: Lab, new: Callable[[], Browser], mine: str, other: str
) -> None:
    person = new()
    foreign, own = person.answer("alice", other), person.answer("alice", mine)
    if own.method == "GET":
        bent = Answer("GET", with_query(own.url, code=query_of(foreign.url)["code"]), {})
    else:
        bent = Answer("POST", own.url, {**foreign.fields, "RelayState": own.fields["RelayState"]})
    refused(person, person.bring(bent))
    moved = Answer(own.method, own.url.replace(f"/login/{mine}/", f"/login/{other}/"), own.fields)
    refused(person, person.bring(moved))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": None},
        {"state": ""},
        {"state": "0" * 48},
        {"code": None},
        {"code": "x"},
        {"iss": "https://evil.example/realms/corp"},
    ],
)
def test_a_code_without_its_state_is_nothing(new: Callable[[], Browser], changes: dict[str, str | None]) -> None:
    alice = new()
    answer = alice.answer("alice")
    refused(alice, alice.bring(Answer("GET", with_query(answer.url, **changes), {})))


def test_a_cookie_that_was_tampered_with_is_none(lab: Lab, new: Callable[[], Browser]) -> None:
    alice = new()
    answer = alice.answer("alice")
    (cookie,) = (each for each in alice.http.cookies.jar if each.name.startswith("voice_portal_sign_in_"))
    alice.http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    value = cookie.value or ""
    bent = value[:20] + ("A" if value[20] != "A" else "B") + value[21:]
    alice.http.cookies.set(cookie.name, bent, domain=cookie.domain, path=cookie.path)
    refused(alice, alice.bring(answer))


def test_sign_ins_that_were_never_completed_do_not_fill_the_browsers_requests(new: Callable[[], Browser]) -> None:
    alice = new()
    for number in range(12):
        alice.begin("corp", "/" + "0123456789" * number * 20)
    waiting = [each.value or "" for each in alice.http.cookies.jar if each.name.startswith("voice_portal_sign_in_")]
    assert len(waiting) > 1
    assert sum(map(len, waiting)) < 5000
    assert alice.bring(alice.answer("alice")).status_code == 200


def test_a_code_may_be_as_long_as_providers_make_it(lab: Lab, new: Callable[[], Browser]) -> None:
    person = new()
    refused(person, person.get(f"/login/corp/complete/?state=x&code={'c' * 3500}"))
    assert person.get(f"/c/?code={'c' * 3500}").status_code == 400


def test_a_page_of_elsewhere_can_have_nobody_sign_in_or_out(lab: Lab, new: Callable[[], Browser]) -> None:
    alice = new()
    alice.sign_in("alice")
    for path in ("/login/corp/", "/login/", "/logout/", "/login/local/"):
        answer = alice.http.post(lab.portal_url + path, data={}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert alice.http.get(lab.portal_url + "/logout/").status_code == 200
    assert alice.is_in()


# --- SAML that is not what was signed


def tree(answer: Answer) -> etree._Element:
    return etree.fromstring(base64.b64decode(answer.fields["SAMLResponse"]))


def with_tree(answer: Answer, root: etree._Element) -> Answer:
    fields = {**answer.fields, "SAMLResponse": base64.b64encode(etree.tostring(root)).decode()}
    return Answer(answer.method, answer.url, fields)


def unsigned(root: etree._Element) -> None:
    for signature in root.xpath("//d:Signature", namespaces=SPACES):
        signature.getparent().remove(signature)


def assertion_unsigned(root: etree._Element) -> None:
    for signature in root.xpath("//a:Assertion/d:Signature", namespaces=SPACES):
        signature.getparent().remove(signature)


def other_group(root: etree._Element) -> None:
    (value,) = root.xpath("//a:AttributeValue[text()='acme-voice-engineers']", namespaces=SPACES)
    value.text = "voice-staff"


def other_uid(root: etree._Element) -> None:
    (value,) = root.xpath("//a:Attribute[@Name='oid']/a:AttributeValue", namespaces=SPACES)
    value.text = "00000000-0000-0000-0000-000000000000"


def forged_copy(root: etree._Element) -> etree._Element:
    (real,) = root.xpath("a:Assertion", namespaces=SPACES)
    forged = copy.deepcopy(real)
    forged.set("ID", "_forged")
    for signature in forged.xpath("d:Signature", namespaces=SPACES):
        forged.remove(signature)
    for value in forged.xpath("//a:AttributeValue[text()='acme-voice-engineers']", namespaces=SPACES):
        value.text = "voice-staff"
    return forged


def message_unsigned(root: etree._Element) -> None:
    for signature in root.xpath("d:Signature", namespaces=SPACES):
        root.remove(signature)


def forged_before(root: etree._Element) -> None:
    message_unsigned(root)
    (real,) = root.xpath("a:Assertion", namespaces=SPACES)
    real.addprevious(forged_copy(root))


def forged_after(root: etree._Element) -> None:
    message_unsigned(root)
    root.append(forged_copy(root))


def forged_around(root: etree._Element) -> None:
    """What was signed is moved into the forged assertion's signature, where its reference still finds it."""
    message_unsigned(root)
    (real,) = root.xpath("a:Assertion", namespaces=SPACES)
    forged = forged_copy(root)
    signature = copy.deepcopy(real.xpath("d:Signature", namespaces=SPACES)[0])
    place = etree.SubElement(signature, f"{{{SPACES['d']}}}Object")
    real.getparent().replace(real, forged)
    place.append(real)
    forged.insert(1, signature)


def forged_with_extensions(root: etree._Element) -> None:
    message_unsigned(root)
    (real,) = root.xpath("a:Assertion", namespaces=SPACES)
    real.addprevious(forged_copy(root))
    place = etree.Element(f"{{{SPACES['p']}}}Extensions")
    place.append(real)
    root.insert(1, place)


CHANGES = [
    unsigned, assertion_unsigned, other_group, other_uid, forged_before, forged_after, forged_around,
    forged_with_extensions,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_an_assertion_that_was_changed_is_nothing(
    lab: Lab, new: Callable[[], Browser], change: Callable[[etree._Element], None]
) -> None:
    alice = new()
    answer = alice.answer("alice", "corp-saml")
    root = tree(answer)
    change(root)
    refused(alice, alice.bring(with_tree(answer, root)))
    assert rows(lab, "SELECT 1 FROM auth_user WHERE is_staff AND username LIKE 'corp-saml/alice%%'") == []


def test_the_assertion_alone_need_be_signed(new: Callable[[], Browser]) -> None:
    """As AD FS does: what the tests above remove with the message's signature is not what they are refused for."""
    alice = new()
    answer = alice.answer("alice", "corp-saml")
    root = tree(answer)
    message_unsigned(root)
    assert alice.bring(with_tree(answer, root)).status_code == 200
    assert alice.is_in()


def test_a_comment_which_no_signature_covers_changes_nobody_into_somebody_else(
    lab: Lab, new: Callable[[], Browser]
) -> None:
    """It splits the text: whoever reads up to it alone sees another uid than was signed (CVE-2017-11427)."""
    alice = new()
    answer = alice.answer("alice", "corp-saml")
    root = tree(answer)
    message_unsigned(root)
    (value,) = root.xpath("//a:Attribute[@Name='oid']/a:AttributeValue", namespaces=SPACES)
    uid = value.text
    comment = etree.Comment("x")
    comment.tail, value.text = uid[8:], uid[:8]
    value.insert(0, comment)
    alice.bring(with_tree(answer, root))
    known = {found for (found,) in rows(lab, "SELECT uid FROM portal_identity WHERE provider = 'corp-saml'")}
    assert uid in known
    assert uid[:8] not in known


@pytest.mark.parametrize(
    "text",
    [
        "", "%%%", "PHg+", base64.b64encode(b"<a").decode(),
        base64.b64encode(b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><r>&b;</r>').decode(),
        base64.b64encode(b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><r>&f;</r>').decode(),
    ],
)  # fmt: skip
def test_what_is_no_saml_is_refused(new: Callable[[], Browser], text: str) -> None:
    alice = new()
    answer = alice.answer("alice", "corp-saml")
    refused(alice, alice.bring(Answer("POST", answer.url, {**answer.fields, "SAMLResponse": text})))


def test_what_nobody_asked_for_is_refused(lab: Lab, new: Callable[[], Browser]) -> None:
    """A sign-in that begins at the provider (SAML 2.0 profiles, 4.1.5)."""
    alice = new()
    page = alice.http.get(f"{lab.identity_url}/realms/corp/protocol/saml/clients/voice-portal")
    refused(alice, login.go_on(alice.http, page, "alice", lab.passwords["demo"]))


def test_relay_state_decides_nothing(new: Callable[[], Browser]) -> None:
    alice = new()
    answer = alice.answer("alice", "corp-saml", "/c/acme/trends/")
    for elsewhere in ("https://evil.example/", '{"idp": "corp-saml", "next": "https://evil.example/"}', ""):
        bent = Answer("POST", answer.url, {**answer.fields, "RelayState": elsewhere})
        refused(alice, alice.bring(bent, follow_redirects=True))
    without = {name: value for name, value in answer.fields.items() if name != "RelayState"}
    refused(alice, alice.bring(Answer("POST", answer.url, without)))
    page = alice.bring(answer, follow_redirects=False)
    assert page.headers["Location"] == "/c/acme/trends/"


def test_the_detour_of_an_answer_leads_to_the_portal_alone_and_runs_nothing_else(
    lab: Lab, new: Callable[[], Browser]
) -> None:
    """Before the browser brings its cookies, a page of the portal's posts the answer once more."""
    evil = '"><script>alert(1)</script>'
    page = new().http.post(
        f"{lab.portal_url}/login/corp-saml/complete/",
        data={"SAMLResponse": evil, "RelayState": evil},
        headers={"Origin": "null"},
    )
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce
    assert re.findall(r"<script[^>]*>", page.text) == [f'<script nonce="{nonce[1]}">']
    (form,) = login.forms(page)
    assert urlsplit(form.action).path == "/login/corp-saml/complete/"
    assert form.action.startswith(lab.portal_url)


@pytest.mark.parametrize("change", ["unsigned", "other signature", "other session"])
def test_only_the_provider_itself_ends_a_session(lab: Lab, new: Callable[[], Browser], change: str) -> None:
    alice, carol = new(), new()
    alice.sign_in("alice", "corp-saml")
    carol.sign_in("carol", "corp-saml")
    asked = _logout_request(lab, carol)
    if change == "unsigned":
        asked = with_query(asked, Signature=None, SigAlg=None)
    elif change == "other signature":
        asked = with_query(asked, Signature=base64.b64encode(b"x" * 256).decode())
    answer = alice.http.get(asked, follow_redirects=False)
    assert answer.status_code == (302 if change == "other session" else 400)
    assert alice.is_in()


def _logout_request(lab: Lab, person: Browser) -> str:
    """The address with which the provider would have a browser end its session here: taken before it gets here."""
    saml = person.session
    person.session = ""
    person.sign_in("carol", "corp")
    out = person.post("/logout/")
    found = re.search(r'id="onward" href="([^"]+)"', out.text)
    assert found
    page = person.http.get(found[1].replace("&amp;", "&"), follow_redirects=False)
    here = f"{lab.portal_url}/login/corp-saml/ended/"
    for _ in range(5):
        match = re.search(re.escape(here) + r"\?[^\"'\s<]+", page.text)
        url = page.headers.get("Location", "") or (match[0].replace("&amp;", "&") if match else "")
        if url.startswith(here):
            person.session = saml
            return url
        page = person.http.get(url, follow_redirects=False)
    raise AssertionError(page.text)
