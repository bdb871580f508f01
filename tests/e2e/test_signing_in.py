"""A person with a browser signs in with the account of the directory, by either protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import portal as portal_settings
from tests.federated import PROTOCOLS, open_client
from tests.labs import own_lab
from voice_lab.context import Lab
from voice_lab.identity import domain, people

portal_settings.set_up()

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab("signing-in", ("identity", "portal")) as lab:
        for client in ("acme", "globex"):
            open_client(lab, client, *PROTOCOLS)
        yield lab


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser that trusts the lab's authority, as a company's browsers do theirs."""
    with closing(chromium.new_context(ignore_https_errors=True)) as context:  # type: ignore[type-var]
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def fill_in(page: Page, lab: Lab, name: str) -> None:
    """Answer Keycloak, which asks for the account."""
    page.get_by_label("Username or email").fill(name)
    page.get_by_role("textbox", name="Password").fill(lab.passwords["demo"])
    page.get_by_role("button", name="Sign In").click()


def sign_in(page: Page, lab: Lab, name: str, button: str | None = None) -> None:
    """Ask for the first page, say who one is, and follow wherever that leads; `button`: a provider's own."""
    page.goto(lab.portal_url)
    if button:
        page.get_by_role("button", name=button, exact=True).click()
    else:
        page.get_by_label("E-mail address").fill(people.EVERYBODY[name].mail)
        page.get_by_role("button", name="Continue").click()
    fill_in(page, lab, name)


def test_the_e_mail_address_leads_to_the_provider_and_from_there_to_ones_own_client(lab: Lab, page: Page) -> None:
    sign_in(page, lab, "alice")
    page.wait_for_url(f"{lab.portal_url}/c/acme/")
    expect(page.get_by_role("banner")).to_contain_text("Alice")


def test_saml_does_too(lab: Lab, page: Page) -> None:
    sign_in(page, lab, "carol", "Log in with Corp (SAML)")
    page.wait_for_url(f"{lab.portal_url}/c/globex/")


def test_a_link_from_a_mail_is_opened_after_signing_in(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.portal_url}/c/acme/calls/?outcome=busy")
    page.get_by_label("E-mail address").fill("alice@acme.example")
    page.get_by_role("button", name="Continue").click()
    fill_in(page, lab, "alice")
    page.wait_for_url(f"{lab.portal_url}/c/acme/calls/?outcome=busy")


def test_who_leaves_the_group_sees_nothing_at_the_next_sign_in_and_is_told_whom_to_ask(lab: Lab, page: Page) -> None:
    domain.leave(lab, "bob", "acme-voice-viewers")
    try:
        sign_in(page, lab, "bob")
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.request.get(f"{lab.portal_url}/c/acme/", max_redirects=0).status == 302
    finally:
        domain.join(lab, "bob", "acme-voice-viewers")
    page.context.clear_cookies()
    sign_in(page, lab, "bob")
    page.wait_for_url(f"{lab.portal_url}/c/acme/")


def test_signing_out_ends_both_sessions(lab: Lab, page: Page) -> None:
    sign_in(page, lab, "alice")
    page.wait_for_url(f"{lab.portal_url}/c/acme/")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{lab.portal_url}/**")
    page.goto(f"{lab.portal_url}/c/acme/")
    page.get_by_label("E-mail address").fill("alice@acme.example")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("textbox", name="Password")).to_be_visible()


def test_staff_begin_with_the_list_of_clients(lab: Lab, page: Page) -> None:
    sign_in(page, lab, "erin")
    page.wait_for_url(f"{lab.portal_url}/c/")
    expect(page.get_by_role("link", name="acme")).to_be_visible()
