"""The view that says what a probe's last call and health are, on the real server."""

import pytest

from voice_portal.cdr.models import ProbeState
from voice_portal.probes.health import reasons

pytestmark = pytest.mark.services


@pytest.fixture
def health(records, django_db):
    """The health of a probe with the given settings after the given calls; the pages give a reason for it, or none."""

    def health(*calls, **probe):
        client = records.client()
        records.probe(client, **probe)
        for call in calls:
            records.call(client, **call)
        state = ProbeState.objects.for_client(client).get()
        silent = state.health in ("Healthy", "Suspended") or state.last_call_at is None
        assert bool(reasons(state)) is not silent
        return state.health

    return health


def both(**stream):
    return {"forward": stream, "reverse": stream}


NO_STREAMS = {"forward": False, "reverse": False}
EMPTY = {"codec": None, "rtp_rx": 0, "loss_pct": None, "jitter_ms": None, "mos_cq": None}


def test_a_good_call_is_healthy(health):
    assert health({}) == "Healthy"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (both(mos_cq=4.0), "Healthy"),
        (both(mos_cq=3.999), "Degraded"),
        (both(mos_cq=3.6), "Degraded"),
        (both(mos_cq=3.599), "Unhealthy"),
        (both(loss_pct=0.5), "Healthy"),
        (both(loss_pct=0.501), "Degraded"),
        (both(loss_pct=2), "Degraded"),
        (both(loss_pct=2.001), "Unhealthy"),
        (both(jitter_ms=20), "Healthy"),
        (both(jitter_ms=20.001), "Degraded"),
        (both(jitter_ms=40), "Degraded"),
        (both(jitter_ms=40.001), "Unhealthy"),
        ({"pdd_ms": 3000}, "Healthy"),
        ({"pdd_ms": 3001}, "Degraded"),
        ({"pdd_ms": 6000}, "Degraded"),
        ({"pdd_ms": 6001}, "Unhealthy"),
        (both(late_media_ms=1000), "Healthy"),
        (both(late_media_ms=1001), "Degraded"),
        (both(late_media_ms=3000), "Degraded"),
        (both(late_media_ms=3001), "Unhealthy"),
    ],
)
def test_each_threshold_at_and_beyond_its_value(health, call, expected):
    assert health(call) == expected


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(
    "stream",
    [
        {"mos_cq": 3}, {"loss_pct": 5}, {"jitter_ms": 50}, {"late_media_ms": 4500}, {"silent": 1},
        {**EMPTY, "one_way": 1},
    ],
)  # fmt: skip
def test_the_worse_direction_decides(health, direction, stream):
    assert health({direction: stream}) == "Unhealthy"


@pytest.mark.parametrize("disposition", ["busy", "no_answer", "failed", "timeout", "configuration_error"])
@pytest.mark.parametrize("streams", [NO_STREAMS, both(**EMPTY)], ids=["no streams", "empty streams"])
def test_a_call_that_is_not_answered_is_unhealthy(health, disposition, streams):
    assert health({"disposition": disposition, "sip_code": 486, "pdd_ms": None, **streams}) == "Unhealthy"


@pytest.mark.parametrize("missing", [NO_STREAMS, {"forward": False}, {"reverse": False}])
def test_an_answered_call_without_a_stream_is_unhealthy(health, missing):
    assert health(missing) == "Unhealthy"


def test_what_was_not_measured_crosses_nothing(health):
    assert health({"pdd_ms": None, **both(mos_cq=None, loss_pct=None, jitter_ms=None)}) == "Healthy"


def test_what_was_measured_in_one_direction_still_counts(health):
    assert health({"forward": {"mos_cq": None}, "reverse": {"mos_cq": 3.7}}) == "Degraded"


def test_no_call_is_no_data(health):
    assert health() == "NoData"


def test_the_last_call_counts_for_three_intervals_and_its_own_length(health):
    assert health({"ago": 3 * 300 + 25}) == "Healthy"
    assert health({"ago": 3 * 300 + 35}) == "NoData"


def test_a_schedule_without_interval_has_a_day(health):
    cron = {"every_ms": None, "schedule": "0 9 * * *"}
    assert health({"ago": 86_400 - 60}, **cron) == "Healthy"
    assert health({"ago": 86_400 + 60}, **cron) == "NoData"


