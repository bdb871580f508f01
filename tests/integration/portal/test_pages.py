"""The pages over real rows: what they show, and to whom."""

import re
from unittest import mock

import pytest
from django.core.cache import cache
from django.test import Client

from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def grafana():
    """What the portal believes of Grafana; a test may change it."""
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield lambda found: cache.set(frontend.CACHE_KEY, found, 60)
    cache.clear()


@pytest.fixture
def acme(records):
    """A client with one probe that has been called."""
    client = records.client(display_name="Acme Insurance", grafana_org_id=7)
    records.probe(client, uid="0b5f2c1e-8a77-4f3c-9d5e-" + client[-12:])
    records.call(client)
    return client


@pytest.fixture
def globex(records):
    """Another client, with a probe of the same name and one of its own."""
    client = records.client(display_name="Globex")
    records.probe(client, display_name="Globex's own line")
    records.probe(client, "secret-line")
    records.call(client, sip_reason="globex only")
    return client


def text(response):
    return response.content.decode()


@pytest.mark.parametrize("page", ["/", "/probes/inbound/"])
def test_a_stranger_is_sent_to_the_login(django_db, page):
    response = Client().get(page)
    assert (response.status_code, response.url) == (302, f"/login/?next={page}")


def test_a_wrong_password_is_told(log_in):
    user = log_in().user
    response = Client().post("/login/", {"username": user.username, "password": "wrong"})
    assert 'role="alert"' in text(response)


def test_logging_in_and_out(log_in, acme):
    user = log_in(acme).user
    browser = Client()
    assert browser.post("/login/", {"username": user.username, "password": "a password for tests"}).url == "/"
    assert browser.get("/").status_code == 200
    assert browser.post("/logout/").url == "/login/"
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_logged_out_already_is_not_asked_to_log_in_to_log_out(django_db, method):
    response = getattr(Client(), method)("/logout/")
    assert (response.status_code, response.url) == (302, "/login/")


def test_the_overview_shows_the_clients_probes_alone(log_in, acme, globex):
    page = text(log_in(acme).get("/"))
    assert "Inbound sales" in page
    assert '<span class="pill healthy">Healthy</span>' in page
    assert "Globex" not in page
    assert "secret-line" not in page


def test_the_overview_without_probes_says_how_to_make_one(log_in, records):
    client = records.client()
    page = text(log_in(client).get("/"))
    assert "kubectl apply" in page
    assert f"namespace: {client}" in page


def test_a_client_that_is_not_published_yet_is_empty(log_in):
    assert "kubectl apply" in text(log_in("t-not-published").get("/"))


def test_another_clients_probe_is_not_there(log_in, acme, globex):
    browser = log_in(acme)
    response = browser.get("/probes/secret-line/")
    assert response.status_code == 404
    assert "There is no such page" in text(response)
    assert "globex only" not in text(browser.get("/probes/inbound/"))


def test_another_client_cannot_be_chosen(log_in, acme, globex):
    browser = log_in(acme)
    assert browser.post("/client/", {"client": globex}).status_code == 404
    assert "Globex" not in text(browser.get(f"/?client={globex}", headers={"X-Client": globex}))


def test_a_forged_wish_in_the_session_is_not_granted(log_in, acme, globex):
    browser = log_in(acme)
    session = browser.session
    session["client"] = globex
    session.save()
    assert "Globex" not in text(browser.get("/"))


def test_a_user_of_two_clients_switches(log_in, acme, globex):
    browser = log_in(acme, globex)
    assert "<h1>Acme Insurance</h1>" in text(browser.get("/"))
    assert browser.post("/client/", {"client": globex}).url == "/"
    assert "<h1>Globex</h1>" in text(browser.get("/"))
    assert browser.get("/probes/secret-line/").status_code == 200


def test_leaving_the_group_takes_effect_at_the_next_request(log_in, acme):
    browser = log_in(acme)
    assert browser.get("/").status_code == 200
    browser.user.groups.clear()
    assert browser.get("/").status_code == 403


def test_staff_see_every_client(log_in, acme, globex):
    page = text(log_in(is_staff=True).get("/"))
    assert f'value="{acme}"' in page
    assert f'value="{globex}"' in page


def test_a_user_without_client_is_told_so(log_in):
    response = log_in().get("/")
    assert response.status_code == 403
    assert "may not see any client yet" in text(response)


def test_the_probe_page_tells_why_it_is_unhealthy(log_in, records, acme):
    records.call(acme, ago=10, disposition="failed", sip_code=503, sip_reason="Service Unavailable", pdd_ms=None,
                 forward=False, reverse=False)  # fmt: skip
    page = text(log_in(acme).get("/probes/inbound/"))
    assert "The last call was not answered: Failed (503 Service Unavailable)." in page
    assert page.count('class="mark"') == 5


def test_a_probe_that_cannot_be_called_tells_why_on_both_pages(log_in, records, acme):
    records.call(acme, ago=5, disposition="configuration_error", sip_code=None, pdd_ms=None,
                 sip_reason="Nothing to play: there is no x.wav.", forward=False, reverse=False)  # fmt: skip
    browser = log_in(acme)
    for address in ("/", "/probes/inbound/"):
        page = text(browser.get(address))
        assert "Configuration error: Nothing to play: there is no x.wav." in page
        assert '<span class="pill unhealthy">' in page


