"""All clients at once: for the provider's own staff, and for nobody else by any way."""

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client

from voice_portal.grafana import frontend, tokens
from voice_portal.grafana.frontend import Frontend

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("django_db", "signing_key")]

FLEET_ORG = 1_000_000
"""Of no client in here: the portal does not know the fleet's own."""
PAGE = {"X-Original-URI": frontend.FLEET_PATH}
QUESTION = {"X-Original-URI": "/grafana/api/ds/query", "X-Grafana-Org-Id": str(FLEET_ORG)}


@pytest.fixture(autouse=True)
def grafana(monkeypatch):
    """A Grafana with its web pages."""
    monkeypatch.setattr(frontend, "current", lambda: Frontend.PRESENT)


def viewer(browser, key, headers):
    token = browser.get("/auth/grafana", headers=headers).headers["X-JWT-Assertion"]
    return jwt.decode(token, key.public_key(), algorithms=["RS256"], audience="grafana")["sub"]


def test_staff_see_all_clients_in_one_tab_and_one_client_in_another(log_in, records, signing_key):
    acme = records.client(grafana_org_id=999_999)
    browser = log_in(is_staff=True)
    page = browser.get("/fleet/").content.decode()
    assert 'src="/grafana/d/voice-fleet/' in page
    for _ in range(2):
        for headers in (PAGE, QUESTION):
            assert viewer(browser, signing_key, headers) == tokens.FLEET_VIEWER
        own = {"X-Original-URI": "/grafana/api/ds/query", "X-Grafana-Org-Id": "999999"}
        assert viewer(browser, signing_key, own) == f"client-{acme}"
        assert browser.get(f"/c/{acme}/").status_code == 200


@pytest.mark.parametrize("headers", [PAGE | {"X-Grafana-Org-Id": str(FLEET_ORG)}, QUESTION])
def test_a_clients_user_gets_nothing_of_it(log_in, records, headers):
    browser = log_in(records.client())
    assert browser.get("/fleet/").status_code == 403
    answer = browser.get("/auth/grafana", headers=headers)
    assert (answer.status_code, "X-JWT-Assertion" in answer.headers) == (403, False)


def test_a_clients_user_who_asks_for_that_page_is_who_they_are(log_in, records, signing_key):
    """Grafana has no such dashboard for them."""
    acme = records.client()
    assert viewer(log_in(acme), signing_key, PAGE) == f"client-{acme}"


def test_a_session_that_says_so_is_not_believed(log_in, records, signing_key):
    """As if the session had been forged, or were from before addresses named the client."""
    acme = records.client()
    browser = log_in(acme)
    session = browser.session
    session["client"] = "Fleet"
    session.save()
    assert viewer(browser, signing_key, PAGE) == f"client-{acme}"
    assert browser.get("/fleet/").status_code == 403


def test_who_leaves_the_staff_loses_it_at_the_next_request(log_in, records, signing_key):
    acme = records.client()
    browser = log_in(acme, is_staff=True)
    assert viewer(browser, signing_key, PAGE) == tokens.FLEET_VIEWER
    User.objects.filter(pk=browser.user.pk).update(is_staff=False)
    assert viewer(browser, signing_key, {}) == f"client-{acme}"
    assert browser.get("/fleet/").status_code == 403


def test_a_stranger_is_sent_to_the_login():
    assert Client().get("/fleet/").status_code == 302


def test_a_grafana_without_pages_is_told(log_in, monkeypatch):
    monkeypatch.setattr(frontend, "current", lambda: Frontend.ABSENT)
    page = log_in(is_staff=True).get("/fleet/").content.decode()
    assert "without its web pages" in page
    assert "<iframe" not in page
