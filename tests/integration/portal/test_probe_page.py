"""A probe's page over a time: what is compared, drawn and embedded, by real rows."""

import re
import time
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.core.cache import cache

from tests.integration.portal.conftest import now
from voice_portal.cdr import bounded, periods
from voice_portal.cdr.bounded import TooSlow
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services

HOUR = 3600
RANGES = ["1h", "6h", "24h", "7d", "28d"]


@pytest.fixture(autouse=True)
def grafana():
    """What the portal believes of Grafana; a test may change it."""
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield lambda found: cache.set(frontend.CACHE_KEY, found, 60)
    cache.clear()


@pytest.fixture
def acme(records):
    """A client with one probe, never called yet."""
    client = records.client(display_name="Acme Insurance", grafana_org_id=7, time_zone="Asia/Kathmandu")
    records.probe(client)
    return client


@pytest.fixture
def page(log_in, acme):
    """A function: the text of the probe's page, or of another of its client, with that query."""
    browser = log_in(acme)

    def page(query="", path="probes/inbound/"):
        answer = browser.get(f"/c/{acme}/{path}{query}")
        assert answer.status_code == 200
        return answer.content.decode()

    page.get = lambda query, path="probes/inbound/": browser.get(f"/c/{acme}/{path}{query}")
    return page


