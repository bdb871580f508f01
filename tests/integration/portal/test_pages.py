"""The pages over real rows: what they show, and to whom."""

import re
import uuid
from datetime import timedelta
from unittest import mock

import pytest
from django.core.cache import cache
from django.test import Client

from tests import portal
from tests.integration.portal.conftest import now
from tests.portal import foreign_scripts
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


def inbound(client):
    """The page of the probe that every client here has."""
    return f"/c/{client}/probes/inbound/"


@pytest.mark.parametrize("page", ["/", "/c/", "/c/acme/", "/c/acme/probes/inbound/", "/probes/inbound/"])
def test_a_stranger_is_sent_to_the_login(django_db, page):
    response = Client().get(page)
    assert (response.status_code, response.url) == (302, f"/login/?next={page}")


def test_a_wrong_password_is_told(log_in):
    user = log_in().user
    response = Client().post("/login/local/", {"username": user.username, "password": "wrong"})
    assert 'role="alert"' in text(response)


@pytest.fixture
def local_account(records, django_db):
    """Name and password of somebody of the staff, for when no provider can be asked."""
    from django.contrib.auth.models import User

    from voice_portal.accounts.management.commands import break_glass

    account = {"username": f"l-{uuid.uuid4().hex[:12]}", "password": "a password for tests"}
    break_glass.make(*account.values(), timedelta(hours=1))
    yield account
    User.objects.filter(username=account["username"]).delete()


def test_logging_in_and_out(local_account, acme):
    browser = Client()
    assert browser.post("/login/local/", local_account).url == "/"
    assert browser.get("/c/").status_code == 200
    assert browser.post("/logout/").status_code == 302
    assert browser.get("/c/").status_code == 302


def test_who_signs_in_for_a_page_lands_on_it(local_account, acme):
    browser = Client()
    page = f"{inbound(acme)}?range=1h"
    asked = browser.get(page).url
    assert asked == f"/login/?next={inbound(acme)}%3Frange%3D1h"
    assert browser.post("/login/local/", {**local_account, "next": page}).url == page
    assert browser.get(page).status_code == 200


def test_who_signs_in_for_a_page_of_grafana_lands_on_it(local_account):
    browser = Client()
    asked = "/grafana/d/vp-1/-?orgId=7&kiosk"
    login = browser.get("/auth/sign-in", headers={"X-Original-URI": asked}).url
    assert login == "/login/?next=%2Fgrafana%2Fd%2Fvp-1%2F-%3ForgId%3D7%26kiosk"
    assert browser.post("/login/local/", {**local_account, "next": asked}).url == asked


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_logged_out_already_is_not_asked_to_log_in_to_log_out(django_db, method):
    response = getattr(Client(), method)("/logout/")
    assert (response.status_code, response.url) == (302, "/login/")


def test_the_overview_shows_the_clients_probes_alone(log_in, acme, globex):
    page = text(log_in(acme).get(f"/c/{acme}/"))
    assert "Inbound sales" in page
    assert '<span class="pill healthy">Healthy</span>' in page
    assert "Globex" not in page
    assert "secret-line" not in page


def test_the_overview_without_probes_says_how_to_make_one(log_in, records):
    client = records.client()
    page = text(log_in(client).get(f"/c/{client}/"))
    assert "kubectl apply" in page
    assert f"namespace: {client}" in page


def test_another_clients_probe_is_not_there(log_in, acme, globex):
    browser = log_in(acme)
    for page in (f"/c/{acme}/probes/secret-line/", f"/c/{globex}/probes/secret-line/", inbound(globex)):
        response = browser.get(page)
        assert response.status_code == 404
        assert "There is no such page" in text(response)
        assert "Globex" not in text(response)
    assert "globex only" not in text(browser.get(inbound(acme)))


def test_another_client_is_like_one_that_does_not_exist(log_in, acme, globex):
    browser = log_in(acme)
    for page in ("", "trends/", "probes/inbound/", "dashboards/voice-overview/"):
        theirs, nobodys = (browser.get(f"/c/{client}/{page}") for client in (globex, "none-such"))
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content) == (404, nobodys.content)
    assert "Globex" not in text(browser.get(f"/c/{acme}/?client={globex}", headers={"X-Client": globex}))


@pytest.mark.parametrize("name", ["Acme", "acme.", "-acme", "a" * 64, "acme..x", "%61cme", "acme%20", "é"])
def test_what_no_namespace_is_called_is_not_found(log_in, acme, name):
    assert log_in(acme).get(f"/c/{name}/").status_code == 404


