"""The page that finds calls: what it finds, in which order, page by page, and to whom it shows it."""

import html
import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache

from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services

ROW = re.compile(r'<a href="/c/[^/]+/calls/([0-9a-f-]{36})/">')


@pytest.fixture(autouse=True)
def _no_grafana():
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield
    cache.clear()


@pytest.fixture
def acme(records):
    client = records.client(display_name="Acme Insurance")
    records.probe(client)
    records.probe(client, "fax", display_name="Fax line")
    return client


@pytest.fixture
def look(log_in, acme):
    """A function that gives the page for a query, where forms and links lead, by the browser of somebody of acme's."""
    browser = log_in(acme, role="viewer")

    def look(query="", *, status=200):
        answer = browser.get(f"/c/{acme}/calls/?{query}", follow=True)
        assert answer.status_code == status
        return answer.content.decode()

    look.browser = browser
    return look


def shown(page):
    """The calls of a page, in their order."""
    return [uuid.UUID(name) for name in ROW.findall(page)]


def link(page, words):
    """The query of the link that says `words`."""
    found = re.search(rf'href="\?([^"]*)"[^>]*>[^<]*{re.escape(words)}', page)
    return found and html.unescape(found[1])


class TestFinding:
    def test_the_last_day_the_newest_first_without_a_word(self, records, acme, look):
        newer, older = records.call(acme, ago=60), records.call(acme, "fax", ago=3600)
        records.call(acme, ago=100_000)
        page = look()
        assert shown(page) == [newer, older]
        assert "Calls in the last 24 hours" in page
        assert "Fax line" in page
        assert 'aria-sort="descending"' in page

    @pytest.mark.parametrize(
        ("query", "changes"),
        [
            ("probe=fax", {"probe": "fax"}),
            ("outcome=busy", {"disposition": "busy"}),
            ("outcome=unanswered", {"disposition": "no_answer"}),
            ("code=486", {"sip_code": 486}),
            ("mos_below=3.6", {"forward": {"mos_cq": 3.59}}),
            ("mos_below=3.6", {"reverse": {"mos_cq": 1}}),
            ("loss_above=2", {"reverse": {"loss_pct": 2.001}}),
            ("number=%2B44+20+7183-8750", {"to_uri": "sip:+442071838750@sbc.example.net"}),
            ("number=AGENT-7", {"from_uri": "sip:agent-7@example.net"}),
            ("number=100%25", {"to_uri": "sip:100%@x"}),
            ("call_id=abc@x", {"call_id": "abc@x"}),
            ("range=31d", {"ago": 200_000}),
            ("range=all", {"ago": 20_000_000}),
        ],
    )
    def test_one_condition_finds_that_call_alone(self, records, acme, look, query, changes):
        others = [records.call(acme, to_uri="sip:100x@x"), records.call(acme)]
        meant = records.call(acme, **{"probe": "inbound", **changes})
        found = shown(look(query))
        assert meant in found
        assert "range" in query or not set(others) & set(found)
        assert "range" not in query or meant not in shown(look())

    def test_a_mos_at_least_is_that_of_the_worse_direction(self, records, acme, look):
        good = records.call(acme)
        records.call(acme, reverse={"mos_cq": 3.9})
        records.call(acme, forward=False, reverse=False)
        assert shown(look("mos_from=4")) == [good]

    def test_only_what_counts(self, records, acme, look):
        counted, spoilt = records.call(acme, ago=60), records.call(acme, ago=70, valid=0)
        page = look()
        assert shown(page) == [counted, spoilt]
        assert "Not counted" in page
        assert shown(look("counted=1")) == [counted]

    def test_from_and_to_are_by_the_clients_clock(self, log_in, records):
        kolkata = records.client(time_zone="Asia/Kolkata")
        records.probe(kolkata)
        call = records.call(kolkata, ago=0)
        with records.connection.cursor() as cursor:
            cursor.execute("UPDATE voice_call SET started_at = '2026-03-01 18:45:00' WHERE uuid = %s", [call.bytes])
        browser = log_in(kolkata)
        for query, is_there in (
            ("from=2026-03-02T00:15&to=2026-03-02T00:16", True), ("from=2026-03-02T00:16", False),
            ("to=2026-03-02T00:15", False), ("from=2026-03-02&to=2026-03-02", True), ("to=2026-03-01", False),
        ):  # fmt: skip
            assert (call in shown(browser.get(f"/c/{kolkata}/calls/?{query}").content.decode())) is is_there, query

    def test_conditions_are_all_meant(self, records, acme, look):
        records.call(acme, "fax", disposition="busy")
        records.call(acme, sip_code=486)
        both = records.call(acme, "fax", disposition="busy", sip_code=486)
        assert shown(look("probe=fax&outcome=busy&code=486")) == [both]

    def test_the_calls_of_a_probe_that_is_gone(self, records, acme, look):
        call = records.call(acme, "gone")
        page = look("probe=gone")
        assert shown(page) == [call]
        assert '<option value="gone" selected>gone (no longer declared)</option>' in page


