"""As whom Grafana is asked. Whatever a browser writes, it is never as a client that the user may not see."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.grafana.organisations import FLEET, Viewer, viewer_of

ACME, GLOBEX = Viewer("acme"), Viewer("globex")
ONE, TWO = {"acme": 7}, {"acme": 7, "globex": 8}
PAGE = "/grafana/d/voice-overview/-?kiosk"
QUESTION = "/grafana/api/ds/query?ds_type=mysql"
FILE = "/grafana/public/build/app.js?_cache=12"


def member(uri, header="", own=TWO):
    return viewer_of(uri, header, own, is_staff=False)


def staff(uri, header="", every=TWO):
    return viewer_of(uri, header, every, is_staff=True)


class TestWhoMaySeeSeveralClients:
    def test_gets_the_one_whose_organisation_the_page_names(self):
        assert member(f"{PAGE}&orgId=7") == ACME
        assert member("/grafana/d/vp-1/-?orgId=8&from=now-6h&to=now") == GLOBEX

    def test_gets_the_one_in_whose_page_a_question_was_asked(self):
        assert (member(QUESTION, "7"), member(QUESTION, "8")) == (ACME, GLOBEX)

    def test_may_name_it_twice_if_it_is_the_same(self):
        assert member(f"{PAGE}&orgId=8", "8") == GLOBEX

    @pytest.mark.parametrize("uri", [PAGE, QUESTION, "/grafana/api/search", "/grafana/", ""])
    def test_gets_nothing_without_saying_which(self, uri):
        assert member(uri) is None

    def test_gets_files_anyhow(self):
        assert member(FILE) == ACME


class TestWhoMaySeeOneClient:
    @pytest.mark.parametrize("uri", [PAGE, QUESTION, FILE, "/grafana/api/search", ""])
    def test_need_not_say_which(self, uri):
        assert member(uri, own=ONE) == ACME

    def test_may_say_it(self):
        assert member(QUESTION, "7", ONE) == ACME
        assert member(f"{PAGE}&orgId=7", own=ONE) == ACME

    @pytest.mark.parametrize("uri", [PAGE, QUESTION, FILE])
    def test_gets_nothing_of_another(self, uri):
        assert member(uri, "8", ONE) is None
        assert member(f"{uri}&orgId=8", own=ONE) is None

    def test_gets_nothing_by_a_number_before_grafana_has_given_one(self):
        assert member(QUESTION, "None", {"new": None}) is None
        assert member(QUESTION, "0", {"new": None}) is None
        assert member(QUESTION, own={"new": None}) == Viewer("new")


class TestWhoMaySeeNone:
    @pytest.mark.parametrize("uri", [PAGE, QUESTION, FILE, "/grafana/d/voice-fleet/-", f"{PAGE}&orgId=7"])
    def test_gets_nothing(self, uri):
        assert member(uri, own={}) is None
        assert member(uri, "7", {}) is None


class TestStaff:
    def test_get_every_client(self):
        assert staff(QUESTION, "8") == GLOBEX
        assert staff(f"{PAGE}&orgId=7") == ACME

    @pytest.mark.parametrize(
        "uri", ["/grafana/d/voice-fleet", "/grafana/d/voice-fleet/-?kiosk", "/grafana/d/voice-fleet/all?orgId=3"]
    )
    def test_get_the_dashboard_of_all_clients(self, uri):
        assert staff(uri) == FLEET

    def test_get_what_that_page_asks_by_an_organisation_that_is_no_clients(self):
        assert staff(QUESTION, "3") == FLEET

    def test_must_say_which_otherwise(self):
        assert staff(PAGE) is None
        assert staff("/grafana/d/voice-fleeting/-") is None
        assert staff(PAGE, every=ONE) is None, "that client, or all of them"

    def test_get_files_whatever_there_is(self):
        assert staff(FILE, every={}) == FLEET


@pytest.mark.parametrize("uri", ["/grafana/d/voice-fleet/-", QUESTION, PAGE])
@pytest.mark.parametrize("header", ["3", "1"])
def test_nobody_else_gets_what_is_for_staff(uri, header):
    assert member(uri, header, ONE) is None
    assert member(uri, header) is None


@pytest.mark.parametrize(
    "query",
    [
        "orgId=7&orgId=7", "orgId=7&orgId=8", "orgId=8&kiosk&orgId=7", "orgId=7;orgId=8", "kiosk;orgId=8&orgId=7",
        "orgId=", "orgId", "orgId=07", "orgId=+7", "orgId=7 ", "orgId=%37", "orgId=7%00", "orgId=7.0", "orgId=-7",
        "orgId=0x7", "orgId=x", "orgId=٧", "orgId=7,8", "orgId=7=8", "orgid=7", "ORGID=7", "%6frgId=7",
        "org%49d=8&orgId=7", "orgId=7&%6FrgId=8", "orgId=" + "7" * 4000, "orgId=9223372036854775808", "orgId=0",
    ],
)  # fmt: skip
def test_a_trick_in_the_address_gets_nothing(query):
    assert member(f"/grafana/d/vp-1/-?{query}") is None
    assert member(f"/grafana/d/vp-1/-?{query}", own=ONE) is None
    assert member(f"/grafana/d/vp-1/-?{query}", "7", own=ONE) is None


@pytest.mark.parametrize(
    "header", ["07", "7, 7", "7, 8", "7,8", " 7", "7 ", "+7", "-7", "0", "x", "7.0", "7\n", "٧", "None"]
)
def test_a_trick_in_the_header_gets_nothing(header):
    assert member(QUESTION, header) is None
    assert member(QUESTION, header, ONE) is None
    assert member(FILE, header, ONE) is None


def test_an_address_and_a_header_that_differ_get_nothing():
    assert member(f"{PAGE}&orgId=7", "8") is None
    assert staff(f"{PAGE}&orgId=7", "8") is None
    assert staff(f"{PAGE}&orgId=3", "8") is None


names = st.sampled_from(["acme", "globex", "initech", "admin", "fleet"])
own_clients = st.dictionaries(names, st.none() | st.integers(1, 9), max_size=4)
words = st.sampled_from(
    ["orgId", "orgid", "%6frgId", "=", "&", ";", "?", "#", "%26", "7", "8", "0", "kiosk", "+", "/", "\u0667"]
)
paths = st.sampled_from(
    ["/grafana/d/voice-overview/-", "/grafana/d/voice-fleet/-", "/grafana/api/ds/query", "/grafana/public/x.js"]
)
uris = st.builds(lambda path, query: f"{path}?{''.join(query)}", paths, st.lists(words, max_size=12)) | st.text()
headers = st.sampled_from(["", "7", "8", "07", "7, 8"]) | st.integers(-2, 12).map(str) | st.text(max_size=5)


@given(uris, headers, own_clients, st.booleans())
def test_nobody_is_ever_taken_for_who_they_may_not_be(uri, header, own, is_staff):
    found = viewer_of(uri, header, own, is_staff=is_staff)
    assert found is None or found.client in own or (found == FLEET and is_staff)


@given(uris, headers, own_clients, st.booleans())
def test_a_client_is_never_shown_under_the_number_of_another(uri, header, own, is_staff):
    """As Go, in which Grafana is written, reads a query: the first of a name, and percent-decoded."""
    found = viewer_of(uri, header, own, is_staff=is_staff)
    named = [value for name, value in parse_qsl(uri.partition("?")[2]) if name == "orgId"]
    if found and found.client is not None:
        assert {*named, *([header] if header else [])} <= {str(own[found.client])}
