"""Signing in with real providers: Keycloak before an Active Directory, over OpenID Connect and SAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error as PlaywrightError

from tests import portal as portal_settings
from tests.federated import PROTOCOLS, Browser, browser, change_session, open_client, query_of, rows, session_of
from tests.labs import own_lab
from voice_lab import browser as chromium
from voice_lab.context import Lab
from voice_lab.identity import domain, realms
from voice_lab.identity.portal import NAMES
from voice_lab.services import schema

portal_settings.set_up()

pytestmark = [pytest.mark.services, pytest.mark.database, pytest.mark.timeout(300)]

MINUTES = 60.0
HOURS = 3600.0
BOTH = pytest.mark.parametrize("provider", list(PROTOCOLS))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab("federation", ("identity", "portal")) as lab:
        for client in ("acme", "globex"):
            open_client(lab, client, *PROTOCOLS)
        open_client(lab, "partner", "partner")
        yield lab


@pytest.fixture
def new(lab: Lab) -> Iterator[Callable[[], Browser]]:
    """A function that gives a browser in which nobody is signed in anywhere."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(browser(lab))


def path(page: object) -> str:
    return str(page.url.path)  # type: ignore[attr-defined]


def said(page: object) -> str:
    """The sentence of a page that refuses somebody."""
    found = re.search(r'role="alert">(.*?)</p>', page.text, re.DOTALL)  # type: ignore[attr-defined]
    assert found, page.text  # type: ignore[attr-defined]
    return found[1]


# --- who sees what


@BOTH
@pytest.mark.parametrize(
    ("name", "lands_on", "sees"),
    [
        ("alice", "/c/acme/", {"acme"}),  # her group is in the one that counts
        ("bob", "/c/acme/", {"acme"}),
        ("carol", "/c/globex/", {"globex"}),
        ("dave", "/c/", {"acme", "globex"}),
        ("erin", "/c/", {"acme", "globex", "partner"}),
    ],
)
def test_groups_decide_what_somebody_sees(
    new: Callable[[], Browser], provider: str, name: str, lands_on: str, sees: set[str]
) -> None:
    person = new()
    page = person.sign_in(name, provider)
    assert (page.status_code, path(page)) == (200, lands_on)
    seen = {client for client in ("acme", "globex", "partner") if person.get(f"/c/{client}/").status_code == 200}
    assert seen == sees