def table(page):
    """The figures: label → this period, the one before, change."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page.split('id="compared"')[1].split("</table>")[0])
    return {label: tuple(re.findall(r"<td[^>]*>(.*?)</td>", cells)) for label, cells in rows}


def charts(page):
    return dict(re.findall(r'<svg class="chart"[^>]*aria-label="([\w\- ]+)\. (.*?)"', page))


class TestComparison:
    def test_this_period_is_told_beside_the_one_before(self, records, acme, page):
        for ago, mos in ((600, 4.4), (1200, 3.0), (HOUR + 600, 4.2), (HOUR + 900, 4.2), (2 * HOUR + 60, 1.0)):
            records.call(acme, ago=ago, forward={"mos_cq": mos}, pdd_ms=ago)
        records.call(acme, ago=1500, disposition="busy", forward=False, reverse=False, pdd_ms=None)
        records.call(acme, ago=1600, valid=0, forward={"mos_cq": 1})
        found = table(page("?range=1h"))
        assert found["Calls that count"] == ("3", "2", "+1")
        assert found["Answer rate"] == ("66.7 %", "100.0 %", "−33.3 points, worse")
        assert found["Good calls"] == ("33.3 %", "100.0 %", "−66.7 points, worse")
        assert found["MOS forward, 5th percentile"] == ("3.00", "4.20", "−1.20, worse")
        assert found["MOS reverse, median"] == ("4.30", "4.30", "none")
        assert found["Post-dial delay, 95th percentile"] == ("1200 ms", "4500 ms", "−3300 ms, better")

    def test_a_percentile_is_a_value_that_was_measured(self, records, acme, django_db):
        for number in range(1, 21):
            records.call(acme, ago=60 * number, forward={"mos_cq": 2 + number / 10, "jitter_ms": number})
        end = datetime.now(UTC)
        found, before = periods.figures(acme, "inbound", end - 2 * timedelta(hours=1), end - timedelta(hours=1), end)
        assert (found.mos["forward", False].p5, found.mos["forward", False].median) == (2.1, 3.0)
        assert found.jitter_ms == 19
        assert before == periods.Figures()

    def test_the_bands_are_told_apart(self, records, acme, page):
        records.call(acme, ago=60, forward={"mos_cq": 4.0})
        records.call(acme, ago=90, forward={"mos_cq": 4.4, "wideband": 1, "codec": "G722"})
        found = table(page("?range=1h"))
        assert found["MOS forward, median"][0] == "4.00"
        assert found["MOS forward (wide-band), median"][0] == "4.40"

    def test_a_probe_without_calls_says_so(self, page):
        assert "No call that counts began in this period, nor in the one before." in page()

    def test_another_clients_calls_of_a_probe_of_that_name_are_not_in_it(self, records, acme, page):
        records.call(acme, ago=60)
        other = records.client()
        records.probe(other)
        records.call(other, ago=60)
        assert table(page())["Calls that count"][0] == "1"


class TestTime:
    @pytest.mark.parametrize("name", RANGES)
    @pytest.mark.parametrize("path", ["probes/inbound/", "trends/"])
    def test_every_range_is_offered_and_the_chosen_one_is_told(self, records, acme, page, name, path):
        records.call(acme, ago=400)
        text = page(f"?range={name}", path)
        assert re.findall(r'href="\?range=(\w+)"', text) == RANGES
        assert re.findall(r'href="\?range=(\w+)" aria-current="true"', text) == [name]

    def test_a_time_of_ones_own_is_by_the_clients_clock(self, records, acme, page):
        records.call(acme, ago=3 * HOUR)
        begun = datetime.now(UTC) - timedelta(hours=3)
        local = (begun + timedelta(hours=5, minutes=45)).strftime
        text = page(f"?from={local('%Y-%m-%dT%H:%M')}")
        assert table(text)["Calls that count"][0] == "1"
        assert 'aria-current="true"' not in text.split('id="live"')[1]
        assert f'value="{local("%Y-%m-%dT%H:%M")}" type="datetime-local"' in text

    def test_what_cannot_be_meant_is_told_and_nothing_is_lost(self, page):
        text = page("?from=2026-01-01T10:00&to=%3Cb%3E")
        assert 'value="&lt;b&gt;" type="text"' in text
        assert 'aria-invalid="true" aria-describedby="m-to"' in text
        assert '<span class="mistake" id="m-to">Write a day and a time' in text
        assert 'value="2026-01-01T10:00"' in text

    def test_the_address_has_what_is_set_alone(self, page):
        assert page.get("?from=2026-01-01&to=&renew=off").url.endswith("/probes/inbound/?from=2026-01-01&renew=off")
        assert page.get("?from=&to=").url.endswith("/probes/inbound/")
        assert page.get("?range=9y", "trends/").status_code == 404

    def test_stopped_renewing_stays_stopped_when_another_time_is_chosen(self, page):
        assert '<input type="hidden" name="renew" value="off">' in page("?renew=off")
        assert 'name="renew"' not in page()


class TestOwnCharts:
    @pytest.mark.parametrize("name", RANGES)
    def test_they_are_drawn_over_every_range(self, records, acme, page, name):
        records.call(acme, ago=400, forward={"mos_cq": 3.9})
        found = charts(page(f"?range={name}"))
        assert list(found) == ["MOS", "Packet loss", "Jitter", "Post-dial delay", "Late media"]
        assert found["MOS"].startswith("Forward: 3.9 to 3.9, last 3.9, 1 calls.")

    def test_the_worst_of_many_calls_in_a_slot_stays_visible(self, records, acme, page):
        records.call(acme, ago=20 * 24 * HOUR)
        for number in range(20):
            records.call(acme, ago=HOUR + number, forward={"mos_cq": 1.7 if number == 9 else 4.4})
        text = page("?range=28d")
        assert "Forward: 1.7 to 4.4, last 1.7, 21 calls." in text
        assert 'class="area forward"' in text

    def test_the_mos_of_the_period_before_is_faint_in_it(self, records, acme, page):
        records.call(acme, ago=1200, forward={"mos_cq": 4.0})
        records.call(acme, ago=HOUR + 1200, forward={"mos_cq": 3.5})
        text = page("?range=1h")
        assert "Forward, before: 3.5 to 3.5" in text
        assert text.count('class="line before') == 2

    def test_a_young_probe_fills_its_charts(self, records, acme, page):
        records.call(acme, ago=1800)
        records.call(acme, ago=60)
        text = page("?range=6h")
        (path,) = re.findall(r'class="line forward" d="(M[^"]*)"', text)[:1]
        assert float(re.match(r"M([\d.]+)", path)[1]) < 50, "at the left edge"

    def test_a_slot_is_no_longer_than_two_pixels_and_each_call_of_a_short_time_has_its_own(
        self, records, acme, django_db
    ):
        for number in range(12):
            records.call(acme, ago=60 + 290 * number)
        end = datetime.now(UTC)
        start = end - timedelta(hours=1)
        found = periods.slots(acme, "inbound", start, start, end, 294)
        assert [slot.calls for slot in found.calls] == [1] * 12


class TestDashboard:
    @pytest.mark.parametrize("name", RANGES)
    def test_it_shows_exactly_the_range_that_the_page_tells(self, page, grafana, name):
        grafana(Frontend.PRESENT)
        assert f"&amp;from=now-{name}&amp;to=now-1s&amp;refresh=1m" in page(f"?range={name}")

    @pytest.mark.parametrize("path", ["probes/inbound/", "trends/"])
    def test_a_time_of_ones_own_is_the_same_in_it(self, page, grafana, path):
        grafana(Frontend.PRESENT)
        text = page("?from=2026-01-01T05:45&to=2026-01-01T06:45", path)
        start = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
        assert f"&amp;from={start}&amp;to={start + HOUR * 1000}&quot;" in text.replace('"', "&quot;")

    def test_one_can_skip_it(self, page, grafana):
        grafana(Frontend.PRESENT)
        text = page()
        assert text.index('href="#after-dashboard">Skip the dashboard') < text.index("<iframe")
        assert text.index("<iframe") < text.index('id="after-dashboard"') < text.index('id="recent"')

    def test_figures_of_now_that_are_in_it_are_not_on_the_page_twice(self, records, acme, page, grafana):
        records.call(acme)
        assert "MOS forward / reverse" in page()
        grafana(Frontend.PRESENT)
        assert "MOS forward / reverse" not in page()
        assert table(page())["Calls that count"][0] == "1"

    @pytest.mark.parametrize("path", ["probes/inbound/", "trends/"])
    def test_who_cannot_use_it_has_the_portals_charts_drawn_instead(self, records, acme, page, grafana, path):
        grafana(Frontend.PRESENT)
        records.call(acme)
        assert 'href="?range=24h&amp;charts=own"' in page("?range=24h", path)
        text = page("?range=24h&charts=own", path)
        assert "<iframe" not in text
        assert "<svg class=" in text
        assert """<a href="?range=24h">Grafana's dashboard</a>""" in text
        assert 'href="?range=7d&amp;charts=own"' in text
        assert '<input type="hidden" name="charts" value="own">' in text