def test_what_operators_and_far_ends_write_is_escaped(log_in, records):
    client = records.client(display_name="<script>alert(1)</script>")
    records.probe(client, display_name="<img src=x onerror=alert(2)>", destination="sip:<b>@x")
    records.call(client, disposition="failed", sip_code=500, sip_reason="<script>alert(3)</script>")
    browser = log_in(client)
    for page in (text(browser.get("/")), text(browser.get("/probes/inbound/"))):
        assert not re.search(r"<script|<img|<b>@", page)


def test_times_are_in_the_clients_zone(log_in, records):
    client = records.client(time_zone="Asia/Kathmandu")
    records.probe(client)
    records.call(client)
    assert "+05:45" in text(log_in(client).get("/"))


def test_an_invalid_call_is_listed_but_does_not_count(log_in, records, acme):
    records.call(acme, ago=5, valid=0, forward={"mos_cq": 1}, reverse={"mos_cq": 1})
    page = text(log_in(acme).get("/probes/inbound/"))
    assert "not counted" in page
    assert '<span class="pill healthy">' in page


def test_grafanas_dashboard_is_embedded(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    page = text(log_in(acme).get("/probes/inbound/"))
    assert f'src="/grafana/d/vp-0b5f2c1e8a774f3c9d5e{acme[-12:]}/-?orgId=7&amp;kiosk' in page
    assert "<figure" not in page


def test_grafanas_dashboard_shows_the_time_that_the_address_asks_for(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    browser = log_in(acme)
    for page in ("/probes/inbound/", "/trends/"):
        assert "&amp;from=now-28d&amp;to=now-1s" in text(browser.get(f"{page}?range=28d"))
        assert browser.get(f"{page}?range=28d%26orgId=1").status_code == 404


def test_all_probes_over_time_are_grafanas_overview(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    browser = log_in(acme)
    assert 'href="/trends/"' in text(browser.get("/"))
    assert 'src="/grafana/d/voice-overview/-?orgId=7&amp;kiosk' in text(browser.get("/trends/"))


without_grafana = pytest.mark.parametrize(
    ("found", "sentence"),
    [(Frontend.ABSENT, "installed without its web pages"), (Frontend.AWAY, "Grafana does not answer")],
)


@without_grafana
def test_without_grafana_the_page_over_time_says_so(log_in, acme, grafana, found, sentence):
    grafana(found)
    page = text(log_in(acme).get("/trends/"))
    assert sentence in page
    assert "<iframe" not in page


@without_grafana
def test_own_charts_stand_in_for_grafana(log_in, acme, grafana, found, sentence):
    grafana(found)
    page = text(log_in(acme).get("/probes/inbound/"))
    assert sentence in page
    assert page.count("<figure") == 5
    assert 'aria-label="MOS. Forward: 4.3 to 4.3, last 4.3, 1 calls.' in page


def test_a_client_without_organisation_gets_own_charts(log_in, records, grafana):
    grafana(Frontend.PRESENT)
    client = records.client()
    records.probe(client)
    assert "Grafana is not ready for this client yet" in text(log_in(client).get("/probes/inbound/"))


def test_an_unknown_range_is_not_found(log_in, acme):
    browser = log_in(acme)
    assert browser.get("/probes/inbound/?range=24h").status_code == 200
    page = text(browser.get("/probes/inbound/?range=28d"))
    assert '<a href="?range=24h" aria-current="true">' in page, "the longest that the portal draws itself"
    assert browser.get("/probes/inbound/?range=9y").status_code == 404


def test_the_number_of_queries_does_not_grow(log_in, records, acme, django_db):
    from django.test.utils import CaptureQueriesContext

    browser = log_in(acme)
    for number in range(5):
        records.probe(acme, f"more-{number}")
        records.call(acme, f"more-{number}")
    for page, most in (("/", 7), ("/probes/inbound/", 10)):
        with CaptureQueriesContext(django_db) as asked:
            browser.get(page)
        assert len(asked) <= most, [query["sql"] for query in asked]


def test_logging_out_takes_a_post(log_in, acme):
    browser = log_in(acme)
    asked = browser.get("/logout/")
    assert "Log out" in text(asked)
    assert browser.get("/").status_code == 200, "still logged in"
    browser.post("/logout/")
    assert browser.get("/").status_code == 302


def test_no_page_may_run_a_script_or_be_framed(log_in, acme):
    headers = log_in(acme).get("/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_browser_keeps_a_page(log_in, acme):
    browser = log_in(acme)
    for answer in (*map(browser.get, ("/", "/probes/inbound/", "/none/", "/logout/")), Client().get("/login/")):
        assert "no-store" in answer.headers["Cache-Control"]


def test_the_style_sheet_is_served_without_a_login_and_may_be_kept(django_db):
    response = Client().get("/static/voice_portal/portal.css")
    assert "max-age" in response.headers["Cache-Control"]
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
    response.close()


def test_a_database_that_is_away_is_told(django_db, log_in, acme):
    browser = log_in(acme)
    django_db.close()
    with mock.patch.dict(django_db.settings_dict, PORT=1):
        response = browser.get("/")
        assert response.status_code == 503
        assert "The database does not answer" in text(response)
        assert Client().get("/healthz/database").status_code == 503
        assert Client().get("/healthz").status_code == 200, "or nobody would be sent to the page that says it"
    django_db.close()
    assert browser.get("/").status_code == 200


def test_any_other_fault_is_a_page_too(log_in, acme):
    with mock.patch("voice_portal.probes.views.render", side_effect=RuntimeError("a bug")):
        response = log_in(acme).get("/")
    assert response.status_code == 500
    assert "Something went wrong here" in text(response)
    assert "a bug" not in text(response)


def test_health_is_answered_whatever_the_host_is_called(django_db):
    response = Client().get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert Client().get("/healthz/database", headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400