def test_two_tabs_show_two_clients(log_in, acme, globex):
    browser = log_in(acme, globex)
    for _ in range(2):
        assert "<h1>Acme Insurance</h1>" in text(browser.get(f"/c/{acme}/"))
        assert "<h1>Globex</h1>" in text(browser.get(f"/c/{globex}/"))
    assert browser.get(f"/c/{globex}/probes/secret-line/").status_code == 200
    assert browser.get(f"/c/{acme}/probes/secret-line/").status_code == 404


def test_a_client_may_be_called_like_a_page(log_in, records):
    for name in ("trends", "fleet", "c", "probes", "login"):
        records.clients.append(name)
        values = {"display_name": f"{name} Ltd", "time_zone": "UTC", "updated_at": now(), "access": portal.access(name)}
        records.insert("voice_client", client=name, **values)
        assert f"<h1>{name} Ltd</h1>" in text(log_in(name).get(f"/c/{name}/"))
        assert log_in(name).get(f"/c/{name}/trends/").status_code == 200
        assert log_in(name).get("/").url == f"/c/{name}/"


class TestTheStart:
    def test_who_may_see_one_client_is_led_to_it(self, log_in, acme):
        assert log_in(acme).get("/").url == f"/c/{acme}/"

    def test_who_may_see_several_is_led_to_their_list(self, log_in, acme, globex):
        assert log_in(acme, globex).get("/").url == "/c/"

    def test_staff_are_led_to_the_list_of_all(self, log_in, acme, globex):
        browser = log_in(is_staff=True)
        assert browser.get("/").url == "/c/"
        page = text(browser.get("/c/"))
        for address in (f"/c/{acme}/", f"/c/{globex}/", "/fleet/", "/hosts/"):
            assert f'href="{address}"' in page

    @pytest.mark.parametrize("page", ["/", "/c/"])
    def test_who_may_see_none_is_told_so(self, log_in, page):
        response = log_in().get(page)
        assert response.status_code == 403
        assert "may not see any client yet" in text(response)


class TestTheListOfClients:
    def test_it_counts_healths_and_shows_the_worst_first(self, log_in, records, acme, globex):
        records.call(globex, "secret-line", disposition="failed", sip_code=503, forward=False, reverse=False)
        empty = records.client(display_name="Empty")
        page = text(log_in(acme, globex, empty).get("/c/"))
        rows = re.findall(r'<tr role="row">\s*<th role="rowheader".*?</tr>', page, re.DOTALL)
        assert [re.search(r"/c/([^/]+)/", row)[1] for row in rows] == [globex, acme, empty]
        assert [re.findall(r'class="pill (\w+)">([^<]+)<', row) for row in rows] == [
            [("unhealthy", "1 Unhealthy"), ("healthy", "1 Healthy")],
            [("healthy", "1 Healthy")],
            [],
        ]
        assert "No probe yet" in rows[2]

    def test_it_has_nobody_elses(self, log_in, acme, globex):
        assert "Globex" not in text(log_in(acme).get("/c/?q=globex"))

    def test_it_can_be_searched_when_it_is_long(self, log_in, records, acme, globex):
        assert 'type="search"' not in text(log_in(acme, globex).get("/c/"))
        more = [records.client(display_name=f"Number {number}") for number in range(9)]
        browser = log_in(acme, globex, *more)
        assert 'type="search"' in text(browser.get("/c/"))
        found = text(browser.get("/c/", {"q": " ACME ins "}))
        assert ("Acme Insurance" in found, "Globex" in found, "Number 1" in found) == (True, False, False)
        assert 'value="ACME ins"' in found
        nothing = text(browser.get("/c/", {"q": "<b>x"}))
        assert "None of your clients has “&lt;b&gt;x”" in nothing

    def test_the_number_of_queries_does_not_grow(self, log_in, records, django_db):
        from django.test.utils import CaptureQueriesContext

        browser = log_in(*(records.client() for _ in range(12)))
        with CaptureQueriesContext(django_db) as asked:
            browser.get("/c/")
        assert len(asked) <= 5, [query["sql"] for query in asked]


class TestAddressesOfBefore:
    """Which did not name the client. They stand in old mails."""

    def test_they_lead_on_where_only_one_client_can_be_meant(self, log_in, records, acme, globex):
        call = records.call(globex, "secret-line")
        browser = log_in(acme, globex)
        page = f"/c/{globex}/probes/secret-line/"
        assert browser.get("/probes/secret-line/?range=1h").url == f"{page}?range=1h"
        assert browser.get(f"/probes/secret-line/calls/{call}/").url == f"/c/{globex}/calls/{call}/"
        assert log_in(acme).get("/trends/?range=7d").url == f"/c/{acme}/trends/?range=7d"
        assert log_in(acme).get("/probes/inbound/").url == inbound(acme)

    def test_and_nowhere_else(self, log_in, records, acme, globex):
        browser = log_in(acme, globex)
        for page in ("/probes/inbound/", f"/probes/inbound/calls/{records.call(acme)}/", "/trends/", "/probes/none/"):
            assert browser.get(page).status_code == 404
        assert log_in(acme).get("/probes/secret-line/").status_code == 404
        assert log_in().get("/trends/").status_code == 404
        assert browser.post("/probes/secret-line/").status_code == 405