class TestAllProbes:
    def test_each_has_its_health_over_the_time_and_its_mos(self, records, acme, page):
        records.probe(acme, "fax", display_name="Fax line")
        records.probe(acme, "idle", display_name="Never called")
        records.call(acme, ago=600)
        records.call(acme, ago=300)
        records.call(acme, "fax", ago=300, disposition="busy", forward=False, reverse=False)
        text = page("?range=1h", "trends/")
        assert re.findall(r'id="t-([\w-]+)"', text) == ["fax", "inbound", "idle"]
        assert 'aria-label="1 unhealthy of 1 call; no data in' in text
        assert 'aria-label="2 calls healthy; no data in' in text
        assert 'aria-label="No call that counts."' in text
        assert f'href="/c/{acme}/probes/fax/?range=1h"' in text

    def test_it_asks_the_same_number_of_questions_however_many_there_are(self, records, acme, page, django_db):
        from django.test.utils import CaptureQueriesContext

        def asked():
            with CaptureQueriesContext(django_db) as queries:
                page("", "trends/")
            return len(queries)

        few = asked()
        for number in range(5):
            records.probe(acme, f"more-{number}")
            records.call(acme, f"more-{number}")
        assert asked() == few


def test_since_when_it_is_so_stands_beside_the_health(records, acme, page):
    records.call(acme, ago=7200, forward={"mos_cq": 3.0})
    records.call(acme, ago=3600)
    records.call(acme, ago=60)
    begun = re.search(r'</span>\s*<span class="muted">since <time[^>]*>[^<]*</time> \((.*?)\)', page())
    assert begun
    assert begun[1] == "1 h"


def test_what_takes_the_server_too_long_is_ended_there_and_told(records, acme, page):
    records.call(acme)
    with mock.patch.object(periods, "select", side_effect=TooSlow):
        for text in (page(), page("", "trends/")):
            assert "The database took too long to count these calls. Choose a shorter time." in text


def test_the_server_does_end_it(django_db):
    began = time.monotonic()
    with mock.patch.object(bounded, "STATEMENT_SECONDS", 1), pytest.raises(TooSlow):
        bounded.select(
            "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b,"
            " information_schema.columns c, information_schema.columns d",
            [],
        )
    assert time.monotonic() - began < 6


def test_its_questions_read_a_range_of_an_index(records, acme):
    for ago in range(0, 40 * 24 * HOUR, 24 * HOUR):
        records.call(acme, ago=ago + 60)
    moment = now()
    where = [acme, "inbound", moment - timedelta(days=1), moment]
    for sql, values in (
        (periods.COUNTS, [moment] * 4),
        (periods.MOS, [moment] * 2),
        (periods.CALL_SLOTS, [moment, 60_000_000]),
        (periods.STREAM_SLOTS, [moment, 60_000_000]),
    ):
        with records.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", [*values, *where])
            plan = [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]
        keys = {row["key"] for row in plan if row["table"] in ("c", "voice_call", "voice_call_stream")}
        assert keys & {"voice_call_probe", "voice_call_time", "voice_call_stream_probe", "voice_call_stream_time"}, plan