class TestOrder:
    @pytest.fixture
    def three(self, records, acme):
        return [
            records.call(acme, ago=10, pdd_ms=100, forward={"mos_cq": 4.0, "loss_pct": 0.2}),
            records.call(acme, ago=20, pdd_ms=9000, forward={"mos_cq": 4.1, "loss_pct": 5}),
            records.call(acme, ago=30, pdd_ms=None, reverse={"mos_cq": 2.0, "loss_pct": 0.3}),
        ]

    @pytest.mark.parametrize(
        ("sort", "order", "column", "how"),
        [
            ("newest", (0, 1, 2), "Time", "descending"),
            ("oldest", (2, 1, 0), "Time", "ascending"),
            ("mos", (2, 0, 1), "MOS f / r", "ascending"),
            ("loss", (1, 2, 0), "Loss % f / r", "descending"),
            ("pdd", (1, 0), "PDD ms", "descending"),
        ],
    )
    def test_headings_sort_and_say_how(self, look, three, sort, order, column, how):
        page = look(f"sort={sort}")
        assert shown(page) == [three[place] for place in order]
        (heading,) = re.findall(r"<th[^>]*aria-sort[^>]*>.*?</th>", page)
        assert f'aria-sort="{how}"' in heading
        assert column in heading

    def test_not_by_value_over_more_than_a_month(self, look, three):
        for query in ("sort=mos&range=all", "sort=pdd&from=2020-01-01", "sort=loss&to=2020-01-01"):
            page = look(query)
            assert "Only calls of at most 31 days are sorted so" in page
            assert not shown(page)
        assert "at most 31 days" not in look("sort=mos&range=31d")


