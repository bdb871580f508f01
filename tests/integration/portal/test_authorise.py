"""What nginx is told before it passes a request on to Grafana."""

import jwt
import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from voice_portal.grafana import tokens

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("django_db", "signing_key")]


def viewer(response, key):
    (published,) = tokens.key_set(key)["keys"]
    token = response.headers["X-JWT-Assertion"]
    return jwt.decode(token, jwt.PyJWK(published), algorithms=["RS256"], audience="grafana", issuer="voice-portal")[
        "sub"
    ]


def test_a_stranger_gets_401_and_no_token():
    response = Client().get("/auth/grafana")
    assert response.status_code == 401
    assert "X-JWT-Assertion" not in response.headers


def test_a_user_without_client_gets_403_and_no_token(log_in):
    response = log_in().get("/auth/grafana")
    assert response.status_code == 403
    assert "X-JWT-Assertion" not in response.headers


def test_a_user_gets_the_viewer_of_the_sessions_client(log_in, records, signing_key):
    acme, globex = records.client(display_name="A"), records.client(display_name="B")
    browser = log_in(acme, globex)
    response = browser.get("/auth/grafana")
    assert (response.status_code, response.content) == (204, b"")
    assert "no-store" in response.headers["Cache-Control"]
    assert viewer(response, signing_key) == f"client-{acme}"
    browser.post("/client/", {"client": globex})
    assert viewer(browser.get("/auth/grafana"), signing_key) == f"client-{globex}"


def test_nothing_that_the_browser_sends_chooses_the_viewer(log_in, records, signing_key):
    acme, globex = records.client(), records.client()
    headers = {
        "X-JWT-Assertion": "forged",
        "X-Grafana-Org-Id": "1",
        "X-WEBAUTH-USER": "admin",
        "X-Original-URI": f"/grafana/?client={globex}",
    }
    response = log_in(acme).get(f"/auth/grafana?client={globex}&sub=admin", headers=headers)
    assert viewer(response, signing_key) == f"client-{acme}"


def test_a_page_that_was_opened_for_another_client_is_refused(log_in, records, signing_key):
    """nginx passes on which organisation a page of Grafana's says it belongs to."""
    client = records.client(grafana_org_id=7)
    browser = log_in(client)
    for own in ({}, {"X-Grafana-Org-Id": ""}, {"X-Grafana-Org-Id": "7"}):
        assert viewer(browser.get("/auth/grafana", headers=own), signing_key) == f"client-{client}"
    for other in ("8", "07", "7, 8", "x"):
        response = browser.get("/auth/grafana", headers={"X-Grafana-Org-Id": other})
        assert response.status_code == 403
        assert "X-JWT-Assertion" not in response.headers


def test_a_group_that_tries_to_be_the_administrator_is_only_a_client(log_in, signing_key):
    assert viewer(log_in("admin").get("/auth/grafana"), signing_key) == "client-admin"


def test_no_row_is_written(log_in, records, django_db):
    browser = log_in(records.client())
    with CaptureQueriesContext(django_db) as asked:
        browser.get("/auth/grafana")
    assert all(query["sql"].startswith("SELECT") for query in asked)
    assert len(asked) <= 4


def test_only_reading_methods_are_answered(log_in, records):
    assert log_in(records.client()).post("/auth/grafana").status_code == 405


LONG = "/grafana/explore?left=" + "x" * 4000


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/grafana/d/vp-1/-?orgId=7&kiosk", "/login/?next=%2Fgrafana%2Fd%2Fvp-1%2F-%3ForgId%3D7%26kiosk"),
        ("/grafana/", "/login/?next=%2Fgrafana%2F"),
        ("/grafana/api/ds/query", "/login/"),
        ("/grafana/public/build/app.js", "/login/"),
        ("https://evil.example/grafana/", "/login/"),
        ("//evil.example/grafana/", "/login/"),
        ("/probes/inbound/", "/login/"),
        (LONG, "/login/"),
        ("", "/login/"),
    ],
)
def test_whoever_logs_in_for_a_page_of_grafana_gets_there(django_db, asked, location):
    response = Client().get("/auth/sign-in", headers={"X-Original-URI": asked})
    assert (response.status_code, response.url) == (302, location)
    assert "no-store" in response.headers["Cache-Control"]


def test_the_login_leads_on_to_the_page_that_was_asked_for(log_in):
    user = log_in().user
    asked = Client().get("/auth/sign-in", headers={"X-Original-URI": "/grafana/d/vp-1/-?orgId=7&kiosk"}).url
    form = {"username": user.username, "password": "a password for tests", "next": "/grafana/d/vp-1/-?orgId=7&kiosk"}
    assert Client().post(asked, form).url == "/grafana/d/vp-1/-?orgId=7&kiosk"