@BOTH
def test_who_is_in_no_group_that_opens_anything_is_told_so_and_is_nobody_here(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    mallory = new()
    page = mallory.sign_in("mallory", provider)
    assert page.status_code == 403
    assert said(page).startswith("Your account is known, but no client is open to you. Ask ")
    assert not mallory.is_in()
    assert rows(lab, "SELECT 1 FROM auth_user WHERE username LIKE %s", f"{provider}/mallory%") == []
    (noted,) = rows(
        lab,
        "SELECT what, address FROM portal_audit WHERE who LIKE %s ORDER BY id DESC LIMIT 1",
        f"{provider}/mallory%",
    )
    assert noted == ("sign-in-refused", "127.0.0.1")
    assert 'action="/login/' in page.text, "there is a way in as somebody else"


def test_the_same_person_over_both_protocols_is_two(lab: Lab, new: Callable[[], Browser]) -> None:
    """A provider is whom the portal trusts: no name, address or uid of one says anything about another's."""
    for provider in PROTOCOLS:
        new().sign_in("alice", provider)
    found = rows(lab, "SELECT provider, uid FROM portal_identity WHERE uid = %s", domain.object_guid(lab, "alice"))
    assert {provider for provider, _ in found} == set(PROTOCOLS)


def test_a_foreign_provider_that_knows_an_alice_with_her_address_and_groups_opens_nothing(
    lab: Lab, new: Callable[[], Browser]
) -> None:
    before = rows(lab, "SELECT COUNT(*) FROM portal_identity")
    for provider in ("partner", "partner-saml"):
        impostor = new()
        page = impostor.sign_in("alice", provider)
        assert page.status_code == 403, page.text
        assert not impostor.is_in()
    assert rows(lab, "SELECT COUNT(*) FROM portal_identity") == before


def test_two_providers_serve_at_once_each_for_its_own(new: Callable[[], Browser]) -> None:
    alice, grace = new(), new()
    alice.sign_in("alice")
    assert path(grace.sign_in("grace", "partner")) == "/c/partner/"
    assert alice.get("/c/partner/").status_code == 404
    assert grace.get("/c/acme/").status_code == 404


# --- choosing a provider


@pytest.mark.parametrize(
    ("address", "realm"),
    [("alice@acme.example", "corp"), (" Bob@ACME.example ", "corp"), ("grace@partner.example", "partner")],
)
def test_the_domain_of_the_address_chooses_the_provider(
    lab: Lab, new: Callable[[], Browser], address: str, realm: str
) -> None:
    page = new().post("/login/", address=address)
    onward = re.search(r'id="onward" href="([^"]+)"', page.text)
    assert onward
    assert onward[1].startswith(f"{lab.identity_url}/realms/{realm}/")


@pytest.mark.parametrize(
    "address", ["eve@nowhere.example", "eve@sub.acme.example", "acme.example", "@acme.example", ""]
)
def test_an_address_of_nobodys_is_told_whom_to_ask_and_no_more(new: Callable[[], Browser], address: str) -> None:
    page = new().post("/login/", address=address)
    assert said(page).startswith("No way to sign in is set up for this address. Ask whoever runs the voice probes")


# --- the way back


@BOTH
def test_somebody_who_asked_for_a_page_is_led_there(new: Callable[[], Browser], provider: str) -> None:
    alice = new()
    assert path(alice.get("/c/acme/trends/")) == "/login/"
    page = alice.bring(alice.answer("alice", provider, "/c/acme/trends/"))
    assert path(page) == "/c/acme/trends/"


@BOTH
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example/",
        "x" * 3000,
    ],
)
def test_nobody_is_led_anywhere_else(lab: Lab, new: Callable[[], Browser], provider: str, elsewhere: str) -> None:
    alice = new()
    page = alice.bring(alice.answer("alice", provider, elsewhere), follow_redirects=False)
    assert (page.status_code, page.headers["Location"]) == (302, "/")


@BOTH
def test_a_session_begins_with_a_key_that_nobody_knew(lab: Lab, new: Callable[[], Browser], provider: str) -> None:
    attacker, victim = new(), new()
    attacker.sign_in("carol")
    planted = attacker.session
    victim.session = planted
    assert path(victim.bring(victim.answer("alice", provider))) == "/c/acme/"
    assert victim.session not in {"", planted}
    assert not attacker.is_in(), "what was planted is nobody's any more"


@BOTH
def test_no_token_is_kept_where_it_can_be_read(lab: Lab, new: Callable[[], Browser], provider: str) -> None:
    alice = new()
    alice.sign_in("alice", provider)
    held = str(session_of(lab, alice.session))
    assert "eyJ" not in held, "no JSON Web Token"
    assert domain.object_guid(lab, "alice") not in held
    assert "alice" not in str(session_of(lab, alice.session)["parting"])


@BOTH
def test_a_real_browser_gets_in_and_out_again(lab: Lab, provider: str) -> None:
    """Chromium holds redirects after a form against the page's policy, and runs no script that this does not name."""
    with chromium.chromium() as program:
        tries = (get_in_and_out(lab, program, provider) for _ in range(3))
        complaints = next(found for found in tries if found is not None)
    assert [each for each in complaints if "Content Security Policy" in each] == []