@pytest.mark.parametrize("timing", [{"every_ms": 60_000}, {"every_ms": None, "schedule": "*/5 * * * *"}])
def test_a_probe_that_cannot_be_called_stays_unhealthy_while_it_is_tried(health, timing):
    call = {"disposition": "configuration_error", "sip_code": None, "pdd_ms": None, **NO_STREAMS}
    assert health({"ago": 150, **call}, {"ago": 90, **call}, **timing) == "Unhealthy"


def test_suspended_comes_first(health):
    assert health({"ago": 90_000, "disposition": "failed"}, suspended=1) == "Suspended"


def test_the_newest_call_decides(health):
    assert health({"ago": 400, "disposition": "failed"}, {"ago": 100}) == "Healthy"


def test_a_call_that_the_host_spoilt_counts_nowhere(health):
    assert health({"ago": 400}, {"ago": 100, "valid": 0, **both(mos_cq=1)}) == "Healthy"
    assert health({"ago": 100, "valid": 0}) == "NoData"


def test_two_calls_in_the_same_millisecond_are_one_row(records):
    client = records.client()
    records.probe(client)
    first = records.call(client)
    started_at = records.one("SELECT started_at FROM voice_call WHERE uuid = %s", first.bytes)[0]
    records.call(client, ago=120)
    with records.connection.cursor() as cursor:
        cursor.execute("UPDATE voice_call SET started_at = %s WHERE client = %s", [started_at, client])
        cursor.execute("UPDATE voice_call_stream SET started_at = %s WHERE client = %s", [started_at, client])
    assert records.one("SELECT COUNT(*) FROM voice_probe_state WHERE client = %s", client) == (1,)


def test_the_figures_of_the_last_call(records):
    client = records.client()
    records.probe(client)
    forward = {"mos_cq": 4.1, "jitter_ms": 9, "late_media_ms": None}
    call = records.call(client, forward=forward, reverse={"mos_cq": 4.2, "loss_pct": 0.3, "late_media_ms": 450})
    row = records.one(
        "SELECT last_call_uuid, mos_forward, mos_reverse, mos, loss_pct, jitter_ms, one_way, late_media_ms"
        " FROM voice_probe_state WHERE client = %s",
        client,
    )
    assert row[0] == call.bytes
    assert [float(value) for value in row[1:]] == [4.1, 4.2, 4.1, 0.3, 9, 0, 450]


def test_it_reads_one_call_a_probe_however_many_there_are(records):
    client = records.client()
    records.probe(client)
    for ago in range(100, 400):
        records.call(client, ago=ago)
    before = rows_read(records)
    records.one("SELECT health FROM voice_probe_state WHERE client = %s", client)
    assert rows_read(records) - before < 30


def rows_read(records):
    """Rows that the server has read for this connection so far."""
    with records.connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


def test_no_step_of_its_plan_scans_the_calls(records):
    """With some calls: an empty table is read whole by every server, and rightly."""
    client = records.client()
    records.probe(client)
    for minutes in range(50):
        records.call(client, ago=60 * minutes)
    records.one("ANALYZE TABLE voice_call, voice_call_stream")
    with records.connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT * FROM voice_probe_state")
        names = [column[0] for column in cursor.description]
        steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    calls = [step for step in steps if step["table"] in ("c", "l", "f", "r")]
    assert len(calls) == 4
    assert {step["table"]: step["type"] for step in calls if step["type"] not in ("ref", "eq_ref")} == {}
    assert not any("filesort" in (step["Extra"] or "") for step in calls)


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"])
def test_health_compares_with_words_whatever_the_asking_connections_collation_is(records, collation):
    """Grafana's driver and Django choose different ones, and MySQL refuses to choose between two."""
    client = records.client()
    records.probe(client, suspended=1)
    records.one(f"SET NAMES utf8mb4 COLLATE {collation}")
    asked = "SELECT health = 'Suspended', health = 'suspended', COLLATION(health) FROM voice_probe_state"
    assert records.one(f"{asked} WHERE client = %s", client) == (1, 0, "utf8mb4_bin")
    ranked = "SELECT FIELD(health, 'Unhealthy', 'Suspended') FROM voice_probe_state WHERE client = %s"
    assert records.one(ranked, client) == (2,)
