"""What the page of a call is made of."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.portal.test_words import state
from voice_portal.cdr.calldetail import CallDetail
from voice_portal.cdr.models import Call, CallInterval, CallStream
from voice_portal.probes import ladder, measures, timeline
from voice_portal.probes.callcharts import call_charts, missing_pct
from voice_portal.probes.findings import Finding, findings, worst
from voice_portal.probes.measures import Cell

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(milliseconds):
    return START + timedelta(milliseconds=milliseconds)


def call(**changes):
    values = {
        "started_at": START, "remote_address": "[fd77::1]:5060", "transport": "udp", "progress_at": at(950),
        "answered_at": at(2950), "ended_at": at(32950), "pdd_ms": 900, "setup_ms": 2900, "first_rtp_ms": 2950,
        "hangup_by": "local",
    }  # fmt: skip
    return Call(**values | changes)


def names(record):
    return [(station.name, station.after_ms) for station in timeline.stations(record)]


def test_the_stations_of_an_answered_call():
    expected = [("INVITE", 0), ("Ringing", 900), ("Answer", 2900), ("Sound", 2950), ("End", 32900)]
    assert names(call()) == expected, "from the INVITE, 50 ms after the call's start"


def test_a_call_that_rang_in_vain_counts_from_its_invite_too():
    in_vain = call(answered_at=None, setup_ms=None, first_rtp_ms=None, hangup_by="timeout")
    assert names(in_vain) == [("INVITE", 0), ("Ringing", 900), ("End", 32900)]


def test_early_media_comes_before_the_answer():
    early = call(first_rtp_ms=1000, early_media=True)
    assert [name for name, _ in names(early)] == ["INVITE", "Ringing", "Sound", "Answer", "End"]
    assert timeline.stations(early)[2].note == "early media, before the answer"


def test_late_media_after_early_media_has_a_station_of_its_own():
    early = call(first_rtp_ms=1000, early_media=True)
    stations = timeline.stations(early, stream(late_media_ms=4500))
    assert [(one.name, one.after_ms) for one in stations] == [
        ("INVITE", 0), ("Ringing", 900), ("Sound", 1000), ("Answer", 2900), ("Sound", 7400), ("End", 32900),
    ]  # fmt: skip
    assert stations[4].note == "first packet at the dialer after the answer"


def test_a_call_that_was_refused_at_once_has_two_stations():
    nothing = dict.fromkeys(("progress_at", "answered_at", "pdd_ms", "setup_ms", "first_rtp_ms"))
    refused = call(**nothing, ended_at=at(15), hangup_by="none")
    assert names(refused) == [("INVITE", 0), ("End", 15)]
    assert timeline.ending(refused) == "refused"


def test_a_call_that_was_never_sent_has_none():
    assert timeline.stations(call(remote_address=None)) == []


def described(line):
    """A re-INVITE whose session description has this line."""
    return f"INVITE sip:b@x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n{line}\r\n"


@pytest.mark.parametrize(
    ("text", "label", "failure"),
    [
        ("INVITE sip:b@x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0", "INVITE + SDP", False),
        ("INVITE sip:b@x SIP/2.0\r\nc: application/sdp\r\n\r\nv=0", "INVITE + SDP", False),
        ("SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n", "180 Ringing", False),
        ("SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n", "200 OK (BYE)", False),
        ("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n", "200 OK + SDP", False),
        ("SIP/2.0 503 Service Unavailable\r\n\r\n", "503 Service Unavailable", True),
        ("SIP/2.0 302 Moved\r\n\r\n", "302 Moved", False),
        ("SIP/2.0 486\r\n\r\n", "486", True),
        ("CANCEL sip:b@x SIP/2.0\r\n\r\n", "CANCEL", True),
        (described("a=inactive"), "INVITE + SDP (inactive)", False),
        (described("a=SendOnly "), "INVITE + SDP (sendonly)", False),
        (described("c=IN IP4 0.0.0.0"), "INVITE + SDP (address 0.0.0.0)", False),
        (described("c=IN IP6 ::"), "INVITE + SDP (address ::)", False),
        (described("c=IN IP6 ::1"), "INVITE + SDP", False),
        (described("m=audio 0 RTP/AVP 8"), "INVITE + SDP (no audio)", False),
        (described("m=video 0 RTP/AVP 96"), "INVITE + SDP", False),
        (described("a=sendrecv"), "INVITE + SDP", False),
        ("garbage", "garbage", False),
        ("", "(empty)", False),
    ],
)
def test_what_stands_on_an_arrow(text, label, failure):
    assert ladder.label_of(text) == (label, failure)


def message(ms, sent, text="ACK sip:b@x SIP/2.0\r\n\r\n"):
    return {"ms": ms, "sent": sent, "peer": "[fd77::1]:5060", "text": text}


def test_both_legs_are_one_ladder_in_order_of_time():
    dialer = json.dumps([message(0, sent=True), message(40, sent=False)])
    receiver = json.dumps([message(12, sent=False), message(25, sent=True)])
    steps = ladder.steps({"dialer": dialer, "receiver": receiver})
    assert [(step.leg, step.after_ms) for step in steps] == [
        ("dialer", 0), ("receiver", 12), ("receiver", 25), ("dialer", 40),
    ]  # fmt: skip
    assert [step.right for step in steps] == [True, True, False, False], "there and back"


def test_times_count_from_the_invite_as_those_of_the_timeline():
    """The call itself starts a moment before; and the clock of the receiver's host may differ a little."""
    dialer = json.dumps([message(50, sent=True), message(61, sent=False)])
    receiver = json.dumps([message(48, sent=False)])
    steps = ladder.steps({"dialer": dialer, "receiver": receiver})
    assert [(step.leg, step.time) for step in steps] == [
        ("receiver", "-2 ms"), ("dialer", "+0 ms"), ("dialer", "+11 ms"),
    ]  # fmt: skip


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_no_stored_text_breaks_the_page(messages):
    assert ladder.steps({"dialer": messages, "elsewhere": messages}) == []


