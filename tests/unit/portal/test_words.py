from decimal import Decimal

import pymysql
import pytest
from django.db import IntegrityError, InterfaceError, OperationalError

from voice_portal.accounts.middleware import zone
from voice_portal.cdr.models import Call, Client, ProbeState
from voice_portal.config.errors import is_database_away
from voice_portal.probes import health
from voice_portal.probes.clientviews import ClientRow, is_called
from voice_portal.probes.health import Health


def state(**changes):
    good = {
        "health": "Healthy", "disposition": "answered", "one_way": False, "silent": False, "mos": Decimal("4.3"),
        "loss_pct": Decimal("0.1"), "jitter_ms": Decimal(5), "pdd_ms": 900,
        "mos_warning": Decimal("4.00"), "mos_critical": Decimal("3.60"),
        "loss_pct_warning": Decimal("0.500"), "loss_pct_critical": Decimal("2.000"),
        "jitter_ms_warning": Decimal(20), "jitter_ms_critical": Decimal(40),
        "pdd_ms_warning": 3000, "pdd_ms_critical": 6000,
        "late_media_ms": 15, "late_media_ms_warning": 1000, "late_media_ms_critical": 3000,
    }  # fmt: skip
    return ProbeState(**{**good, **changes})


def test_healths_are_counted_worst_first():
    counted = health.count([state(), state(health="Unhealthy"), state()])
    assert counted == [(Health.UNHEALTHY, 1), (Health.HEALTHY, 2)]


def test_a_persons_words_for_no_data():
    assert Health.NO_DATA.label == "No data"
    assert Health.NO_DATA.css == "nodata"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call(disposition="answered", sip_code=200, sip_reason="OK"), "Answered"),
        (
            Call(disposition="failed", sip_code=503, sip_reason="Service Unavailable"),
            "Failed (503 Service Unavailable)",
        ),
        (Call(disposition="busy", sip_code=486), "Busy (486)"),
        (Call(disposition="timeout"), "Timed out"),
        (
            Call(disposition="configuration_error", sip_reason="Nothing to play: no such file."),
            "Configuration error: Nothing to play: no such file.",
        ),
        (Call(disposition="configuration_error"), "Configuration error"),
        (state(disposition=None), "No call yet"),
    ],
)
def test_outcomes(call, words):
    assert health.outcome(call) == words


def test_a_healthy_probe_needs_no_reason():
    assert health.reasons(state()) == []


def test_the_graver_threshold_is_named():
    told = health.reasons(state(health="Unhealthy", mos=Decimal("3.5"), jitter_ms=Decimal(25)))
    assert told == [
        "MOS 3.5 is below the critical threshold of 3.6.",
        "Jitter 25 ms is above the warning threshold of 20 ms.",
    ]


def test_late_media_is_a_reason():
    told = health.reasons(state(health="Unhealthy", late_media_ms=4500))
    assert told == ["Late media 4500 ms is above the critical threshold of 3000 ms."]


@pytest.mark.parametrize("one_way", [True, None])
def test_one_way_audio_is_a_reason(one_way):
    told = health.reasons(state(health="Unhealthy", one_way=one_way, silent=one_way))
    assert told == ["One-way audio: in at least one direction no sound arrived."]


@pytest.mark.parametrize("silent", [True, None])
def test_silence_is_a_reason(silent):
    told = health.reasons(state(health="Unhealthy", silent=silent))
    assert told == ["Silence: in at least one direction packets arrived, but not the speech that was sent."]


def test_a_probe_that_cannot_be_called_tells_what_to_mend():
    told = health.reasons(state(health="Unhealthy", disposition="configuration_error", sip_reason="No such recording."))
    assert told == ["Configuration error: No such recording."]


def test_a_refused_call_is_the_only_reason():
    told = health.reasons(state(health="Unhealthy", disposition="busy", sip_code=486, mos=None, one_way=None))
    assert told == ["The last call was not answered: Busy (486)."]


ACME = Client(client="acme", display_name="Zürich Insurance")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", True), ("zür", True), ("INSURANCE", True), ("acm", True), ("zurich", False), (".*", False)],
)
def test_a_client_is_found_by_its_name_or_namespace(wanted, found):
    assert is_called(ACME, wanted) is found


def test_the_client_to_look_at_first_stands_first():
    def row(name, *counts):
        return ClientRow(Client(client=name, display_name=name), counts)

    rows = [
        row("none yet"),
        row("well", (Health.HEALTHY, 9)),
        row("bad", (Health.UNHEALTHY, 1), (Health.HEALTHY, 3)),
        row("degraded", (Health.DEGRADED, 8)),
        row("worse", (Health.UNHEALTHY, 2)),
        row("Bad too", (Health.UNHEALTHY, 1)),
    ]
    ordered = [one.client.client for one in sorted(rows, key=lambda one: one.rank)]
    assert ordered == ["worse", "bad", "Bad too", "degraded", "well", "none yet"]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", ""])
def test_an_unknown_time_zone_is_utc(name):
    assert zone(name).key == "UTC"


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError(2003, "Can't connect"), True),
        (OperationalError(2013, "Lost connection"), True),
        (OperationalError(1040, "Too many connections"), True),
        (InterfaceError(0, ""), True),
        (OperationalError(1142, "SELECT command denied"), False),
        (IntegrityError(1062, "Duplicate entry"), False),
        (pymysql.err.OperationalError(2003, "not Django's"), False),
        (ValueError(2003), False),
        (None, False),
    ],
)
def test_only_an_unreachable_database_is_away(error, away):
    assert is_database_away(error) is away