def test_what_the_provider_says_takes_effect_at_the_next_request(log_in, acme):
    browser = log_in(acme)
    assert browser.get(f"/c/{acme}/").status_code == 200
    browser.user.membership_set.all().delete()
    assert browser.get(f"/c/{acme}/").status_code == 404


def test_what_the_client_says_takes_effect_at_the_next_request(log_in, records, acme):
    browser = log_in(acme)
    with records.connection.cursor() as cursor:
        cursor.execute("UPDATE voice_client SET access = NULL WHERE client = %s", [acme])
    assert browser.get(f"/c/{acme}/").status_code == 404


def test_the_probe_page_tells_why_it_is_unhealthy(log_in, records, acme):
    records.call(acme, ago=10, disposition="failed", sip_code=503, sip_reason="Service Unavailable", pdd_ms=None,
                 forward=False, reverse=False)  # fmt: skip
    page = text(log_in(acme).get(inbound(acme)))
    assert "The last call was not answered: Failed (503 Service Unavailable)." in page
    assert page.count('class="mark"') == 5


def test_a_probe_that_cannot_be_called_tells_why_on_both_pages(log_in, records, acme):
    records.call(acme, ago=5, disposition="configuration_error", sip_code=None, pdd_ms=None,
                 sip_reason="Nothing to play: there is no x.wav.", forward=False, reverse=False)  # fmt: skip
    browser = log_in(acme)
    for address in (f"/c/{acme}/", inbound(acme)):
        page = text(browser.get(address))
        assert "Configuration error: Nothing to play: there is no x.wav." in page
        assert '<span class="pill unhealthy">' in page


def test_what_operators_and_far_ends_write_is_escaped(log_in, records):
    client = records.client(display_name="<script>alert(1)</script>")
    records.probe(client, display_name="<img src=x onerror=alert(2)>", destination="sip:<b>@x")
    records.call(client, disposition="failed", sip_code=500, sip_reason="<script>alert(3)</script>")
    browser = log_in(client)
    for page in map(text, map(browser.get, ("/c/", f"/c/{client}/", inbound(client)))):
        assert not foreign_scripts(page)
        assert not re.search(r"<img|<b>@", page)


def test_times_are_in_the_clients_zone(log_in, records):
    client = records.client(time_zone="Asia/Kathmandu")
    records.probe(client)
    records.call(client)
    assert "+05:45" in text(log_in(client).get(f"/c/{client}/"))


def test_an_invalid_call_is_listed_but_does_not_count(log_in, records, acme):
    records.call(acme, ago=5, valid=0, forward={"mos_cq": 1}, reverse={"mos_cq": 1})
    page = text(log_in(acme).get(inbound(acme)))
    assert "not counted" in page
    assert '<span class="pill healthy">' in page