@given(st.text())
def test_no_message_breaks_the_page(text):
    (step,) = ladder.steps({"dialer": json.dumps([message(1.5, sent=True, text=text)])})
    assert step.label
    assert "\n" not in step.label


def stream(**changes):
    values = {
        "mos_cq": Decimal("4.2"), "loss_pct": Decimal(0), "jitter_ms": Decimal(3), "rtp_rx": 1500, "codec": "PCMA",
        "valid": True,
    }  # fmt: skip
    return CallStream(**values | changes)


def test_measures_stand_side_by_side():
    groups = dict(measures.tables(state(), stream(rtp_lost=1), stream(mos_cq=Decimal("3.1"))))
    quality = {row.measure.column: row for row in groups["Quality"]}
    assert quality["mos_cq"].forward == Cell("4.20")
    assert quality["mos_cq"].reverse == Cell("3.10", "unhealthy")
    packets = {row.measure.column: row for row in groups["Packets"]}
    assert (packets["rtp_lost"].forward.text, packets["rtp_lost"].reverse.text) == ("1 packet", "–")
    assert "Bursts" not in groups, "neither direction has one of them"


@pytest.mark.parametrize(("of_call", "of_direction"), [(True, False), (False, True), (False, False)])
def test_what_the_measuring_host_spoilt_is_not_coloured(of_call, of_direction):
    bad = stream(valid=of_direction, mos_cq=Decimal(1))
    groups = dict(measures.tables(state(), bad, None, counts=of_call))
    assert groups["Quality"][0].forward == Cell("1.00")


def test_nothing_measured_is_nothing_shown():
    assert measures.tables(state(), None, None) == []


def test_where_no_media_was_agreed_on_nothing_was_measured():
    nothing = CallStream(rtp_rx=0, sip_host="sip-1", valid=True)
    assert measures.tables(state(), nothing, nothing) == []
    assert measures.tables(state(), nothing, None) == []


def test_nought_is_a_measurement():
    sound = dict(measures.tables(state(), stream(clip_pct=Decimal(0)), None))["Sound"]
    (row,) = sound
    assert (row.forward.text, row.reverse.text) == ("0.00 %", "–")


