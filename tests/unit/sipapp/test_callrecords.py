"""Every record of a call is made in one place: what each kind of it says, from plain facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.sipapp.bench import a_probe
from voice_sipapp.records import calluuid
from voice_sipapp.signalling import callrecords
from voice_sipapp.signalling.callrecords import Dialled, Media, Where
from voice_sipapp.signalling.outcome import Ending
from voice_sipapp.signalling.times import Times

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UUID_ = calluuid.new(START)
PROBE = replace(a_probe(5060), generation=3, srtp=True)
WALL_NS = 1_800_000_000_000_000_000
"""When the INVITE was sent: 0.1 s after the call was drawn up."""


def times(**moments: float) -> Times:
    made = Times(START, 50.0)
    made.invite(50.1, WALL_NS)
    for name, seconds in ({"progress": 50.3, "answered": 51.1, "final": 51.1, "ended": 53.6} | moments).items():
        setattr(made, name, seconds)
    return made


def dialled(**changes: Any) -> Dialled:
    known = Dialled(
        times=times(), ending=Ending(code=200, answered=True, rang=True, hangup_by="remote"),
        media=Media(audio_sha256=b"x" * 32, encrypted=True, first_rtp_ns=WALL_NS + 1_040_000_000, early=False),
        where=Where(local="192.0.2.1", remote="[2001:db8::1]:5061", transport="tls"), call_id="a@b", user_agent="PBX 3",
        reason="OK", cause=16, redirects=1, spoilt=False,
    )  # fmt: skip
    return replace(known, **changes)


def test_a_call_that_is_over_tells_all_that_is_known():
    record = callrecords.ended(UUID_, PROBE, "host", dialled(), request_id=7)
    assert (record.uuid, record.client, record.probe, record.generation) == (UUID_, "acme", "sales", 3)
    assert (record.sip_host, record.request_id, record.audio, record.valid) == ("host", 7, "tone", True)
    assert (record.from_uri, record.to_uri) == (PROBE.dialer.text, PROBE.destination.text)
    assert (record.local_address, record.remote_address, record.transport) == (
        "192.0.2.1", "[2001:db8::1]:5061", "tls",
    )  # fmt: skip
    assert (record.disposition, record.sip_code, record.hangup_by, record.q850_cause) == ("answered", 200, "remote", 16)
    assert (record.started_at, record.ended_at) == (START, START + timedelta(seconds=3.6))
    assert record.answered_at == START + timedelta(seconds=1.1)
    assert (record.pdd_ms, record.ring_ms, record.setup_ms, record.duration_ms) == (200, 800, 1000, 2500)
    assert (record.first_rtp_ms, record.early_media, record.srtp) == (1040, False, True)


def test_a_call_that_was_never_sent_has_no_addresses_and_no_length():
    never = dialled(times=Times(START, 50.0, ended=50.2), ending=Ending(None, False, unusable=True), where=None)
    record = callrecords.ended(UUID_, PROBE, "host", replace(never, spoilt=True))
    assert (record.local_address, record.remote_address, record.transport) == (None, None, None)
    assert (record.disposition, record.duration_ms, record.setup_ms, record.valid) == ("failed", 0, None, False)


@pytest.mark.parametrize(
    ("answered", "first", "early", "says"),
    [(True, True, False, False), (True, True, True, True), (False, True, False, True), (False, False, False, False)],
)
def test_sound_is_early_where_it_came_well_before_the_answer_or_without_one(
    answered: bool, first: bool, early: bool, says: bool
):
    media = Media(audio_sha256=b"", encrypted=False, first_rtp_ns=WALL_NS if first else None, early=early)
    known = dialled(media=media, times=times() if answered else replace(times(), answered=None))
    record = callrecords.ended(UUID_, PROBE, "host", known)
    assert (record.early_media, record.first_rtp_ms) == (says, 0 if first else None)


def test_a_call_that_the_process_did_not_live_to_end_is_interrupted():
    record = callrecords.begun(UUID_, PROBE, "host", START, 7)
    assert (record.disposition, record.valid, record.ended_at, record.request_id) == ("interrupted", False, START, 7)
    assert (record.srtp, record.sip_reason) == (True, callrecords.CUT_OFF)
    assert not callrecords.ended(UUID_, PROBE, "host", dialled(ending=Ending(200, True, stopped=True))).valid


@pytest.mark.parametrize(("disposition", "valid"), [("configuration_error", True), ("failed", False)])
def test_a_call_that_was_not_placed_blames_the_plan_or_this_host(disposition: str, valid: bool):
    record = callrecords.not_placed(PROBE, "host", START, disposition, "No port.", 7)
    assert (record.disposition, record.sip_reason, record.valid, record.request_id) == (
        disposition,
        "No port.",
        valid,
        7,
    )
    assert (record.started_at, record.ended_at, calluuid.started_at(record.uuid)) == (START, START, START)
    assert record.sip_code is None


def test_what_the_receiver_knows_of_another_hosts_call():
    record = callrecords.remote(UUID_, PROBE, "host", START + timedelta(seconds=9), spoilt=True)
    assert (record.disposition, record.valid, record.started_at) == ("answered", False, calluuid.started_at(UUID_))
    part = callrecords.part_begun(record, START + timedelta(seconds=1), known=True)
    assert (part.known, part.invited_at, part.code, part.contested) == (True, START + timedelta(seconds=1), None, False)
    assert part.problem == "The SIP host host, its receiver, stopped in mid-call."
    assert (part.stream.uuid, part.stream.direction, part.stream.sip_host) == (UUID_, "forward", "host")
    assert not part.stream.valid


def test_a_contest_is_told_without_a_stream_of_anybody():
    part = callrecords.part_contested(PROBE, "host", START, "two came", None)
    assert (part.known, part.contested, part.problem, part.invited_at) == (False, True, "host: two came", START)
    assert (part.stream.probe, part.stream.started_at, part.stream.valid) == ("sales", START, False)
