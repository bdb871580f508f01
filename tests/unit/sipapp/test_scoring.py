"""From packets to a call's record, for calls whose truth is known because they were made up."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from tests.unit.sipapp.voices import PCM, noise, pcm, voice
from voice_sipapp.measurement import scoring
from voice_sipapp.measurement.scoring import NOBODY, Party
from voice_sipapp.media import codecs, rtppacket
from voice_sipapp.media.audio import Audio
from voice_sipapp.records.cdr import CallRecord, StreamRecord

STARTED = datetime(2026, 11, 23, 5, 40, 1, 123_000, UTC)
ANSWERED = STARTED + timedelta(seconds=2)
MS = 1_000_000


def sound_of(samples: PCM) -> Audio:
    return Audio("speech", hashlib.sha256(samples.tobytes()).digest(), 8000, samples)


SPEECH = sound_of(voice(1, 12))


def call(**changes: object) -> CallRecord:
    """The record of a call that was answered two seconds after it was placed."""
    plain = CallRecord(
        uuid=uuid4(), started_at=STARTED, client="acme", probe="sales", generation=1, sip_host="h", from_uri="sip:a@b",
        to_uri="sip:c@d", ended_at=STARTED + timedelta(seconds=12), answered_at=ANSWERED, disposition="answered",
        audio="speech",
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def received(
    sound: Audio = SPEECH, codec: str = "PCMA", seconds: float = 10, gone: frozenset[int] = frozenset()
) -> list[tuple[int, bytes]]:
    """Packets of `sound`, the first of them as the call was answered, without those in `gone`."""
    form, frames = codecs.CODECS[codec], sound.frames[codec]
    start = round(ANSWERED.timestamp() * 1000) * MS
    return [
        (start + at * 20 * MS,
         rtppacket.HEADER.pack(0x80, form.payload_type, at, at * form.ticks, 5) + frames[at % len(frames)])
        for at in range(int(seconds * 50)) if at not in gone
    ]  # fmt: skip


def party(packets: list[tuple[int, bytes]], codec: str = "PCMA", **changes: object) -> Party:
    whole = {"codec": codec, "payload_type": codecs.CODECS[codec].payload_type, "sent": 500, "received": packets}
    return Party(**{**whole, **changes})  # type: ignore[arg-type]


def forward(packets: list[tuple[int, bytes]], codec: str = "PCMA", sound: Audio | None = SPEECH) -> StreamRecord:
    """The stream of a receiver that heard `packets` of a dialer that played `sound`."""
    return scoring.complete(call(), party([], codec), party(packets, codec), sound).streams[0]


def test_a_good_call_has_every_figure():
    stream = forward(received())
    assert (stream.silent, stream.one_way, stream.wideband, stream.concealed_pct) == (False, False, False, 0)
    assert (stream.pdv_p95_ms, stream.longest_silence_ms is not None) == (0, True)
    assert stream.mos_cq == stream.mos_min == pytest.approx(4.37, abs=0.02)
    assert stream.speech_dbov is not None
    assert stream.noise_dbov is not None
    assert stream.noise_dbov < stream.speech_dbov - 15.9


@pytest.mark.parametrize(("codec", "rating"), [("G722", 113.6), ("opus", 108.5)])
def test_wide_band_codecs_are_rated_on_their_own_scale(codec: str, rating: float):
    if codec in codecs.missing():
        pytest.skip("this machine has no libopus")
    stream = forward(received(codec=codec), codec)
    assert (stream.wideband, stream.ptime_ms, stream.rtp_lost, stream.jitter_max_ms) == (True, 20, 0, 0)
    assert stream.r_factor == pytest.approx(rating, abs=0.1)
    assert stream.silent is False
    assert stream.speech_dbov is not None


def test_the_worst_second_is_where_the_packets_are_missing():
    gone = frozenset(range(105, 125))
    cdr = scoring.complete(call(), party([]), party(received(gone=gone)), SPEECH)
    stream = cdr.streams[0]
    seconds = [interval for interval in cdr.intervals if interval.direction == "forward"]
    assert [interval.second for interval in seconds] == list(range(10))
    assert [interval.rtp_lost for interval in seconds] == [0, 0, 20, 0, 0, 0, 0, 0, 0, 0]
    assert {(interval.uuid, interval.started_at, interval.client) for interval in seconds} == {
        (stream.uuid, STARTED, "acme")
    }
    scores = [interval.mos_cq for interval in seconds]
    assert stream.mos_min == scores[2] == min(score for score in scores if score is not None)
    assert stream.mos_min < (stream.mos_cq or 0)
    assert stream.concealed_pct == pytest.approx(4)


def test_each_second_has_its_level():
    loud_then_quiet = sound_of(np.concatenate((noise(3, -20), noise(3, -40))))
    cdr = scoring.complete(call(), party([]), party(received(loud_then_quiet, seconds=6)), loud_then_quiet)
    levels = [interval.level_dbov for interval in cdr.intervals]
    assert levels == pytest.approx([-20] * 3 + [-40] * 3, abs=0.5)


def test_a_muted_far_end_is_silent_and_not_one_way():
    stream = forward(received(sound_of(noise(5, -60))))
    assert (stream.silent, stream.one_way, stream.active_pct, stream.speech_dbov) == (True, False, 0, None)
    assert stream.mos_cq is not None
    assert stream.mos_cq > 4.3


def with_silence_suppressed(codec: str = "PCMA") -> tuple[list[tuple[int, bytes]], float]:
    """Packets of speech by a sender that sends nothing while nobody speaks (RFC 3551, section 4.1), and the share of
    them that it left out.
    """
    frames = SPEECH.samples(codecs.CODECS[codec].rate_hz).astype(float).reshape(600, -1)[:500]
    quiet = {at for at, frame in enumerate(frames) if (frame**2).mean() < (32768 * 10 ** (-50 / 20)) ** 2}
    kept = [(at, packet) for number, (at, packet) in enumerate(received(codec=codec)) if number not in quiet]
    numbered = [(at, packet[:2] + number.to_bytes(2, "big") + packet[4:]) for number, (at, packet) in enumerate(kept)]
    return numbered, len(quiet) / 500


@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_speech_with_its_pauses_left_out_is_heard_with_its_pauses(codec: str):
    if codec in codecs.missing():
        pytest.skip("this machine has no libopus")
    packets, left_out = with_silence_suppressed(codec)
    assert left_out > 0.1
    whole, stream = forward(received(codec=codec), codec), forward(packets, codec)
    assert (stream.rtp_lost, stream.rtp_discarded, stream.concealed_pct, stream.jitter_max_ms) == (0, 0, 0, 0)
    assert stream.active_pct == pytest.approx(whole.active_pct, abs=2)
    assert stream.longest_silence_ms == pytest.approx(whole.longest_silence_ms, abs=40)
    assert stream.speech_dbov == pytest.approx(whole.speech_dbov, abs=0.3)
    assert stream.silent is False


def test_a_far_end_may_send_any_codec_of_its_answer():
    """RFC 3264, section 6.1: the first of the list is only what it should prefer."""
    packets = received(codec="PCMU")
    stream = scoring.complete(
        call(), party([]), party(packets, "PCMA", payload_types={8: "PCMA", 0: "PCMU"}), SPEECH
    ).streams[0]
    assert (stream.codec, stream.payload_type, stream.rtp_rx, stream.one_way) == ("PCMU", 0, 500, False)
    assert (stream.silent, stream.concealed_pct) == (False, 0)


def test_a_codec_that_gets_another_number_in_mid_call_is_the_same():
    """A transfer to another machine, which numbers dynamic codecs its own way (RFC 3264, section 8.3.2)."""
    packets = [(at, packet[:1] + bytes([120]) + packet[2:] if number >= 200 else packet)
               for number, (at, packet) in enumerate(received(codec="G722"))]  # fmt: skip
    listener = party(packets, "G722", payload_type=120, payload_types={9: "G722", 120: "G722"})
    stream = scoring.complete(call(), party([]), listener, SPEECH).streams[0]
    assert (stream.codec, stream.payload_type, stream.rtp_rx, stream.rtp_lost) == ("G722", 120, 500, 0)
    assert (stream.jitter_max_ms, stream.concealed_pct) == (0, 0)
    assert stream.longest_silence_ms == forward(received(codec="G722"), "G722").longest_silence_ms


def test_a_codec_that_was_never_agreed_on_is_not_heard():
    listener = party(received(codec="PCMU"), "PCMA", payload_types={8: "PCMA", 9: "G722"})
    stream = scoring.complete(call(), party([]), listener, SPEECH).streams[0]
    assert (stream.codec, stream.payload_type, stream.rtp_rx, stream.one_way) == ("PCMA", 8, 0, True)


def test_sound_that_ends_in_mid_call_is_lost_until_the_end():
    ended_ns = round((STARTED + timedelta(seconds=12)).timestamp() * 1000) * MS
    listener = party(received(seconds=4), until_ns=ended_ns + 5_000 * MS)
    stream = scoring.complete(call(), party([]), listener, SPEECH).streams[0]
    assert (stream.rtp_rx, stream.rtp_expected) == (200, 501)
    assert stream.mos_cq is not None
    assert stream.mos_cq < 1.5
    assert stream.longest_silence_ms is not None
    assert stream.longest_silence_ms > 5000
    held = scoring.complete(call(), party([]), party(received(seconds=4)), SPEECH).streams[0]
    assert (held.rtp_expected, held.rtp_lost) == (200, 0)


def test_somebody_else_s_speech_is_silent_too():
    assert forward(received(sound_of(voice(77, 10)))).silent is True


def test_soft_speech_with_losses_is_not_silent():
    softer = sound_of(pcm(SPEECH.original * 0.1))
    gone = frozenset(np.flatnonzero(np.random.default_rng(5).random(500) < 0.2).tolist())
    assert forward(received(softer, gone=gone)).silent is False


@pytest.mark.parametrize(("heard", "silent"), [(noise(5, -20), False), (np.zeros(40_000, np.int16), True)])
def test_of_a_sound_that_is_not_known_only_nothing_is_silence(heard: PCM, silent: bool):
    assert forward(received(sound_of(heard)), sound=None).silent is silent


def test_early_media_is_no_part_of_the_statistics():
    """A second of ringing tone, by another machine, before the answer."""
    early = [(at - 1000 * MS, rtppacket.HEADER.pack(0x80, 8, 9000 + n, n * 160, 99) + b"\x55" * 160)
             for n, (at, _) in enumerate(received(seconds=1))]  # fmt: skip
    dialer = party([*early, *received()])
    reverse = scoring.complete(call(), dialer, party([]), SPEECH).streams[1]
    assert (reverse.rtp_rx, reverse.rtp_expected, reverse.rtp_lost, reverse.silent) == (500, 500, 0, False)


def test_sound_that_overtook_the_answer_is_part_of_the_call():
    """Media goes straight, the 200 by way of the proxies: the first packets are here before it."""
    before = [(at - 80 * MS, packet) for at, packet in received()]
    reverse = scoring.complete(call(), party(before), party([]), SPEECH).streams[1]
    assert (reverse.rtp_rx, reverse.rtp_expected, reverse.rtp_lost) == (500, 500, 0)


def test_a_call_with_nothing_but_early_media_has_no_measurements():
    unanswered = call(answered_at=None, disposition="no_answer")
    reverse = scoring.complete(unanswered, party(received()), NOBODY, SPEECH).streams[1]
    assert (reverse.rtp_rx, reverse.mos_cq, reverse.one_way, reverse.silent) == (0, None, False, False)


def test_where_the_receiver_is_another_host_that_one_writes_what_it_heard():
    dialer = party(received())
    here = scoring.complete(call(), dialer, None, SPEECH)
    assert [stream.direction for stream in here.streams] == ["reverse"]
    assert {interval.direction for interval in here.intervals} == {"reverse"}
    refused = scoring.complete(call(answered_at=None, disposition="busy"), dialer, None, SPEECH)
    assert [stream.direction for stream in refused.streams] == ["forward", "reverse"]
    visited = call(answered_at=None)
    there = scoring.score_receiver(visited, party(received(), remote_lost=3), SPEECH)
    (stream,) = there.cdr.streams
    assert (stream.direction, stream.rtp_rx, stream.silent) == ("forward", 500, False)
    assert (stream.rtp_tx, stream.remote_lost, stream.probe_lag_ms) == (None, None, None)
    assert len(there.cdr.intervals) == 10
    assert there.heard["forward"].samples.size == 80_000


def test_what_was_heard_comes_with_the_record():
    found = scoring.score(call(), party([]), party(received(codec="G722"), "G722"), SPEECH)
    assert set(found.heard) == {"forward"}
    assert (found.heard["forward"].rate_hz, found.heard["forward"].samples.size) == (16_000, 160_000)


@pytest.mark.parametrize(("party", "words"), [
    (scoring.Party(codec="PCMA", sent=300), None),
    (scoring.Party(codec="PCMA", sent=300, lag_ms=41.0), "this host's receiver sent a packet 41 ms late"),
    (scoring.Party(codec="PCMA", not_sent=3, send_problem="No route"), "receiver could not send 3 packets: No route"),
    (scoring.Party(codec="PCMA", clock_step_ms=700), "clock was set by 700 ms"),
    (scoring.Party(codec="PCMA", other_source=900), None),
    (scoring.Party(codec="PCMA", other_source=900, unread=40), "receiver was flooded, and 40 packets found no room"),
    (scoring.Party(codec="PCMA", other_source=900, doubtful=True), "media came to the receiver from two sources"),
])  # fmt: skip
def test_a_receiver_whose_dialer_is_another_host_tells_what_it_spoilt(party: scoring.Party, words: str | None):
    told = scoring.spoilt_by(party)
    assert told is None if words is None else words in str(told)


def test_packets_without_any_sound_and_a_pause_are_a_stream_of_silence():
    began = round(ANSWERED.timestamp() * 1000) * MS
    packets = [
        (began + stamp // 8 * MS, rtppacket.HEADER.pack(0x80, 8, number, stamp, 1))
        for number, stamp in enumerate([*range(0, 1600, 160), *range(16_000, 17_600, 160)])
    ]
    stream = forward(packets)
    assert stream.rtp_rx == 20
