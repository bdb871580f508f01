"""The button that asks for a call, and the page of the hosts that place them."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pymysql
import pytest
from django.core.cache import cache
from django.test import Client

from tests.integration.portal.conftest import now
from tests.portal import foreign_scripts
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services
DURATION = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _no_grafana():
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield
    cache.clear()


@pytest.fixture
def acme(records):
    client = records.client()
    records.probe(client)
    return client


def requests(records, client):
    return records.one("SELECT COUNT(*) FROM voice_call_request WHERE client = %s", client)[0]


def address(client, probe="inbound"):
    return f"/c/{client}/probes/{probe}/"


def button(client, probe="inbound"):
    return f"{address(client, probe)}call/"


def page(browser, client):
    response = browser.get(address(client))
    assert response.status_code == 200
    return response.content.decode()


def test_a_call_is_asked_for(log_in, records, acme):
    browser = log_in(acme)
    response = browser.post(button(acme))
    assert (response.status_code, response.url) == (302, address(acme))
    columns = "probe, requested_by, claimed_at, call_uuid"
    row = records.one(f"SELECT {columns} FROM voice_call_request WHERE client = %s", acme)
    assert row == ("inbound", browser.user.username, None, None)
    shown = page(browser, acme)
    assert "requested, the call follows within seconds" in shown
    assert '<button id="call-now" disabled>Call now</button>' in shown
    assert 'hx-trigger="every 5s"' in shown


def test_one_open_request_a_probe(log_in, records, acme):
    browser, other = log_in(acme), log_in(acme)
    browser.post(button(acme))
    assert other.post(button(acme)).status_code == 302
    assert requests(records, acme) == 1


def test_two_at_the_same_moment_are_one(django_db, records, acme):
    from django.db import connection

    from voice_portal.cdr.callrequests import ask

    def attempt(number):
        try:
            return ask(acme, "inbound", f"user-{number}", DURATION)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert answers.count(True) == 1
    assert requests(records, acme) == 1


def test_what_becomes_of_it_is_told(log_in, records, acme):
    browser = log_in(acme)
    records.request(acme, ago=40, claimed_at=now(), claimed_by="sip-1", call_uuid=(call := uuid.uuid4()).bytes)
    assert "sip-1 is calling" in page(browser, acme)
    assert browser.post(button(acme)).status_code == 302
    assert requests(records, acme) == 1, "it is still open"
    done = records.call(acme)
    with records.connection.cursor() as cursor:
        cursor.execute("UPDATE voice_call_request SET call_uuid = %s WHERE call_uuid = %s", [done.bytes, call.bytes])
    assert f'<a id="asked-{done}" href="/c/{acme}/calls/{done}/">the call</a>' in page(browser, acme)
    browser.post(button(acme))
    assert requests(records, acme) == 2


@pytest.mark.parametrize(
    ("request_row", "words"),
    [
        ({"ago": 130}, "no SIP host has taken it"),
        ({"ago": 400, "claimed_at": now() - timedelta(seconds=390), "claimed_by": "sip-1"}, "no record of a call"),
    ],
)
def test_one_that_nothing_comes_of_stops_nobody_from_asking_again(log_in, records, acme, request_row, words):
    browser = log_in(acme)

    def told_and_asked_again():
        with records.connection.cursor() as cursor:
            cursor.execute("DELETE FROM voice_call_request WHERE client = %s", [acme])
        records.request(acme, **request_row)
        told = words in page(browser, acme)
        browser.post(button(acme))
        return told and requests(records, acme) == 2

    # The lab's own SIP host looks every two seconds, and claims what nobody has taken.
    assert any(told_and_asked_again() for _ in range(5))


def test_an_old_request_is_not_shown(log_in, records, acme):
    records.request(acme, ago=3600)
    assert "Asked for at" not in page(log_in(acme), acme)


def test_another_clients_requests_and_calls_do_not_show(log_in, records, acme):
    other = records.client()
    records.probe(other)
    records.request(other, requested_by="globex-user")
    theirs = records.call(other)
    records.request(acme, claimed_at=now(), claimed_by="sip-1", call_uuid=theirs.bytes)
    shown = page(log_in(acme), acme)
    assert "globex-user" not in shown
    assert str(theirs) not in shown


def test_a_suspended_probe_is_not_called(log_in, records):
    client = records.client()
    records.probe(client, suspended=1)
    browser = log_in(client)
    assert "Call now" not in page(browser, client)
    browser.post(button(client))
    assert requests(records, client) == 0


def test_who_may_only_look_is_told_who_may_ask_for_calls(log_in, records, acme):
    shown = page(log_in(acme, role="viewer"), acme)
    assert "Call now" not in shown
    assert f"engineers of Client {acme} may ask for a call" in shown
    assert "Call now" in page(log_in(is_staff=True), acme)


def test_who_asked_for_a_call_is_written_down(log_in, records, acme):
    browser = log_in(acme)
    for _ in range(2):
        browser.post(button(acme))
    row = records.one("SELECT COUNT(*), MIN(who), MIN(what), MIN(detail) FROM portal_audit WHERE client = %s", acme)
    assert row == (1, browser.user.username, "call-asked", '{"probe": "inbound"}')


class TestAttacks:
    def test_another_clients_probe_cannot_be_called(self, log_in, records, acme):
        theirs = records.client()
        records.probe(theirs, "secret-line")
        browser = log_in(acme)
        assert browser.post(button(acme, "secret-line"), {"client": theirs}).status_code == 404
        assert browser.post(button(theirs, "secret-line")).status_code == 404
        assert requests(records, theirs) == requests(records, acme) == 0

    def test_who_may_look_calls_nobody(self, log_in, records, acme):
        browser = log_in(acme, role="viewer")
        refused = browser.post(button(acme))
        assert refused.status_code == 403
        assert f"by engineers of Client {acme}" in refused.content.decode()
        assert requests(records, acme) == 0

    def test_a_get_calls_nobody(self, log_in, records, acme):
        assert log_in(acme).get(button(acme)).status_code == 405
        assert requests(records, acme) == 0

    def test_another_site_cannot_ask_in_a_users_name(self, log_in, records, acme):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(log_in(acme).user)
        assert browser.post(button(acme)).status_code == 403
        assert requests(records, acme) == 0

    def test_a_stranger_calls_nobody(self, django_db, records, acme):
        assert Client().post(button(acme)).status_code == 302
        assert requests(records, acme) == 0

    def test_the_portals_account_can_not_alter_a_request(self, database, records, acme):
        records.request(acme)
        with database.connect("portal") as connection, connection.cursor() as cursor:
            for sql in ("UPDATE voice_call_request SET claimed_by = 'x'", "DELETE FROM voice_call_request"):
                with pytest.raises(pymysql.OperationalError, match="denied"):
                    cursor.execute(sql)


@pytest.fixture
def host(records):
    """Writes the heartbeat of a host; gives its name."""
    names = []

    def host(*, ago=2, **changes):
        names.append(name := f"h-{uuid.uuid4().hex[:12]}")
        values = {"version": "0.1", "started_at": now() - timedelta(hours=3), "active_calls": 7, "spool_depth": 0,
                  "parties": "dialer,receiver"}  # fmt: skip
        records.insert("voice_sip_host", sip_host=name, heartbeat_at=now() - timedelta(seconds=ago), **values | changes)
        return name

    yield host
    with records.connection.cursor() as cursor:
        for name in names:
            cursor.execute("DELETE FROM voice_sip_host WHERE sip_host = %s", [name])


def test_staff_see_every_host_and_what_is_wrong_with_it(log_in, host):
    good, away = host(), host(ago=4000, dead_letters=3, clock_offset_ms=-2000, calls_left_out=5)
    receiving, stopped = host(parties="receiver", clients="acme,globex"), host(ago=4000, parties="")
    browser = log_in(is_staff=True)
    shown = browser.get("/hosts/").content.decode()
    rows = {name: shown.split(name)[1].split("</tr>")[0] for name in (good, away, receiving, stopped)}
    assert ">Up</span>" in rows[good]
    assert "dialer, receiver of all clients" in rows[good]
    assert "receiver of acme, globex" in rows[receiving]
    assert ">Stopped</span>" in rows[stopped]
    assert ">Away</span>" in rows[away]
    assert "3 records that the database will never take" in rows[away]
    assert "its clock is wrong" in rows[away]
    assert "5 calls left out since it started" in rows[away]
    (seconds,) = re.findall(r">(\d+) s ago<", rows[away])
    assert 4000 <= int(seconds) < 4300, "however slow the machine is"


def test_what_a_host_tells_is_escaped(log_in, host):
    script = "<script>1</script>"
    name = host(version=script, parties="<b>", clients=script)
    shown = log_in(is_staff=True).get("/hosts/").content.decode()
    assert name in shown
    assert not foreign_scripts(shown)
    assert "<b>" not in shown


def test_nobody_else_sees_a_host(log_in, host, acme):
    name = host()
    response = log_in(acme).get("/hosts/")
    assert response.status_code == 403
    assert name not in response.content.decode()
    assert "/hosts/" not in page(log_in(acme), acme)
