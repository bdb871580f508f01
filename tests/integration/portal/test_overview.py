"""The overview of a client and its wall board."""

import re

import pytest
from django.test.utils import CaptureQueriesContext

from tests.portal import foreign_scripts

pytestmark = pytest.mark.services

BAD = {"forward": {"mos_cq": 3.0, "loss_pct": 4.2}}


@pytest.fixture
def client(records):
    return records.client(display_name="Acme Insurance", time_zone="Europe/London")


@pytest.fixture
def page(client, log_in):
    """A function: a page of the client's as its engineer sees it, as text without tags; or as it is."""
    browser = log_in(client)

    def page(path="", *, raw=False, **headers):
        answer = browser.get(f"/c/{client}/{path}", headers=headers)
        assert answer.status_code == 200, answer.status_code
        text = answer.content.decode()
        return text if raw else re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))

    return page


def test_incidents_come_first_with_their_reasons_and_since_when(client, records, page):
    records.probe(client, "good", display_name="Good line")
    records.probe(client, "bad", display_name="Bad line")
    records.call(client, "good", ago=30)
    records.call(client, "bad", ago=900)
    records.call(client, "bad", ago=600, **BAD)
    records.call(client, "bad", ago=300, **BAD)
    text = page()
    assert re.search(r"Needs attention Bad line Unhealthy since \d+ \w+ \d\d:\d\d \( *10 min *\) MOS .*3", text)
    assert text.index("Bad line") < text.index("Good line")
    assert "Good line" not in text[text.index("Needs attention") : text.index("All probes ")]


def test_a_client_without_incidents_is_told_so(client, records, page):
    records.probe(client)
    records.call(client)
    assert "Nothing needs attention." in page()


def test_rates_are_of_the_chosen_range(client, records, page):
    records.probe(client)
    records.call(client, ago=60)
    records.call(client, ago=3600 * 8, **BAD)
    busy = {"disposition": "busy", "forward": False, "reverse": False}
    records.call(client, ago=3600 * 30, **busy)
    assert re.search(r"Good calls , last 6h +100.0 % +Answer rate , last 6h +100.0 %", page("?range=6h"))
    assert re.search(r"Good calls , last 24h +50.0 % +Answer rate , last 24h +100.0 %", page())
    assert re.search(r"Good calls , last 7d +33.3 % +Answer rate , last 7d +66.7 %", page("?range=7d"))


def test_a_range_that_is_not_offered_is_not_found(client, log_in):
    assert log_in(client).get(f"/c/{client}/?range=1y").status_code == 404


@pytest.mark.parametrize("path", ["", "wall/"])
def test_it_renews_a_part_of_itself_and_is_never_loaded_anew(client, records, page, path):
    records.probe(client)
    text = page(path + "?range=7d", raw=True)
    assert "http-equiv" not in text
    assert f'hx-get="/c/{client}/{path}?range=7d"' in text
    assert text.count('id="live"') == 1
    assert "hx-get" not in page(path + "?range=7d&renew=off", raw=True)


def test_the_wall_board_shows_every_probe_and_nothing_to_sign_out_with(client, records, page):
    records.probe(client, "bad", display_name="Bad line")
    records.call(client, "bad", **BAD)
    text = page("wall/")
    assert re.search(r"Bad line Unhealthy .*MOS .*3", text)
    assert "Log out" not in text


def test_a_client_without_probes_is_shown_how_to_declare_one(client, page):
    assert "kubectl apply" in page()
    assert f"namespace: {client}" in page(raw=True)


def test_what_probes_are_called_is_inert(client, records, page):
    records.probe(client, display_name="<script>alert(1)</script>")
    records.call(client, **BAD)
    for path in ("", "wall/"):
        assert not foreign_scripts(page(path, raw=True))


def test_what_the_calls_of_a_range_come_to_is_kept_for_others_and_the_states_are_not(client, records, page, django_db):
    records.probe(client, display_name="The line")
    records.call(client, ago=120)
    with CaptureQueriesContext(django_db) as first:
        assert "Nothing needs attention" in page()
    records.call(client, ago=5, **BAD)
    with CaptureQueriesContext(django_db) as second:
        text = page()
    assert re.search(r"The line Unhealthy since .* \( *less than a minute *\)", text)
    assert re.search(r"Calls that count , last 24h +1 ", text), "of the first time"
    assert len(second) == len(first) - 3