class TestPages:
    @pytest.fixture
    def many(self, records, acme):
        """120 calls of which several began in the same millisecond, the newest first."""
        began = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        calls = []
        for number in range(120):
            call = records.call(acme, ago=number, forward={"mos_cq": Decimal("4.3") - number % 4})
            at = began - timedelta(seconds=60 + number // 60)
            calls.append((at, call))
            with records.connection.cursor() as cursor:
                for table in ("voice_call", "voice_call_stream"):
                    cursor.execute(f"UPDATE {table} SET started_at = %s WHERE uuid = %s", [at, call.bytes])
        return [call for _, call in sorted(calls, key=lambda one: (one[0], one[1].bytes), reverse=True)]

    def walk(self, look, query, word):
        pages, page = [], look(query)
        while True:
            pages.append(shown(page))
            if not (further := link(page, word)):
                return pages, page
            page = look(further)

    def test_every_call_is_on_one_page_there_and_back(self, look, many):
        pages, last = self.walk(look, "", "Older calls")
        assert [call for page in pages for call in page] == many
        assert [len(page) for page in pages] == [50, 50, 20]
        back, first = self.walk(look, link(last, "Newer calls"), "Newer calls")
        assert back == [pages[1], pages[0]]
        assert link(first, "Older calls")

    def test_the_oldest_first_are_the_same_the_other_way_round(self, look, many):
        pages, _ = self.walk(look, "sort=oldest", "Newer calls")
        assert [call for page in pages for call in page] == many[::-1]

    @pytest.mark.parametrize("sort", ["mos", "loss", "pdd"])
    def test_every_call_is_on_one_page_in_any_order(self, look, many, sort):
        pages, last = self.walk(look, f"sort={sort}", "Next page")
        found = [call for page in pages for call in page]
        assert sorted(found) == sorted(many)
        back, _ = self.walk(look, link(last, "Previous page"), "Previous page")
        assert back == [pages[1], pages[0]]

    def test_calls_that_come_meanwhile_move_no_page(self, records, acme, look, many):
        further = link(look(), "Older calls")
        second = shown(look(further))
        records.call(acme, ago=0)
        assert shown(look(further)) == second

    def test_one_goes_to_a_time(self, records, acme, look):
        old, older = records.call(acme, ago=7200), records.call(acme, ago=7300)
        records.call(acme, ago=60)
        at = (datetime.now(UTC) - timedelta(seconds=3600)).strftime("%Y-%m-%dT%H:%M")
        page = look(f"at={at}")
        assert shown(page) == [old, older]
        assert link(page, "Newer calls")
        assert shown(look(f"at={at}&sort=oldest"))[:1] not in ([old], [older])

    def test_looking_for_long_stops_and_goes_on(self, look, many, monkeypatch):
        """Rare calls among very many: the page says how far it came instead of making anybody wait."""
        from voice_portal.cdr import callsearch

        monkeypatch.setattr(callsearch, "CHUNK", 7)
        monkeypatch.setattr(callsearch, "PAGE_SECONDS", -1)
        monkeypatch.setattr(callsearch.find, "__kwdefaults__", {**callsearch.find.__kwdefaults__, "seconds": -1})
        page = look("code=200&mos_below=1.5")
        assert "Looked at so far" in page
        pages, _ = self.walk(look, "code=200&mos_below=1.5", "Look further")
        monkeypatch.undo()
        assert [call for page in pages for call in page] == shown(look("code=200&mos_below=1.5"))
        assert len(pages) > 1


class TestAddresses:
    def test_only_what_is_set_stands_there(self, look, acme):
        answer = look.browser.get(
            f"/c/{acme}/calls/?range=24h&probe=&outcome=&sort=newest&code=486&from=&utm=x&code=487"
        )
        assert (answer.status_code, answer.url) == (302, f"/c/{acme}/calls/?code=487")
        assert look.browser.get(answer.url).status_code == 200
        assert look.browser.get(f"/c/{acme}/calls/?probe=").url == f"/c/{acme}/calls/"

    def test_a_link_keeps_the_search_and_not_the_page(self, records, acme, look):
        records.call(acme, "fax", sip_code=486)
        page = look("probe=fax&code=486")
        assert link(page, "7d") == "range=7d&probe=fax&code=486"
        assert link(page, "PDD ms") == "probe=fax&code=486&sort=pdd"

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ("code=xyz", "A SIP code has three digits, from 100 to 699."),
            ("mos_below=7", "A MOS is a number from 1 to 5, such as 3.6."),
            ("loss_above=-1", "Loss is a number from 0 to 100, in percent, such as 0.5."),
            ("from=yesterday", "Write a day and a time, such as 2026-11-30 14:05."),
            ("from=2026-01-02&to=2026-01-01", "The end must be later than the beginning."),
            ("mos_below=2&mos_from=3", "No MOS is below 2 and at least 3."),
            ("probe=%3Cb%3E", "A probe&#x27;s name has small letters"),
            ("outcome=nice", "No call ends like that: choose one of the list."),
            ("range=2y", "Choose one of 1h, 6h"),
            ("sort=beauty", "Calls can&#x27;t be sorted by that."),
            ("number=" + "1" * 300, "it is too long"),
        ],
    )
    def test_a_mistake_is_told_beside_its_field_and_nothing_is_lost(self, records, acme, look, query, sentence):
        records.call(acme)
        page = look(query + "&call_id=kept")
        assert sentence in page
        assert 'value="kept"' in page
        assert not shown(page)
        name, _, value = query.partition("&")[0].partition("=")
        if name in ("code", "mos_below", "loss_above", "from") and "to=" not in query:
            field = page.split(f'id="f-{name}"')[1].split(">")[0]
            assert f'value="{value}"' in field
            assert f'aria-describedby="m-{name}"' in field or "mos_from" in query

    def test_a_place_that_is_none_shows_the_first_page_and_says_so(self, records, acme, look):
        call = records.call(acme)
        for place in (
            "after=x",
            "before=2026-13-01T00:00:00.000~" + "0" * 32,
            "after=3.2~2026-01-01T00:00:00.000~" + "0" * 32,
        ):
            page = look(place)
            assert "names no place in this list" in page
            assert shown(page) == [call]

    def test_nothing_found_says_what_was_looked_for_and_offers_more(self, look):
        page = look("probe=fax&mos_below=3.6&range=1h")
        assert "There is no call of Acme Insurance in the last hour, of Fax line, with a MOS below 3.6." in page
        assert link(page, "in the last 7 days") == "range=7d&probe=fax&mos_below=3.6"
        assert link(page, "not only of Fax line") == "range=1h&mos_below=3.6"
        assert link(page, "at any time") == "range=all&probe=fax&mos_below=3.6"

    def test_beyond_the_last_page_leads_back(self, records, acme, look):
        records.call(acme)
        page = look("code=200&after=2020-01-01T00:00:00.000~" + "0" * 32)
        assert "There are no more calls in this direction" in page
        assert link(page, "Back to the first page") == "code=200"


