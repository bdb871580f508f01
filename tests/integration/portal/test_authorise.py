"""What nginx is told before it passes a request on to Grafana."""

import jwt
import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import portal
from tests.integration.portal.conftest import now
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


def test_who_may_see_one_client_gets_its_viewer(log_in, records, signing_key):
    acme = records.client()
    response = log_in(acme).get("/auth/grafana")
    assert (response.status_code, response.content) == (204, b"")
    assert "no-store" in response.headers["Cache-Control"]
    assert viewer(response, signing_key) == f"client-{acme}"


def page_of(org):
    return {"X-Original-URI": f"/grafana/d/voice-overview/-?orgId={org}&kiosk"}


def question_of(org):
    return {"X-Original-URI": "/grafana/api/ds/query", "X-Grafana-Org-Id": str(org)}


def test_two_tabs_show_two_clients(log_in, records, signing_key):
    """Each page of Grafana says whose it is: nothing is switched."""
    acme, globex = records.client(grafana_org_id=7), records.client(grafana_org_id=8)
    browser = log_in(acme, globex)
    for client, org in ((acme, 7), (globex, 8), (acme, 7)):
        for headers in (page_of(org), question_of(org)):
            assert viewer(browser.get("/auth/grafana", headers=headers), signing_key) == f"client-{client}"


@pytest.mark.parametrize("headers", [{}, {"X-Original-URI": "/grafana/api/search"}])
def test_who_may_see_two_clients_must_say_which(log_in, records, headers):
    browser = log_in(records.client(grafana_org_id=7), records.client(grafana_org_id=8))
    response = browser.get("/auth/grafana", headers=headers)
    assert (response.status_code, "X-JWT-Assertion" in response.headers) == (403, False)


def test_grafanas_files_are_for_everybody_who_may_see_a_client(log_in, records):
    headers = {"X-Original-URI": "/grafana/public/build/app.js"}
    assert log_in(records.client(), records.client()).get("/auth/grafana", headers=headers).status_code == 204
    assert log_in().get("/auth/grafana", headers=headers).status_code == 403


def test_nothing_that_the_browser_sends_opens_another_client(log_in, records, signing_key):
    acme, globex = records.client(grafana_org_id=7), records.client(grafana_org_id=8)
    headers = {
        "X-JWT-Assertion": "forged",
        "X-WEBAUTH-USER": "admin",
        "X-Original-URI": f"/grafana/d/voice-overview/-?client={globex}",
    }
    browser = log_in(acme)
    response = browser.get(f"/auth/grafana?client={globex}&sub=admin&orgId=8", headers=headers)
    assert viewer(response, signing_key) == f"client-{acme}"
    for other in (page_of(8), question_of(8), page_of(7) | question_of(8), question_of("07"), question_of("x")):
        response = browser.get("/auth/grafana", headers=other)
        assert (response.status_code, "X-JWT-Assertion" in response.headers) == (403, False)


def test_a_client_that_is_called_like_the_administrator_is_only_a_client(log_in, records, signing_key):
    records.clients.append("admin")
    values = {"display_name": "Admin", "time_zone": "UTC", "updated_at": now(), "access": portal.access("admin")}
    records.insert("voice_client", client="admin", **values)
    assert viewer(log_in("admin").get("/auth/grafana"), signing_key) == "client-admin"


def test_no_row_is_written(log_in, records, django_db):
    browser = log_in(records.client())
    with CaptureQueriesContext(django_db) as asked:
        browser.get("/auth/grafana")
    assert all(query["sql"].lstrip().startswith("SELECT") for query in asked), [query["sql"] for query in asked]
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