def test_every_measure_is_a_column_of_the_record():
    fields = {field.column for field in CallStream._meta.concrete_fields}
    columns = [measure.column for _, group in measures.GROUPS for measure in group]
    assert set(columns) <= fields
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(
    ("column", "value", "css"),
    [
        ("mos_cq", "4.00", ""), ("mos_cq", "3.99", "degraded"), ("mos_cq", "3.6", "degraded"),
        ("mos_cq", "3.59", "unhealthy"),
        ("loss_pct", "0.5", ""), ("loss_pct", "0.501", "degraded"), ("loss_pct", "2.001", "unhealthy"),
        ("jitter_ms", "20", ""), ("jitter_ms", "41", "unhealthy"), ("rtt_ms", "9999", ""),
        ("late_media_ms", "1000", ""), ("late_media_ms", "1001", "degraded"), ("late_media_ms", "4500", "unhealthy"),
        ("held_ms", "9999", ""),
    ],
)  # fmt: skip
def test_colours_follow_the_thresholds_as_health_does(column, value, css):
    assert measures.crossed(state(), column, Decimal(value)) == css


def found(call_changes=None, **streams):
    record = call(**{"disposition": "answered", "valid": True} | (call_changes or {}))
    both = {"forward": stream(valid=True), "reverse": stream(valid=True)} | streams
    detail = CallDetail(call=record, intervals=[], ladders={}, request=None, **both)
    return findings(detail, state())


def test_what_came_from_another_source_is_told_and_accuses_nobody():
    """A stranger's packets, or a far end whose address something on the way writes anew: it explains a dead line."""
    assert found(forward=stream(valid=True, rtp_other_source=0)) == []
    told = found(forward=stream(valid=True, rtp_other_source=650), reverse=stream(valid=True, rtp_other_source=1))
    assert told == [
        Finding("", "Forward: 650 packets of another source than the agreed one arrived and counted for nothing."),
        Finding("", "Reverse: 1 packet of another source than the agreed one arrived and counted for nothing."),
    ]


def test_a_good_call_has_nothing_to_find():
    assert found() == []
    assert worst([]) == ""


def test_a_direction_beyond_its_thresholds_is_found_with_the_graver_one():
    told = found(reverse=stream(valid=True, mos_cq=Decimal("3.9"), loss_pct=Decimal("2.5")))
    assert told == [
        Finding("degraded", "Reverse: MOS 3.9 is below the warning threshold of 4."),
        Finding("unhealthy", "Reverse: packet loss 2.5 % is above the critical threshold of 2 %."),
    ]
    assert worst(told) == "unhealthy"


def test_late_media_is_found_and_a_long_time_is_told_in_full():
    (one,) = found(reverse=stream(valid=True, late_media_ms=12_345))
    assert one == Finding("unhealthy", "Reverse: late media 12345 ms is above the critical threshold of 3000 ms.")


def test_a_hold_is_told_and_accuses_nobody():
    """A reader must see why 150 packets that did not come are not lost."""
    assert found(forward=stream(valid=True, held_ms=0)) == []
    (one,) = found(reverse=stream(valid=True, held_ms=3020))
    assert one == Finding("", "Reverse: on hold for 3.0 s, in which no packet was due and none is lost.")


@pytest.mark.parametrize(
    ("changes", "css", "words"),
    [
        ({"one_way": True}, "unhealthy", "one-way audio"),
        ({"silent": True}, "unhealthy", "silence"),
        ({"valid": False}, "", "not counted"),
        ({"wideband": True}, "", "wide-band scale"),
    ],
)
def test_what_else_a_direction_tells(changes, css, words):
    (one,) = found(forward=stream(**{"valid": True} | changes))
    assert one.css == css
    assert one.text.startswith(f"Forward: {words}") or words in one.text


def test_what_is_the_same_of_both_directions_is_said_once():
    told = found(forward=stream(wideband=True), reverse=stream(wideband=True, mos_cq=Decimal(1)))
    assert [one.text.split()[0] for one in told] == ["Reverse:", "Both"], "what was wrong stands above remarks"
    scale = "Both directions: rated on the wide-band scale (G.107.1), not to be compared with narrow-band calls."
    assert told[1].text == scale


