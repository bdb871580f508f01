"""All clients at once: for the provider's own staff, and for nobody else by any way."""

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client

from voice_portal.accounts.clients import FLEET, SESSION_KEY
from voice_portal.grafana import frontend, tokens
from voice_portal.grafana.frontend import Frontend

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("django_db", "signing_key")]


@pytest.fixture(autouse=True)
def grafana(monkeypatch):
    """A Grafana with its web pages."""
    monkeypatch.setattr(frontend, "current", lambda: Frontend.PRESENT)


def viewer(browser, key):
    token = browser.get("/auth/grafana").headers["X-JWT-Assertion"]
    return jwt.decode(token, key.public_key(), algorithms=["RS256"], audience="grafana")["sub"]


def test_staff_switch_to_all_clients_and_back(log_in, records, signing_key):
    acme = records.client()
    browser = log_in(acme, is_staff=True)
    answer = browser.post("/client/", {"client": FLEET})
    assert (answer.status_code, answer.url) == (302, "/fleet/")
    assert viewer(browser, signing_key) == tokens.FLEET_VIEWER
    page = browser.get("/fleet/").content.decode()
    assert 'src="/grafana/d/voice-fleet/' in page
    assert browser.get("/").url == "/fleet/"
    assert browser.get("/probes/inbound/").status_code == 403
    browser.post("/client/", {"client": acme})
    assert viewer(browser, signing_key) == f"client-{acme}"


def test_a_look_at_the_page_switches_nothing(log_in, records, signing_key):
    acme = records.client(display_name="0 first")
    browser = log_in(acme, is_staff=True)
    browser.post("/client/", {"client": acme})
    page = browser.get("/fleet/").content.decode()
    assert "<iframe" not in page
    assert "Show all clients" in page
    assert viewer(browser, signing_key) == f"client-{acme}"


@pytest.mark.parametrize("wish", [FLEET, FLEET.lower(), "Fleet (all clients)", "fleet-viewer"])
def test_a_clients_user_cannot_wish_for_it(log_in, records, signing_key, wish):
    acme = records.client()
    browser = log_in(acme)
    assert browser.post("/client/", {"client": wish}).status_code == 404
    assert browser.get("/fleet/").status_code == 403
    assert viewer(browser, signing_key) == f"client-{acme}"


def test_a_session_that_says_so_is_not_believed(log_in, records, signing_key):
    """As if the session had been forged, or its owner had been of the staff once."""
    acme = records.client()
    browser = log_in(acme)
    session = browser.session
    session[SESSION_KEY] = FLEET
    session.save()
    assert viewer(browser, signing_key) == f"client-{acme}"
    assert browser.get("/fleet/").status_code == 403


def test_who_leaves_the_staff_loses_it_at_the_next_request(log_in, records, signing_key):
    acme = records.client()
    browser = log_in(acme, is_staff=True)
    browser.post("/client/", {"client": FLEET})
    User.objects.filter(pk=browser.user.pk).update(is_staff=False)
    assert viewer(browser, signing_key) == f"client-{acme}"
    assert browser.get("/fleet/").status_code == 403


def test_a_group_of_that_name_is_only_a_client(log_in, signing_key):
    browser = log_in(FLEET)
    browser.post("/client/", {"client": FLEET})
    assert viewer(browser, signing_key) == f"client-{FLEET}"


def test_a_stranger_is_sent_to_the_login():
    assert Client().get("/fleet/").status_code == 302


def test_a_grafana_without_pages_is_told(log_in, records, monkeypatch):
    monkeypatch.setattr(frontend, "current", lambda: Frontend.ABSENT)
    browser = log_in(records.client(), is_staff=True)
    browser.post("/client/", {"client": FLEET})
    page = browser.get("/fleet/").content.decode()
    assert "without its web pages" in page
    assert "<iframe" not in page
