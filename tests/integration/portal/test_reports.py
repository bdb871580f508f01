"""Monthly reports over call records on the real server: their figures, and who gets them in which form."""

import csv
import io
import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pypdf
import pytest
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.integration.portal.conftest import CALL, STREAM
from voice_portal.cdr.bounded import TooSlow
from voice_portal.reports import calls, drawing, keeping, pdf, views
from voice_portal.reports.packing import packed, unpacked
from voice_portal.reports.period import Month
from voice_portal.reports.report import months, report

pytestmark = pytest.mark.services

MARCH = Month(2024, 3)
BERLIN = ZoneInfo("Europe/Berlin")
START = MARCH.start(BERLIN)
LATER = datetime(2024, 6, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
REFUSED = {"disposition": "busy", "sip_code": 486, "forward": False, "reverse": False}
BAD = {"forward": {"mos_cq": 3.0}}
POOR = {"reverse": {"mos_cq": 3.9}}
ITSELF = {"HX-Request": "true"}
UNHEARD = {"forward": {"one_way": 1, "mos_cq": None}}


@pytest.fixture
def client(records):
    """A client in Berlin with a probe that is called every five minutes."""
    name = records.client(display_name="Acme Versicherung", time_zone="Europe/Berlin")
    records.probe(name)
    return name


@pytest.fixture
def place(records):
    """A function that places a call at a time; `forward` and `reverse` change a stream, False leaves it out."""

    def place(client, at, probe="inbound", *, forward=None, reverse=None, **changes):
        at = at.astimezone(UTC).replace(tzinfo=None)
        identity = {"uuid": uuid.uuid4().bytes, "started_at": at, "client": client, "probe": probe}
        values = {**CALL, "ended_at": at + timedelta(seconds=32), **changes}
        records.insert("voice_call", **identity, **values)
        for direction, stream in (("forward", forward), ("reverse", reverse)):
            if stream is not False:
                row = {**STREAM, "valid": values["valid"], **(stream or {})}
                records.insert("voice_call_stream", direction=direction, **identity, **row)

    return place


@pytest.fixture
def drawn_up(django_db):
    """A function: the report of a client by its name, as of a time."""
    from voice_portal.cdr.models import Client

    def drawn_up(client, month=MARCH, now=LATER):
        return report(Client.objects.get(client=client), month, now, seconds=30)

    return drawn_up


@pytest.fixture
def audited(records):
    """A function: what was written down of a client."""

    def audited(client):
        with records.connection.cursor() as cursor:
            cursor.execute("SELECT what, detail FROM portal_audit WHERE client = %s ORDER BY id", [client])
            return cursor.fetchall()

    return audited


def text(response):
    return response.content.decode()


def test_a_month_has_the_figures_of_its_calls(client, place, drawn_up):
    for minute, changes in ((0, {}), (5, REFUSED), (10, UNHEARD), (15, POOR), (20, {}), (25, {"valid": 0})):
        place(client, START + minute * MINUTE, **changes)
    found = drawn_up(client).total
    assert (found.calls, found.answered) == (5, 4)
    # The last call stands for three intervals: 35 minutes are covered, ten of them by calls that nobody could use.
    assert found.covered == 35 * MINUTE
    assert found.availability_pct == pytest.approx(100 * 25 / 35)
    assert found.below == 15 * MINUTE
    assert (found.answer_rate_pct, found.good_calls_pct) == (80, 40)
    assert found.coverage_pct == pytest.approx(100 * 35 / (30 * 24 * 60 + 23 * 60))  # March has an hour less


def test_calls_of_other_months_and_of_other_clients_are_not_in_it(client, place, records, drawn_up):
    other = records.client()
    records.probe(other)
    place(client, START - 2 * MINUTE, **REFUSED)
    place(client, START + 3 * MINUTE)
    place(client, MARCH.end(BERLIN))
    place(other, START + 4 * MINUTE, **REFUSED)
    found = drawn_up(client).total
    assert (found.calls, found.answered) == (1, 1)
    # But what began just before the month stands for its first minutes.
    assert found.covered == 18 * MINUTE
    assert found.availability_pct == pytest.approx(100 * 15 / 18)


def test_incidents_have_a_begin_an_end_and_reasons(client, place, drawn_up):
    for minute, changes in ((0, {}), (5, REFUSED), (10, BAD), (15, {}), (20, BAD)):
        place(client, START + minute * MINUTE, **changes)
    first, last = drawn_up(client).incidents
    assert (first.begin, first.end) == (START + 5 * MINUTE, START + 15 * MINUTE)
    assert (first.calls, first.mos) == (2, 3.0)
    assert first.reasons == ("Not answered: 1 call, Busy (486).", "MOS down to 3, below 3.6.")
    assert f"{first.begin:%Y-%m-%d %H:%M %Z}" == "2024-03-01 00:05 CET"
    assert (last.end, last.lasted) == (None, MARCH.end(BERLIN) - START - 20 * MINUTE)


def test_a_probe_on_a_cron_schedule_is_covered_for_a_day_by_each_call(client, place, records, drawn_up):
    records.probe(client, "daily", every_ms=None, schedule="0 9 * * *")
    place(client, START + 10 * DAY, "daily")
    (row,) = [row for row in drawn_up(client).rows if row.probe == "daily"]
    assert row.covered == DAY


def test_a_probe_that_was_not_called_all_month_has_no_coverage(client, place, drawn_up):
    place(client, START - 40 * DAY)
    place(client, START + 40 * DAY)
    (row,) = drawn_up(client).rows
    assert (row.calls, row.coverage_pct, row.availability_pct) == (0, 0, None)


def test_a_probe_that_came_later_is_not_in_it(client, place, records, drawn_up):
    records.probe(client, "later")
    place(client, START)
    place(client, LATER - MINUTE, "later")
    assert [row.probe for row in drawn_up(client).rows] == ["inbound"]


def test_a_deleted_probe_is_in_the_months_in_which_it_was_called(client, place, drawn_up):
    for minute in range(0, 60, 5):
        place(client, START + minute * MINUTE, "gone", **(REFUSED if minute == 5 else {}))
    found = drawn_up(client)
    assert found.has_deleted
    (row,) = [row for row in found.rows if row.is_deleted]
    assert (row.display_name, row.calls, row.answered) == ("gone", 12, 11)
    assert (row.good_calls_pct, row.below, row.incidents) == (None, None, 0)
    assert row.coverage_pct == 100  # until its last call stood for nothing any more
    assert row.availability_pct == pytest.approx(100 * 65 / 70)
    assert not drawn_up(client, Month(2024, 4)).has_deleted


def test_wideband_and_narrowband_calls_are_told_apart(client, place, drawn_up):
    wide = {"wideband": 1, "codec": "G722", "mos_cq": 4.4}
    place(client, START, forward=wide, reverse=wide)
    place(client, START + 5 * MINUTE)
    forward = drawn_up(client).total.forward
    assert [(mos.band, mos.calls, mos.p50) for mos in forward] == [("narrowband", 1, 4.3), ("wideband", 1, 4.4)]


def test_the_month_so_far_ends_now(client, place, drawn_up):
    place(client, START)
    found = drawn_up(client, now=START + 10 * MINUTE)
    assert found.is_so_far
    assert (found.until, found.total.coverage_pct) == (START + 10 * MINUTE, 100)


def random_call(drawn):
    """One of the many kinds of calls that there are."""

    def stream():
        return drawn.choice([
            {}, False, {"mos_cq": 3.3}, {"mos_cq": 3.95}, {"mos_cq": None}, {"one_way": 1}, {"silent": 1},
            {"loss_pct": 3}, {"loss_pct": 1}, {"jitter_ms": 50}, {"late_media_ms": 4000}, {"wideband": 1},
            {"mos_cq": 3.6}, {"mos_cq": 4},
        ])  # fmt: skip

    changes = drawn.choice([{}, {}, {"pdd_ms": 7000}, {"pdd_ms": None}, {"disposition": "failed", "sip_code": None}])
    return {"forward": stream(), "reverse": stream(), **changes, "valid": drawn.random() < 0.9}


def test_calls_are_judged_as_the_one_definition_has_it(client, place, records, django_db):
    drawn = random.Random(7)
    for minute in range(150):
        place(client, START + minute * MINUTE, **random_call(drawn))
    told = list(chain.from_iterable(calls.judged(client, START, START, START + timedelta(hours=3))))
    with records.connection.cursor() as cursor:
        cursor.execute(
            "SELECT started_at, answered, heard, compliant, health, mos_forward, mos_reverse, pdd_ms, loss_pct"
            " FROM voice_call_judged WHERE client = %s AND valid ORDER BY started_at", [client],
        )  # fmt: skip
        expected = cursor.fetchall()
    assert len(told) == len(expected) > 100
    assert 10 < sum(row[3] for row in expected) < 90
    for call, (at, answered, heard, good, health, forward, reverse, pdd, loss) in zip(told, expected, strict=True):
        assert START + timedelta(milliseconds=call.at) == at.replace(tzinfo=UTC)
        assert (call.is_answered, call.is_heard, call.is_good) == (bool(answered), bool(heard), bool(good))
        assert (call.faults is not None) == (health == "Unhealthy")
        assert (call.mos_forward, call.mos_reverse) == tuple(
            None if mos is None else int(mos * 1000) for mos in (forward, reverse)
        )
        assert call.pdd_ms == pdd
        if call.faults:
            assert call.faults.loss == (None if loss is None else int(loss * 1000))


def test_a_month_is_read_in_pieces_and_each_call_once(client, place, django_db, monkeypatch):
    monkeypatch.setattr(calls, "FEW", 2)
    monkeypatch.setattr(calls, "MANY", 5)
    drawn = random.Random(8)
    moments = sorted({drawn.randrange(3 * 24 * 60) for _ in range(60)})
    for minute in moments:
        place(client, START + minute * MINUTE)
    pieces = [list(piece) for piece in calls.judged(client, START, START, START + 3 * DAY)]
    assert len(pieces) > 5
    assert [call.at for piece in pieces for call in piece] == [minute * 60_000 for minute in moments]


def test_a_piece_that_takes_too_long_is_cut_smaller(django_db, monkeypatch):
    asked = []

    def slow(sql, values):
        asked.append(values["end"] - values["begin"])
        if asked[-1] > timedelta(minutes=45):
            raise TooSlow
        return []

    monkeypatch.setattr(calls, "select", slow)
    monkeypatch.setattr(calls, "FIRST_PIECE", timedelta(hours=6))
    assert [list(piece) for piece in calls.judged("acme", START, START, START + timedelta(minutes=45))] == [[]]
    assert len(list(calls.judged("acme", START, START, START + timedelta(hours=6)))) >= 8
    assert timedelta(hours=6) in asked


def test_a_server_that_is_too_slow_even_for_a_few_calls_ends_it(django_db, monkeypatch):
    def slow(sql, values):
        raise TooSlow

    monkeypatch.setattr(calls, "select", slow)
    with pytest.raises(TooSlow):
        list(calls.judged("acme", START, START, START + DAY))


def test_a_report_asks_as_many_questions_for_many_probes_as_for_one(client, place, records, django_db, drawn_up):
    def questions():
        with CaptureQueriesContext(django_db) as asked:
            drawn_up(client)
        return len(asked)

    place(client, START)
    before = questions()
    for number in range(20):
        records.probe(client, f"p-{number}")
        place(client, START + number * MINUTE, f"p-{number}")
    assert questions() == before


def test_months_are_those_with_calls_in_the_clients_zone(client, place, django_db):
    from voice_portal.cdr.models import Client

    acme = Client.objects.get(client=client)
    assert months(acme, LATER) == []
    for at in (datetime(2023, 12, 31, 23, 30, tzinfo=UTC), START - MINUTE, datetime(2024, 5, 1, tzinfo=UTC)):
        place(client, at)
    assert months(acme, LATER) == [Month(2024, 5), Month(2024, 2), Month(2024, 1)]


def test_the_pages_lead_from_the_months_to_one_and_to_its_files(client, place, log_in):
    place(client, START, **BAD)
    browser = log_in(client, role="viewer")
    listed = text(browser.get(f"/c/{client}/reports/"))
    assert "March 2024" in listed
    for ending in ("/", ".csv", "-incidents.csv", ".pdf"):
        assert f'href="/c/{client}/reports/2024-03{ending}"' in listed
    page = text(browser.get(f"/c/{client}/reports/2024-03/"))
    assert "<h1>March 2024</h1>" in page
    assert "From 1 March 2024 00:00 until 1 April 2024 00:00, in Europe/Berlin" in page
    assert "MOS down to 3, below 3.6." in page
    assert "judged by the thresholds that the probes had when this was made" in page
    assert "What the words mean" in page


def test_the_files_have_the_same_figures(client, place, log_in, audited):
    place(client, START, **BAD)
    browser = log_in(client)
    answer = browser.get(f"/c/{client}/reports/2024-03.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{client}-2024-03.csv"'
    probe, total = csv.DictReader(io.StringIO(text(answer)))
    assert (probe["probe"], probe["calls"], probe["incidents"]) == ("inbound", "1", "1")
    assert (total["row"], total["calls"]) == ("total", "1")
    (incident,) = csv.DictReader(io.StringIO(text(browser.get(f"/c/{client}/reports/2024-03-incidents.csv"))))
    assert incident["begin"] == "2024-02-29T23:00:00Z"
    answer = browser.get(f"/c/{client}/reports/2024-03.pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    first = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert "Service report March 2024" in first
    assert "Acme Versicherung" in first
    assert [what for what, _ in audited(client)] == ["export"] * 3
    assert '"2024-03"' in audited(client)[0][1]


def test_who_asks_for_the_head_alone_took_no_file(client, place, log_in, audited):
    place(client, START)
    assert log_in(client).head(f"/c/{client}/reports/2024-03.csv").status_code == 200
    assert audited(client) == ()


@pytest.mark.parametrize("month", ["2024-02", "2024-04", "2099-12"])
@pytest.mark.parametrize("ending", ["/", ".csv", "-incidents.csv", ".pdf"])
def test_a_month_without_calls_has_no_report(client, place, log_in, month, ending):
    place(client, START)
    answer = log_in(client).get(f"/c/{client}/reports/{month}{ending}")
    assert answer.status_code == 404
    assert "No call of Acme Versicherung in" in text(answer)


@pytest.mark.parametrize("month", ["2024-13", "2024-3", "1024-03", "2024-03-01", "latest", "..%2f2024-03"])
def test_what_is_no_month_is_not_found(client, log_in, month):
    assert log_in(client).get(f"/c/{client}/reports/{month}/").status_code == 404


def test_reports_are_for_those_who_may_see_the_client(client, place, records, log_in):
    place(client, START)
    other = records.client()
    for page in ("", "2024-03/", "2024-03.csv", "2024-03-incidents.csv", "2024-03.pdf"):
        address = f"/c/{client}/reports/{page}"
        assert Browser().get(address).status_code == 302
        refused = log_in(other).get(address)
        assert refused.status_code == 404
        assert "Acme" not in text(refused)
        assert log_in(is_staff=True).get(address).status_code == 200


@pytest.fixture
def slow(monkeypatch):
    """Reading takes so long that no page waits for it, until `go_on` is set; `begun`: how often it was begun."""

    class Slow:
        go_on = threading.Event()
        begun = 0

        def judged(self, *arguments):
            self.begun += 1
            for piece in judged(*arguments):
                yield piece
                assert self.go_on.wait(20)

        def awaited(self):
            """Every report that is being drawn up is whole."""
            self.go_on.set()
            for thread in threading.enumerate():
                if thread.name.startswith("report of "):
                    thread.join(20)

    judged, made = calls.judged, Slow()
    made.go_on = threading.Event()
    monkeypatch.setattr(calls, "judged", made.judged)
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 0.2)
    yield made
    made.awaited()


@pytest.fixture
def kept(records, client):
    """A function: the row of the client's kept report."""
    columns = "content, made_at, renewed_at, progress"
    yield lambda: records.one(f"SELECT {columns} FROM portal_report WHERE client = %s", client)
    with records.connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_report WHERE client = %s", [client])


def test_a_report_that_takes_long_goes_on_and_is_kept(client, place, log_in, slow, kept):
    for day in range(3):
        place(client, START + day * DAY, **BAD)
    browser, page = log_in(client), f"/c/{client}/reports/2024-03"
    answer = browser.get(f"{page}/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "March 2024 is being drawn up" in text(answer)
    assert f'hx-get="{page}/" hx-trigger="every 10s"' in text(answer)
    again = browser.get(f"{page}/", headers=ITSELF)
    assert (again.status_code, "HX-Refresh" in again.headers) == (200, False)  # so that htmx shows how far it is
    answer = browser.get(f"{page}.csv")
    assert answer.status_code == 503
    assert "hx-get" not in text(answer), "a file that is loaded again and again would be kept again and again"
    assert slow.begun == 1, "whoever asks meanwhile waits for the same"
    slow.awaited()
    assert browser.get(f"{page}/", headers=ITSELF).headers["HX-Refresh"] == "true"
    for ending in ("/", ".csv", "-incidents.csv", ".pdf"):
        assert browser.get(f"{page}{ending}").status_code == 200
    assert slow.begun == 1, "what is kept is not drawn up again"
    assert kept()[3] == 100


def test_what_is_kept_is_the_same_report(client, place, drawn_up):
    for number, changes in enumerate((REFUSED, {}, BAD, POOR, UNHEARD)):
        place(client, START + number * 5 * MINUTE, **changes)
    place(client, START, "gone")
    made = drawn_up(client)
    assert unpacked(packed(made), BERLIN) == made


def test_a_report_that_another_process_draws_up_is_not_begun_here(client, place, log_in, slow, kept):
    place(client, START)
    assert keeping.begin(client, MARCH, 41, datetime.now(UTC))
    answer = log_in(client).get(f"/c/{client}/reports/2024-03/")
    assert "41 % are read" in text(answer)
    assert slow.begun == 0


def test_a_process_that_says_nothing_any_more_is_not_waited_for(client, place, log_in, kept):
    place(client, START)
    assert keeping.begin(client, MARCH, 41, datetime.now(UTC) - keeping.GIVEN_UP)
    assert log_in(client).get(f"/c/{client}/reports/2024-03/").status_code == 200


def test_of_two_processes_one_draws_it_up(client, django_db, kept):
    now = datetime.now(UTC)
    assert [keeping.begin(client, MARCH, 1, now) for _ in range(3)] == [True, False, False]
    assert keeping.begin(client, MARCH, 1, now + keeping.GIVEN_UP)


def test_a_kept_report_is_good_for_ever_if_the_month_was_over_and_for_hours_if_not(client, place, drawn_up, kept):
    place(client, START)
    over = MARCH.end(BERLIN)
    for made_at, asked_at, is_good in (
        (over + keeping.LATE, over + 300 * DAY, True),
        (over + keeping.LATE / 2, over + 300 * DAY, False),
        (over - DAY, over - DAY + keeping.FRESH / 2, True),
        (over - DAY, over - DAY + keeping.FRESH, False),
    ):
        keeping.keep(drawn_up(client, now=made_at), made_at)
        assert (keeping.find(client, MARCH, BERLIN, asked_at).document is not None) == is_good


def test_very_old_reports_are_not_kept_for_ever(client, place, drawn_up, kept):
    place(client, START)
    keeping.keep(drawn_up(client), LATER - keeping.OLDEST)
    keeping.keep(drawn_up(client, Month(2024, 4)), LATER + DAY)
    assert keeping.find(client, MARCH, BERLIN, LATER).document is None


def test_no_more_reports_than_two_are_drawn_up_at_once(client, place, records, log_in, slow):
    others = [records.client(), records.client()]
    browser = log_in(client, *others)
    for name in (*others, client):
        place(name, START + DAY)
    assert ["being drawn up" in text(browser.get(f"/c/{name}/reports/2024-03/")) for name in others] == [True, True]
    answer = browser.get(f"/c/{client}/reports/2024-03/")
    assert answer.status_code == 503
    assert "As many reports as may be" in text(answer)
    slow.awaited()
    assert browser.get(f"/c/{client}/reports/2024-03/").status_code == 200


def test_a_database_that_is_too_slow_is_told_and_keeps_nobody_from_trying_again(client, place, log_in, monkeypatch):
    place(client, START)
    monkeypatch.setattr(drawing, "LONGEST_SECONDS", 0)
    browser = log_in(client)
    for _ in range(3):
        answer = browser.get(f"/c/{client}/reports/2024-03.csv")
        assert answer.status_code == 503
        assert "The database has too much to do" in text(answer)


def test_a_report_that_breaks_off_later_is_given_up(client, place, log_in, slow, kept, monkeypatch):
    monkeypatch.setattr(calls, "FEW", 0)
    for hour in range(0, 24, 2):
        place(client, START + timedelta(hours=hour))
    monkeypatch.setattr(drawing, "LONGEST_SECONDS", drawing.WAIT_SECONDS / 2)
    browser = log_in(client)
    assert browser.get(f"/c/{client}/reports/2024-03/").status_code == 503
    slow.awaited()
    assert kept() is None or kept()[3] == 100
    monkeypatch.setattr(drawing, "LONGEST_SECONDS", 60)
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 20)
    assert browser.get(f"/c/{client}/reports/2024-03/").status_code == 200


def test_where_no_pdf_can_be_made_none_is_offered(client, place, log_in, monkeypatch):
    place(client, START)
    browser = log_in(client)
    assert "2024-03.pdf" in browser.get(f"/c/{client}/reports/").content.decode()
    monkeypatch.setattr(views, "is_there", lambda: False)
    for page in ("", "2024-03/"):
        assert "2024-03.pdf" not in browser.get(f"/c/{client}/reports/{page}").content.decode()
    assert browser.get(f"/c/{client}/reports/2024-03.pdf").status_code == 404


def test_a_pdf_that_cannot_be_made_says_so(client, place, log_in, monkeypatch, audited):
    place(client, START)
    monkeypatch.setattr(pdf, "COMMAND", ["/bin/false"])
    answer = log_in(client).get(f"/c/{client}/reports/2024-03.pdf")
    assert answer.status_code == 503
    assert "The PDF could not be made" in text(answer)
    assert audited(client) == ()


def test_names_are_text_on_the_page(client, place, records, log_in):
    records.probe(client, "evil", display_name="<script>alert(1)</script>")
    place(client, START, "evil")
    page = text(log_in(client).get(f"/c/{client}/reports/2024-03/"))
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