def get_in_and_out(lab: Lab, program: Chromium, provider: str) -> list[str] | None:
    """What the browser complains of; None: other tests changed this machine's network, at which it gives up."""
    complaints: list[str] = []
    with closing(program.new_context(ignore_https_errors=True)) as context:  # type: ignore[type-var]
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        try:
            page.goto(f"{lab.portal_url}/c/acme/trends/")
            page.get_by_role("button", name=f"Log in with {NAMES[provider]}", exact=True).click()
            page.locator("#username").fill("alice")
            page.locator("#password").fill(lab.passwords["demo"])
            page.locator("#kc-login").click()
            page.wait_for_url(f"{lab.portal_url}/c/acme/trends/")
            page.get_by_role("button", name="Log out").click()
            page.wait_for_url(re.compile(re.escape(f"{lab.portal_url}/login/")))
            assert page.get_by_role("button", name="Continue").is_visible()
        except PlaywrightError as error:
            if "ERR_NETWORK_CHANGED" in str(error) or page.url.startswith("chrome-error:"):
                return None
            raise
    return complaints


# --- later


@BOTH
def test_the_provider_is_asked_again_without_anybody_noticing(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    alice = new()
    alice.sign_in("alice", provider)
    key, before = alice.session, session_of(lab, alice.session)
    change_session(lab, key, provider_asked_at=61 * MINUTES)
    page = alice.bring(alice.answer("alice", provider, begun=f"{lab.portal_url}/c/acme/trends/"))
    assert (page.status_code, path(page)) == (200, "/c/acme/trends/")
    assert alice.session != key
    after = session_of(lab, alice.session)
    assert after["signed_in_at"] == before["signed_in_at"], "it is no younger"
    assert session_of(lab, key) == {}


@BOTH
def test_who_left_the_group_is_out_when_the_provider_is_asked_again(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    alice, elsewhere = new(), new()
    alice.sign_in("alice", provider)
    elsewhere.sign_in("alice", provider)
    domain.leave(lab, "alice", "acme-telephony")
    try:
        assert alice.is_in(), "until then"
        change_session(lab, alice.session, provider_asked_at=61 * MINUTES)
        page = alice.bring(alice.answer("alice", provider, begun=f"{lab.portal_url}/c/acme/"))
        assert page.status_code == 403
        assert said(page).startswith("Your account is known, but no client is open to you.")
        assert not alice.is_in()
        assert elsewhere.get("/c/acme/").status_code == 404, "in every browser"
    finally:
        domain.join(lab, "alice", "acme-telephony")
    assert path(new().sign_in("alice", provider)) == "/c/acme/"


@BOTH
def test_who_is_staff_no_more_sees_no_more_than_their_groups(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    erin = new()
    domain.join(lab, "erin", "acme-voice-viewers")
    try:
        erin.sign_in("erin", provider)
        assert erin.get("/fleet/").status_code == 200
        domain.leave(lab, "erin", "voice-staff")
        change_session(lab, erin.session, provider_asked_at=61 * MINUTES)
        page = erin.bring(erin.answer("erin", provider, begun=f"{lab.portal_url}/fleet/"))
        assert page.status_code == 403
        assert erin.get("/c/acme/").status_code == 200
        assert erin.get("/c/globex/").status_code == 404
    finally:
        domain.leave(lab, "erin", "acme-voice-viewers")
        domain.join(lab, "erin", "voice-staff")


@BOTH
def test_a_session_that_is_over_at_the_provider_asks_for_the_password(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    alice = new()
    alice.sign_in("alice", provider)
    for cookie in list(alice.http.cookies.jar):
        if cookie.path.startswith("/realms/"):
            alice.http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    change_session(lab, alice.session, provider_asked_at=61 * MINUTES)
    silent = alice.answer("nobody", provider, begun=f"{lab.portal_url}/c/acme/trends/")
    onward = alice.bring(silent, follow_redirects=False)
    assert onward.headers["Location"].startswith(lab.identity_url)
    page = alice.bring(alice.answer("alice", provider, begun=onward.headers["Location"]))
    assert (page.status_code, path(page)) == (200, "/c/acme/trends/")


def test_a_disabled_account_is_out_when_the_provider_is_asked_again(lab: Lab, new: Callable[[], Browser]) -> None:
    bob = new()
    bob.sign_in("bob")
    domain.disable(lab, "bob")
    try:
        change_session(lab, bob.session, provider_asked_at=61 * MINUTES)
        page = bob.get("/c/acme/")
        assert str(page.url).startswith(lab.identity_url), "the provider wants to know who it is"
        assert not bob.is_in()
    finally:
        domain.enable(lab, "bob")


def test_what_is_sent_meanwhile_is_not_done(lab: Lab, new: Callable[[], Browser]) -> None:
    alice = new()
    alice.sign_in("alice")
    change_session(lab, alice.session, provider_asked_at=61 * MINUTES)
    page = alice.post("/c/acme/probes/any/call/")
    assert page.status_code == 401
    assert said(page).startswith("Your sign-in has to be renewed first, so nothing of what you sent was done.")
    grafana = alice.get("/grafana/api/search?limit=1", follow_redirects=False)
    assert (grafana.status_code, grafana.headers["Location"]) == (302, "/login/")
    part = alice.http.get(f"{lab.portal_url}/c/acme/", headers={"HX-Request": "true"}, follow_redirects=False)
    assert part.headers["HX-Refresh"] == "true", "a page that renews itself is loaded anew, and goes to the provider"


@pytest.mark.parametrize(
    "ago",
    [
        {"seen_at": 61 * MINUTES},
        {"signed_in_at": 12 * HOURS + 1},
        {"seen_at": 61 * MINUTES, "provider_asked_at": 61 * MINUTES},
    ],
)
def test_a_session_ends_when_nobody_does_anything_or_it_is_too_old(
    lab: Lab, new: Callable[[], Browser], ago: dict[str, float]
) -> None:
    alice = new()
    alice.sign_in("alice")
    key = alice.session
    change_session(lab, key, **ago)
    assert path(alice.get("/c/acme/")) == "/login/"
    assert session_of(lab, key) == {}


def test_pages_that_ask_by_themselves_keep_no_session_alive(lab: Lab, new: Callable[[], Browser]) -> None:
    alice = new()
    alice.sign_in("alice")
    change_session(lab, alice.session, seen_at=30 * MINUTES)
    seen = session_of(lab, alice.session)["seen_at"]
    alice.get("/grafana/api/search?limit=1", follow_redirects=False)
    alice.http.get(f"{lab.portal_url}/c/acme/", headers={"HX-Request": "true"})
    assert session_of(lab, alice.session)["seen_at"] == seen
    alice.get("/c/acme/")
    assert session_of(lab, alice.session)["seen_at"] != seen


# --- out again


@BOTH
def test_signing_out_ends_the_session_here_and_at_the_provider(
    lab: Lab, new: Callable[[], Browser], provider: str
) -> None:
    alice = new()
    alice.sign_in("alice", provider)
    key = alice.session
    assert alice.get("/grafana/api/search?limit=1", follow_redirects=False).status_code != 302
    page = alice.sign_out()
    assert (page.status_code, path(page)) == (200, "/login/"), page.text
    alice.session = key
    assert not alice.is_in()
    assert alice.get("/grafana/api/search?limit=1", follow_redirects=False).status_code == 302
    asked = alice.http.get(alice.begin(provider))
    assert "kc-form-login" in asked.text, "the provider has forgotten who it was"


def test_a_provider_that_ends_the_session_of_somebody_ends_it_here(lab: Lab, new: Callable[[], Browser]) -> None:
    """One session at the provider, two here, over either protocol; the end of one is the end of all."""
    alice = new()
    alice.sign_in("alice", "corp-saml")
    by_saml = alice.session
    alice.session = ""
    alice.sign_in("alice", "corp")
    out = alice.post("/logout/")
    onward = re.search(r'id="onward" href="([^"]+)"', out.text)
    assert onward
    alice.session = by_saml
    assert alice.is_in()
    alice.http.get(onward[1].replace("&amp;", "&"))
    alice.session = by_saml
    assert not alice.is_in()


def test_signing_out_and_in_is_written_down(lab: Lab, new: Callable[[], Browser]) -> None:
    carol = new()
    carol.sign_in("carol")
    carol.sign_out()
    noted = rows(lab, "SELECT what, provider FROM portal_audit WHERE who = 'corp/carol' ORDER BY id DESC LIMIT 2")
    assert noted == [("sign-out", "corp"), ("sign-in", "corp")]


# --- without a provider


def test_an_emergency_account_works_without_any_provider(lab: Lab, new: Callable[[], Browser]) -> None:
    said_once = schema.run(lab, "portal", "django", "break_glass", "rescue", "--hours", "1")
    password = said_once.splitlines()[1]
    rescuer = new()
    assert rescuer.post("/login/local/", username="rescue", password="wrong").status_code == 200
    page = rescuer.post("/login/local/", username="rescue", password=password)
    assert path(page) == "/c/"
    assert rescuer.get("/audit/").status_code == 200
    assert "rescue: until" in schema.run(lab, "portal", "django", "break_glass", "--list")
    schema.run(lab, "portal", "django", "break_glass", "rescue", "--end")
    assert not rescuer.is_in(), "its sessions are over with it"
    assert path(new().post("/login/local/", username="rescue", password=password)) == "/login/local/"
    noted = rows(lab, "SELECT what FROM portal_audit WHERE who = 'rescue' ORDER BY id")
    assert [what for (what,) in noted] == [
        "break-glass-made", "sign-in-refused", "break-glass-used", "break-glass-ended", "sign-in-refused",
    ]  # fmt: skip


def test_an_emergency_account_whose_time_is_over_is_out(lab: Lab, new: Callable[[], Browser]) -> None:
    password = schema.run(lab, "portal", "django", "break_glass", "late").splitlines()[1]
    rescuer = new()
    rescuer.post("/login/local/", username="late", password=password)
    assert rescuer.is_in()
    whose = "user_id = (SELECT id FROM auth_user WHERE username = 'late')"
    rows(lab, f"UPDATE portal_break_glass SET until = UTC_TIMESTAMP() WHERE {whose}")
    assert not rescuer.is_in()


# --- the staff's pages


def test_staff_see_who_may_see_what_and_who_did_what(lab: Lab, new: Callable[[], Browser]) -> None:
    alice, erin = new(), new()
    alice.sign_in("alice")
    erin.sign_in("erin")
    for page in ("/access/", "/audit/"):
        assert alice.get(page).status_code == 403
    access = erin.get("/access/").text
    for text in ("acme-voice-engineers", "voice-staff", "corp/alice", "acme (engineer)"):
        assert text in access
    assert "corp/alice" in erin.get("/audit/?who=corp/alice&what=sign-in").text
    assert "matches" in erin.get("/audit/?who=corp/nobody").text


def test_the_list_of_what_was_done_goes_on_page_by_page(lab: Lab, new: Callable[[], Browser]) -> None:
    erin = new()
    erin.sign_in("erin")
    with_many = ["('2026-01-01', 'many', '', '', 'export', 'acme', '{}')"] * 120
    columns = "(at, who, provider, address, what, client, detail)"
    rows(lab, f"INSERT INTO portal_audit {columns} VALUES {', '.join(with_many)}")
    page, pages, numbers = erin.get("/audit/?who=many"), 1, []
    while True:
        numbers.append(page.text.count('<th scope="row">many'))
        older = re.search(r'href="(\?[^"]+)" rel="next"', page.text)
        if not older:
            break
        page, pages = erin.get("/audit/" + older[1].replace("&amp;", "&")), pages + 1
    assert (pages, numbers) == (3, [50, 50, 20])


def test_providers_are_told_what_the_portal_is(lab: Lab, new: Callable[[], Browser]) -> None:
    page = new().get("/login/corp-saml/metadata.xml")
    assert page.status_code == 200
    assert f'entityID="{realms.entity_id(lab.portal_url, "corp-saml")}"' in page.text
    assert 'WantAssertionsSigned="true"' in page.text
    assert new().get("/login/corp/metadata.xml").status_code == 404
    assert query_of("?a=b") == {"a": "b"}