def test_a_direction_that_nobody_recorded_is_found():
    (one,) = found(forward=None)
    assert one == Finding("unhealthy", "Forward: no record of what was received has come in (yet).")


def test_of_a_call_that_was_not_answered_the_streams_say_nothing():
    (one,) = found({"disposition": "busy", "sip_code": 486}, forward=None, reverse=None)
    assert one == Finding("unhealthy", "The call was not answered: Busy (486).")


BAD = {"mos_cq": Decimal(1), "loss_pct": Decimal(50), "valid": False}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "the measuring host spoilt it"),
        ({"sip_reason": "OK"}, "the measuring host spoilt it"),
        ({"sip_reason": "OK; this host's clock was set by 300 ms during the call", "probe_lag_ms": Decimal(9)},
         "the measuring host spoilt it (OK; this host's clock was set by 300 ms during the call)"),
        ({"probe_lag_ms": Decimal("45.2")}, "the measuring host was too busy: its own packets left up to 45 ms late"),
        ({"disposition": "interrupted"}, "the SIP host was stopped during it"),
        ({"disposition": "failed", "sip_reason": "No port free."}, "the measuring host spoilt it (No port free.)"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_count_accuses_nobody_and_says_why(changes, why):
    one_way = stream(valid=False, one_way=True, mos_cq=None, loss_pct=None, jitter_ms=None)
    told = found({"valid": False, "pdd_ms": 7000} | changes, forward=stream(**BAD), reverse=one_way)
    assert {one.css for one in told} == {""}
    assert told[0].text == f"This call does not count: {why}. Nothing below says anything about the path."
    assert worst(told) == ""


def test_a_direction_that_does_not_count_leaves_the_other_as_it_is():
    """With the parties on two hosts, each tells of its own direction."""
    told = found(forward=stream(**BAD), reverse=stream(valid=True, mos_cq=Decimal(1)))
    assert [(one.css, one.text.split()[0]) for one in told] == [
        ("unhealthy", "Reverse:"), ("", "Forward:"), ("", "Forward:"), ("", "Forward:"),
    ]  # fmt: skip


@pytest.mark.parametrize(("pdd_ms", "css"), [(3000, None), (3001, "degraded"), (6000, "degraded"), (6001, "unhealthy")])
def test_post_dial_delay_is_found_beyond_its_thresholds(pdd_ms, css):
    assert [one.css for one in found({"pdd_ms": pdd_ms})] == ([css] if css else [])


def second(number, direction="forward", **changes):
    values = {"rtp_expected": 50, "rtp_lost": 0, "rtp_discarded": 0, "mos_cq": Decimal("4.2"), "jitter_ms": Decimal(2)}
    return CallInterval(direction=direction, second=number, **values | changes)


def test_no_seconds_are_no_charts():
    assert call_charts(state(), START, []) == []


def test_each_second_is_a_point_of_its_direction():
    drawings = {one.title: one for one in call_charts(state(), START, [second(n) for n in range(30)])}
    assert list(drawings) == ["MOS", "Lost and late", "Jitter", "Level"]
    forward, reverse = drawings["MOS"].lines
    assert forward.path.count("L") == 29
    assert reverse.path == ""
    assert [label for _, label in drawings["MOS"].time_ticks] == ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s"]
    assert drawings["Level"].bands == []


def test_a_second_without_packets_due_is_a_gap():
    _, missing, _, _ = call_charts(state(), START, [second(0), second(1, rtp_expected=0), second(2)])
    assert missing.lines[0].path.count("M") == 2


def test_late_packets_count_as_missing():
    assert missing_pct(second(0, rtp_lost=5, rtp_discarded=10)) == 30


@given(st.integers(1, 7200))
def test_labels_never_crowd(seconds):
    drawing = call_charts(state(), START, [second(0), second(seconds - 1)])[0]
    assert 2 <= len(drawing.time_ticks) <= 7