def test_grafanas_dashboard_is_embedded(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    page = text(log_in(acme).get(inbound(acme)))
    assert f'src="/grafana/d/vp-0b5f2c1e8a774f3c9d5e{acme[-12:]}/-?orgId=7&amp;kiosk' in page
    assert "<figure" not in page


def test_grafanas_dashboard_shows_the_time_that_the_address_asks_for(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    browser = log_in(acme)
    for page in (inbound(acme), f"/c/{acme}/trends/"):
        assert "&amp;from=now-28d&amp;to=now-1s" in text(browser.get(f"{page}?range=28d"))
        assert browser.get(f"{page}?range=28d%26orgId=1").status_code == 404


def test_all_probes_over_time_are_grafanas_overview(log_in, acme, grafana):
    grafana(Frontend.PRESENT)
    browser = log_in(acme)
    assert f'href="/c/{acme}/trends/"' in text(browser.get(f"/c/{acme}/"))
    assert 'src="/grafana/d/voice-overview/-?orgId=7&amp;kiosk' in text(browser.get(f"/c/{acme}/trends/"))


class TestTheAddressOfADashboard:
    """It stands in mails and in the status of objects: it names the client, not Grafana's number of it."""

    def test_it_leads_to_grafana(self, log_in, acme, globex, grafana):
        grafana(Frontend.PRESENT)
        browser = log_in(acme, globex)
        for uid in ("voice-overview", "vp-" + "0b5f2c1e8a774f3c9d5e1f2a3b4c5d6e"):
            assert browser.get(f"/c/{acme}/dashboards/{uid}/").url.startswith(f"/grafana/d/{uid}/-?orgId=7&kiosk&")

    @pytest.mark.parametrize("found", [Frontend.ABSENT, Frontend.AWAY])
    def test_without_grafana_it_leads_to_the_portals_own_page(self, log_in, acme, grafana, found):
        grafana(found)
        browser = log_in(acme)
        uid = f"vp-0b5f2c1e8a774f3c9d5e{acme[-12:]}"
        assert browser.get(f"/c/{acme}/dashboards/{uid}/").url == inbound(acme)
        assert browser.get(f"/c/{acme}/dashboards/voice-overview/").url == f"/c/{acme}/trends/"
        assert browser.get(f"/c/{acme}/dashboards/vp-{'0' * 32}/").status_code == 404

    @pytest.mark.parametrize("uid", ["voice-fleet", "vp-1", "home", "vp-" + "G" * 32, "x?orgId=1"])
    def test_no_other_dashboard_has_one(self, log_in, acme, grafana, uid):
        grafana(Frontend.PRESENT)
        assert log_in(acme).get(f"/c/{acme}/dashboards/{uid}/").status_code == 404

    def test_nobody_elses_client_has_one(self, log_in, acme, globex, grafana):
        grafana(Frontend.PRESENT)
        assert log_in(acme).get(f"/c/{globex}/dashboards/voice-overview/").status_code == 404


without_grafana = pytest.mark.parametrize(
    ("found", "sentence"),
    [(Frontend.ABSENT, "installed without its web pages"), (Frontend.AWAY, "Grafana does not answer")],
)


@without_grafana
def test_without_grafana_the_page_over_time_says_so(log_in, acme, grafana, found, sentence):
    grafana(found)
    page = text(log_in(acme).get(f"/c/{acme}/trends/"))
    assert sentence in page
    assert "<iframe" not in page


@without_grafana
def test_own_charts_stand_in_for_grafana(log_in, acme, grafana, found, sentence):
    grafana(found)
    page = text(log_in(acme).get(inbound(acme)))
    assert sentence in page
    assert page.count("<figure") == 5
    assert 'aria-label="MOS. Forward: 4.3 to 4.3, last 4.3, 1 calls.' in page


def test_a_client_without_organisation_gets_own_charts(log_in, records, grafana):
    grafana(Frontend.PRESENT)
    client = records.client()
    records.probe(client)
    assert "Grafana is not ready for this client yet" in text(log_in(client).get(inbound(client)))


def test_an_unknown_range_is_not_found(log_in, acme):
    browser = log_in(acme)
    assert browser.get(f"{inbound(acme)}?range=24h").status_code == 200
    page = text(browser.get(f"{inbound(acme)}?range=28d"))
    assert '<a href="?range=28d" aria-current="true">' in page, "without Grafana, too"
    assert browser.get(f"{inbound(acme)}?range=9y").status_code == 404


def test_the_number_of_queries_does_not_grow(log_in, records, acme, django_db):
    from django.test.utils import CaptureQueriesContext

    browser = log_in(acme)
    for number in range(5):
        records.probe(acme, f"more-{number}")
        records.call(acme, f"more-{number}")
    for page, most in ((f"/c/{acme}/", 8), (inbound(acme), 15)):
        with CaptureQueriesContext(django_db) as asked:
            browser.get(page)
        assert len(asked) <= most, [query["sql"] for query in asked]


def test_logging_out_takes_a_post(log_in, acme):
    browser = log_in(acme)
    asked = browser.get("/logout/")
    assert "Log out" in text(asked)
    assert browser.get("/c/").status_code == 200, "still logged in"
    browser.post("/logout/")
    assert browser.get("/c/").status_code == 302


def test_no_page_may_run_a_script_that_stands_in_it_or_be_framed(log_in, acme):
    headers = log_in(acme).get(f"/c/{acme}/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_browser_keeps_a_page(log_in, acme):
    browser = log_in(acme)
    for answer in (*map(browser.get, ("/", "/c/", inbound(acme), "/none/", "/logout/")), Client().get("/login/")):
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
        response = browser.get(f"/c/{acme}/")
        assert response.status_code == 503
        assert "The database does not answer" in text(response)
        assert Client().get("/healthz/database").status_code == 503
        assert Client().get("/healthz").status_code == 200, "or nobody would be sent to the page that says it"
    django_db.close()
    assert browser.get(f"/c/{acme}/").status_code == 200


def test_any_other_fault_is_a_page_too(log_in, acme):
    with mock.patch("voice_portal.probes.views.render", side_effect=RuntimeError("a bug")):
        response = log_in(acme).get(inbound(acme))
    assert response.status_code == 500
    assert "Something went wrong here" in text(response)
    assert "a bug" not in text(response)


def test_health_is_answered_whatever_the_host_is_called(django_db):
    response = Client().get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert Client().get("/healthz/database", headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400