def test_a_search_that_takes_too_long_is_ended_and_offers_less(records, acme, look, monkeypatch):
    """By the server itself: the statement sleeps for every row."""
    from voice_portal.cdr import bounded, callsearch

    for _ in range(3):
        records.call(acme)
    monkeypatch.setattr(bounded, "STATEMENT_SECONDS", 1)
    monkeypatch.setitem(callsearch.VALUES, callsearch.Order.LONGEST_DELAY, "(c.pdd_ms + SLEEP(2))")
    page = look("sort=pdd&range=7d", status=503)
    assert "This search takes too long" in page
    assert link(page, "in the last 24 hours") == "sort=pdd"
    assert link(page, "the newest first") == "range=7d"
    assert shown(look())


def test_what_far_ends_send_is_escaped(records, acme, look):
    script = "<script>1</script>"
    records.call(acme, to_uri=script, disposition="failed", sip_reason=script)
    assert "<script>1" not in look()
    assert "<script>1" not in look("number=%3Cscript%3E1")


class TestAttacks:
    @pytest.fixture
    def theirs(self, records):
        client = records.client(display_name="Globex")
        records.probe(client, "secret-line", display_name="Secret line")
        return client, records.call(client, "secret-line", call_id="globex@x")

    @pytest.mark.parametrize(
        "query",
        ["range=all", "probe=secret-line", "call_id=globex@x", "number=%25", "number=_", "client={client}", "sort=mos",
         "number=%27%20OR%201=1--%20", "call_id=%5C", "number=='", "after={after}", "before={after}"],
    )  # fmt: skip
    def test_anothers_calls_are_in_no_answer(self, look, theirs, query):
        client, call = theirs
        after = f"2099-01-01T00:00:00.000~{call.hex}"
        page = look(query.format(client=client, after=after))
        assert not shown(page)
        assert str(call) not in page
        assert "Secret line" not in page

    def test_another_clients_page_and_files_are_not_there(self, look, theirs):
        client, _ = theirs
        for name in ("calls/", "calls.csv", "calls.parquet"):
            assert look.browser.get(f"/c/{client}/{name}").status_code == 404

    def test_any_text_is_an_answer(self, look, acme):
        from django.http import QueryDict

        for text in (
            "\0",
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
            "😀",
            "%",
            "'",
            '"',
            "٣",
            "1e5",
            "9" * 200,
        ):
            query = QueryDict(mutable=True)
            query.update(
                dict.fromkeys(
                    ("code", "mos_below", "number", "call_id", "from", "to", "at", "after", "probe", "sort"), text
                )
            )
            assert look.browser.get(f"/c/{acme}/calls/?{query.urlencode()}", follow=True).status_code == 200


def plan(database, sql):
    with database.connect("portal") as connection, connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("query", "index", "sorts"),
    [
        ("", "voice_call_time", False),
        ("range=all", "voice_call_time", False),
        ("probe=fax&range=all", "voice_call_probe", False),
        ("mos_below=3&loss_above=1&range=all", "voice_call_time", False),
        ("number=44&call_id=x&range=all&sort=oldest", "voice_call_time", False),
        ("range=all&after=2026-01-01T00:00:00.000~" + "8" * 32, "voice_call_time", False),
        ("range=all&before=2026-01-01T00:00:00.000~" + "8" * 32, "voice_call_time", False),
        ("sort=mos", "voice_call_time", True),
        ("sort=pdd&probe=fax", "voice_call_probe", True),
    ],
)
def test_an_index_bounds_what_is_read(look, records, acme, database, django_db, query, index, sorts):
    """And in the order of time nothing is sorted, however many calls there are: EXPLAIN says so."""
    from django.test.utils import CaptureQueriesContext

    for number in range(30):
        records.call(acme, "fax" if number % 2 else "inbound", ago=number)
    with CaptureQueriesContext(django_db) as asked:
        look(query)
    statements = [one["sql"] for one in asked if "FROM voice_call c" in one["sql"]]
    assert statements
    for statement in statements:
        first, *streams = plan(database, statement[statement.index("SELECT") :])
        assert first["key"] == index
        assert ("filesort" in (first["Extra"] or "")) is sorts
        assert {(one["key"], int(one["rows"])) for one in streams} <= {("PRIMARY", 1)}


def test_a_page_costs_few_queries_however_many_calls(look, records, acme, django_db):
    from django.test.utils import CaptureQueriesContext

    def cost():
        with CaptureQueriesContext(django_db) as asked:
            look("mos_below=5")
        return len(asked)

    records.call(acme)
    few = cost()
    for number in range(60):
        records.call(acme, "inbound" if number % 2 else "fax", ago=number)
    assert cost() == few <= 12
