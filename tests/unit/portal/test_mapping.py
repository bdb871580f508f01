"""Which mapping views are accepted, and what is asked of them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from voice_portal.cdr import mapping
from voice_portal.cdr.management.commands.map_calls import utc
from voice_portal.cdr.mapping import MappingError

TABLE = {"uuid": True, "client": True, "sip_code": False}


@pytest.mark.parametrize("view", [{"uuid", "client"}, {"uuid", "client", "sip_code"}])
def test_a_view_may_leave_out_what_may_be_null(view):
    mapping.check("voice_call", TABLE, view)


@pytest.mark.parametrize(
    ("view", "sentence"),
    [({"uuid", "client", "code", "also"}, "does not know: also, code"), ({"sip_code"}, "lacks columns: client, uuid")],
)
def test_a_view_that_does_not_fit_is_told_which_columns(view, sentence):
    with pytest.raises(MappingError, match=sentence):
        mapping.check("voice_call", TABLE, view)


@pytest.mark.parametrize("name", ["", "a.b", "x; DROP TABLE y", "`x`", "vendör", "x" * 65])
def test_a_name_that_would_need_escaping_is_no_schema(name):
    with pytest.raises(MappingError, match="not the name of a schema"):
        list(mapping.copies(name, {"uuid"}, {"uuid"}))


def test_calls_are_copied_before_their_streams_which_take_their_owner_from_the_call():
    columns = {"uuid", "direction", "client", "started_at", "probe"}
    calls, streams = mapping.copies("vendor", {"uuid", "client"}, columns)
    assert (calls.table, streams.table) == ("voice_call", "voice_call_stream")
    assert "SELECT c.client, s.direction, c.probe, c.started_at, c.uuid" in streams.sql


def test_times_are_bound_as_utc_without_a_zone():
    (copy, _) = mapping.copies("vendor", {"uuid"}, {"uuid"})
    since = utc("2026-01-01T01:00:00+01:00")
    assert copy.parameters(since, 30) == [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None), 30]


@pytest.mark.parametrize("text", ["2026-01-01T00:00", "2026-01-01", "2026-01-01T02:00+02:00"])
def test_a_time_without_an_offset_is_utc(text):
    assert utc(text) == datetime(2026, 1, 1, tzinfo=timezone(timedelta(0)))
