"""How the probes of a client stood over a time, from call records on the real server."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test.utils import CaptureQueriesContext

from voice_portal.cdr.standing import standing_of, standings, total

pytestmark = pytest.mark.services

HOUR = timedelta(hours=1)
BAD = {"forward": {"mos_cq": 3.0}}


@pytest.fixture
def stand(records, django_db):
    """A function: the standing of a probe with calls so many seconds ago, each good or as it is changed."""

    def stand(*calls, hours=1):
        client = records.client()
        records.probe(client)
        for ago, changes in calls:
            records.call(client, ago=ago, **changes)
        return standings(client, datetime.now(UTC) - hours * HOUR)["inbound"]

    return stand


def ago(standing):
    return round((datetime.now(UTC) - standing.since).total_seconds(), -1)


def test_calls_that_count_are_told_by_what_became_of_them(stand):
    busy = {"disposition": "busy", "forward": False, "reverse": False}
    found = stand((500, {}), (400, BAD), (300, busy), (200, {"valid": 0}))
    assert (found.calls, found.answered, found.compliant) == (3, 2, 1)
    assert found.answer_rate_pct == pytest.approx(100 * 2 / 3)
    assert found.compliance_pct == pytest.approx(100 / 3)


def test_the_present_health_began_with_the_first_call_of_its_run(stand):
    found = stand((900, BAD), (600, {}), (500, BAD), (400, BAD))
    assert (ago(found), found.is_older) == (500, False)


def test_a_call_that_does_not_count_neither_begins_nor_ends_a_run(stand):
    found = stand((900, {}), (800, {**BAD, "valid": 0}), (600, {}))
    assert (ago(found), found.is_older) == (900, True)


def test_a_run_from_before_the_time_is_told_as_older(stand):
    found = stand((3600 * 2, {}), (1800, BAD), (60, BAD))
    assert (ago(found), found.is_older) == (1800, True)


def test_a_probe_without_calls_has_no_standing_and_counts_for_nothing(records, django_db):
    client = records.client()
    records.probe(client)
    found = standings(client, datetime.now(UTC) - HOUR)
    assert found == {}
    assert total(found.values()).answer_rate_pct is None


def test_other_clients_calls_are_not_among_them(records, django_db):
    ours, theirs = records.client(), records.client()
    for client in (ours, theirs):
        records.probe(client)
    records.call(theirs)
    assert standings(ours, datetime.now(UTC) - HOUR) == {}


def test_it_asks_the_server_twice_however_many_probes_there_are(records, django_db):
    client = records.client()
    for name in "abcde":
        records.probe(client, name)
        records.call(client, name, ago=300, **BAD)
        records.call(client, name, ago=200)
    with CaptureQueriesContext(django_db) as asked:
        found = standings(client, datetime.now(UTC) - HOUR)
    assert len(asked) == 2
    assert {ago(standing) for standing in found.values()} == {200}
    assert total(found.values()).calls == 10


def test_one_probe_stands_by_itself_as_it_does_among_all(records, django_db):
    client = records.client()
    for probe in ("inbound", "other"):
        records.probe(client, probe)
        for ago, changes in ((900, BAD), (600, {}), (500, BAD), (400, BAD)):
            records.call(client, probe, ago=ago, **changes)
    begun = datetime.now(UTC) - HOUR
    assert standing_of(client, "inbound", begun) == standings(client, begun)["inbound"]
    assert standing_of(client, "none", begun) is None
