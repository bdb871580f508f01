"""A stream may change in mid-call: the length of its packets, its codec, its clock, its source, and several at once.

Each row is what a far end sends, in virtual time. The record must count its packets, play its sound for as long as it
was sent, and find no jitter but what RFC 3550 makes of a packet that is longer than the one before it.
Sources: RFC 3551 (section 4.2: 0 to 200 ms a packet), RFC 3264 (section 6.1: any codec of the answer), RFC 7160 (clock
rates), RFC 7587 (Opus), RFC 6716, and reports of what far ends do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, permutations

import pytest

from tests.interop.timelines import NAMES, Record, TimeLine
from voice_sipapp.measurement.lengths import opus_ms

LENGTHS = (10, 20, 30, 40, 60)
G711, G722, OPUS = 4.34, 4.27, 4.16
"""MOS of a call without loss (G.107, G.107.1), less a little for longer packets."""

pytestmark = pytest.mark.skipif("opus" not in NAMES, reason="this machine has no libopus")


@dataclass(frozen=True)
class Case:
    """What the far end sends; what the record must say: what most of the sound was in, how long, how good."""

    source: str
    sends: Callable[[], TimeLine]
    codec: str = "PCMU"
    ptime: int = 20
    least: float = G711
    lost: int = 0
    jitter_ms: float = 0.0


def sound(codec: str = "PCMU", ptime: int = 20, ms: float = 4200) -> TimeLine:
    return TimeLine(codec, ptime).talk(ms)


def alternating(first: int, second: int) -> TimeLine:
    """One packet of each length after the other."""
    line = TimeLine()
    for _ in range(60):
        line = line.to(ptime=first).talk(first).to(ptime=second).talk(second)
    return line


CASES: Mapping[str, Case] = {
    # --- the length of packets
    "20 to 60 ms": Case("RFC 3551, section 4.2", lambda: sound().to(ptime=60).talk(4800), ptime=60, jitter_ms=2.5),
    "40 to 20 ms": Case(
        "signalwire/freeswitch #3150: an IVR, then a person", lambda: sound(ptime=40, ms=4000).to(ptime=20).talk(5000),
        jitter_ms=1.25,
    ),
    "20 to 40 and back": Case(
        "BelledonneCommunications/linphone-sdk #328: on a bad path",
        lambda: sound().to(ptime=40).talk(2000).to(ptime=20).talk(3000),
        jitter_ms=1.25,
    ),
    "20 and 40 in turns": Case("signalwire/freeswitch #2170", lambda: alternating(20, 40), ptime=40, jitter_ms=20),
    "20 to 60 ms, with another source": Case(
        "a transfer", lambda: sound().anew(ssrc=8, number=9, stamp=5).to(ptime=60).talk(4800), ptime=60
    ),
    "60 to 20 ms, with another source": Case(
        "a transfer", lambda: sound(ptime=60).anew(ssrc=8, number=9, stamp=5).to(ptime=20).talk(4800)
    ),
    "20 to 60 ms over a hold": Case(
        "a transfer", lambda: sound().hold(3000).to(ptime=60).talk(4800), ptime=60, jitter_ms=2.5
    ),
    "20 to 60 ms over a pause": Case(
        "RFC 3551 §4.1", lambda: sound().quiet(2000).to(ptime=60).talk(4800), ptime=60, jitter_ms=2.5
    ),
    "20 to 60 ms, the last of the one and the first of the other lost": Case(
        "RFC 3550 §6.4.1",
        lambda: TimeLine().talk(4200, lost={208, 209}).to(ptime=60).talk(4800, lost={0}), ptime=60, lost=3, least=3.9,
        jitter_ms=2.5,
    ),
    "20 to 60 ms, the last ones lost": Case(
        "RFC 3550 §6.4.1", lambda: TimeLine().talk(4200, lost={205, 209}).to(ptime=60).talk(4800), ptime=60, lost=2,
        least=4.2, jitter_ms=2.5,
    ),
    "60 to 20 ms, the first ones lost": Case(
        "RFC 3550 §6.4.1", lambda: sound(ptime=60).to(ptime=20).talk(4800, lost={0, 1, 5}), lost=3, least=4.2,
        jitter_ms=2.5,
    ),
    "200 ms a packet": Case(
        "RFC 3551 §4.2: what a receiver should take",
        lambda: sound(ptime=200, ms=9000), ptime=200, least=3.9,
    ),
    "G.722, 20 to 40 ms": Case(
        "pjsip/pjproject #1199", lambda: sound("G722").to(ptime=40).talk(4800), "G722", 40, G722, jitter_ms=1.25
    ),
    "G.722, 20 to 10 ms": Case(
        "pjsip/pjproject #1199", lambda: sound("G722").to(ptime=10).talk(4000), "G722", 20, G722, jitter_ms=0.625
    ),
    "Opus, 20 to 60 ms": Case(
        "RFC 7587 §4.2", lambda: sound("opus").to(ptime=60).talk(4800), "opus", 60, OPUS - 0.02, jitter_ms=2.5
    ),
    "Opus, 60 to 20 ms": Case(
        "RFC 7587 §4.2; seanbright/asterisk-opus #23",
        lambda: sound("opus", 60).to(ptime=20).talk(4800), "opus", 20, OPUS, jitter_ms=2.5
    ),
    # --- the codec
    "PCMU to PCMA": Case("RFC 3264 §6.1", lambda: sound().to("PCMA").talk(5000), "PCMA"),
    "PCMU to G.722": Case("RFC 3264 §6.1", lambda: sound().to("G722").talk(5000), "G722", least=G722),
    "PCMU to Opus": Case(
        "RFC 7160 §3.2: one source, two clocks",
        lambda: sound().to("opus").talk(5000), "opus", least=OPUS,
    ),
    "Opus to PCMU": Case(
        "RFC 7160 §3.2; rtcweb-wg/jsep #149",
        lambda: sound("opus").to("PCMU").talk(5000), "PCMU", least=OPUS,
    ),
    "Opus to PCMU, as another source": Case(
        "RFC 7160 §4.1: what a sender should do",
        lambda: sound("opus").anew(ssrc=8, number=1, stamp=9).to("PCMU").talk(5000),
        "PCMU", least=OPUS,
    ),
    "PCMU to Opus and back": Case(
        "RFC 7160 §3.2", lambda: sound().to("opus").talk(2000).to("PCMU").talk(3000), "PCMU", least=OPUS
    ),
    "PCMU to Opus, the first packet lost": Case(
        "RFC 7160 §3.2", lambda: sound().to("opus").talk(5000, lost={0}), "opus", lost=1, least=4.1
    ),
    "PCMU to Opus after a pause": Case(
        "RFC 7160 §3.2", lambda: sound().quiet(1500).to("opus").talk(5000), "opus", least=OPUS
    ),
    "PCMU to Opus over a hold": Case(
        "RFC 3264 §8.3.2",
        lambda: sound().hold(2000).to("opus").talk(5000), "opus", least=OPUS,
    ),
    "G.722 20 ms to PCMA 30 ms": Case(
        "a gateway falls back", lambda: sound("G722").to("PCMA", 30).talk(4500), "PCMA", 30, G722, jitter_ms=0.625
    ),
    "Opus 60 ms to G.722 10 ms": Case(
        "RFC 7160", lambda: sound("opus", 60).to("G722", 10).talk(5000), "G722", 10, OPUS - 0.03, jitter_ms=3.125
    ),
    "all of them": Case(
        "RFC 3264 §6.1",
        lambda: sound().to("PCMA").talk(2000).to("G722").talk(2000).to("opus").talk(2000), "PCMU", least=OPUS
    ),
    # --- the clock
    "G.722 at 16,000 Hz": Case(
        "RFC 3551 §4.5.2; DoubangoTelecom/doubango #268",
        lambda: TimeLine("G722").ticks("G722", 16000).talk(9000), "G722", least=G722
    ),
    "G.722 at 16,000 Hz, with pauses and a hold": Case(
        "what passes in a pause is not the rate of the clock",
        lambda: TimeLine("G722").ticks("G722", 16000).talk(3000).quiet(2000).talk(3000).hold(2000).talk(3000), "G722",
        least=G722,
    ),
    "G.722 at 4,000 Hz": Case(
        "baresip/baresip #1834: 10, 20, 30", lambda: TimeLine("G722").ticks("G722", 4000).talk(9000), "G722", least=G722
    ),
    "Opus at 24,000 Hz": Case(
        "baresip/baresip #753: 480 for 20 ms",
        lambda: TimeLine("opus").ticks("opus", 24000).talk(9000), "opus", least=OPUS
    ),
    "Opus at 8,000 Hz": Case(
        "RFC 7587 §4.1", lambda: TimeLine("opus").ticks("opus", 8000).talk(9000), "opus", least=OPUS
    ),
}  # fmt: skip


@cache
def played(name: str) -> tuple[TimeLine, Record]:
    """What the far end of a case sent, and its record."""
    line = CASES[name].sends()
    return line, line.record()


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_changes_is_counted_and_heard_as_it_was_sent(name: str):
    case = CASES[name]
    line, found = played(name)
    stream = found.stream
    assert (stream.codec, stream.ptime_ms) == (case.codec, case.ptime)
    assert (stream.rtp_rx, stream.rtp_lost, stream.rtp_discarded) == (line.came, case.lost, 0)
    assert line.lost == case.lost
    assert found.heard_ms == pytest.approx(line.due_ms + line.silent_ms, abs=1)
    assert stream.jitter_max_ms == pytest.approx(case.jitter_ms, abs=0.05)
    assert (stream.mos_cq or 0) >= case.least
    assert stream.silent is False


@pytest.mark.parametrize("name", CASES)
def test_its_seconds_are_as_many_as_its_sound_has(name: str):
    line, found = played(name)
    seconds = found.seconds
    whole, rest_ms = divmod(line.due_ms + line.silent_ms + sum(end - begin for begin, end in line.held), 1000)
    assert seconds[-1].second == whole - (rest_ms < 900)
    assert sum(each.rtp_expected for each in seconds) == line.came + line.lost
    assert all(each.level_dbov is not None for each in seconds)
    assert line.held or line.silent_ms or all(each.mos_cq is not None for each in seconds)


@pytest.mark.parametrize(("first", "second"), list(permutations(LENGTHS, 2)))
def test_any_length_after_any_other(first: int, second: int):
    line = TimeLine(ptime=first).talk(3000).to(ptime=second).talk(3000).to(ptime=first).talk(3000)
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_discarded, found.stream.ptime_ms) == (0, 0, first)
    assert found.heard_ms == pytest.approx(9000, abs=1)
    assert found.worst > G711 - 0.01
    assert found.stream.jitter_max_ms == pytest.approx(abs(first - second) / 16, rel=0.05)


@pytest.mark.parametrize("from_a_file", [False, True])
@pytest.mark.parametrize(("first", "second"), [*permutations((10, 20, 60, 120), 2), (200, 20), (20, 200)])
def test_no_packet_is_late_for_being_shorter_or_longer(first: int, second: int, from_a_file: bool):
    """A packet leaves when the sound in it ends; but who plays a file may let each leave when the one before ends. With
    0 to 30 ms of jitter.
    """
    line = TimeLine(ptime=first).talk(6000).to(ptime=second).talk(6000)
    count, chance = 6000 // first, random.Random(2)
    lengths = (first if at < count else second for at in range(line.came))
    line.delayed(chance.uniform(0, 30) - (length if from_a_file else 0) for length in lengths)
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_discarded) == (0, 0)


@pytest.mark.parametrize(("first", "second"), list(permutations(LENGTHS, 2)))
def test_what_is_lost_around_a_change_is_as_long_as_it_was(first: int, second: int):
    """Two packets before it and three after it."""
    count = 3000 // first
    line = TimeLine(ptime=first).talk(3000, lost={count - 2, count - 1})
    line.to(ptime=second).talk(3000, lost={0, 1, 2})
    found = line.record()
    assert found.stream.rtp_lost == 5
    assert found.heard_ms == pytest.approx(6000, abs=1)
    assert found.stream.concealed_pct == pytest.approx(100 * (2 * first + 3 * second) / 6000, abs=0.1)


@pytest.mark.parametrize(("first", "second"), list(pairwise(["PCMU", "PCMA", "G722", "opus", "PCMA", "opus", "G722"])))
def test_each_packet_is_heard_in_its_own_codec(first: str, second: str):
    """The level of each second is that of the speech that was sent, whatever it was coded by."""
    same = TimeLine("PCMA").talk(8000).record()
    changed = TimeLine(first).talk(4000).to(second).talk(4000).record(agreed="PCMA")
    assert [each.level_dbov for each in changed.seconds] == pytest.approx(
        [each.level_dbov for each in same.seconds], abs=2
    )
    assert changed.stream.active_pct == pytest.approx(same.stream.active_pct, abs=3)
    assert changed.stream.silent is False


def test_each_second_is_rated_by_its_own_codec_and_the_call_by_the_usual_one():
    found = TimeLine("G722").talk(3000).to("PCMU").talk(6000).record()
    assert (found.stream.codec, found.stream.wideband) == ("PCMU", False)
    assert [round(each.mos_cq or 0, 2) for each in found.seconds] == [4.29] * 3 + [4.36] * 6
    assert found.stream.mos_cq == pytest.approx(4.36, abs=0.01)


@pytest.mark.parametrize(("payload", "ms"), [
    (b"\x00", 10), (b"\x08", 20), (b"\x10", 40), (b"\x18", 60), (b"\x60", 10), (b"\x68", 20),
    (b"\x80", 2.5), (b"\x88", 5), (b"\x90", 10), (b"\x98", 20), (b"\x09", 40), (b"\x0a", 40), (b"\x0b\x03", 60),
    (b"\x0b\x83", 60), (b"\x83\x30", 120),
    (b"", 0), (b"\x0b", 0), (b"\x1b\x03", 0), (b"\x0b\x00", 0),
])  # fmt: skip
def test_the_length_of_a_packet_of_opus_is_in_its_first_octets(payload: bytes, ms: float):
    """RFC 6716, section 3.1, tables 2 to 4; at most 120 ms (3.2.5)."""
    assert opus_ms(payload) == ms


@pytest.mark.parametrize("octets", [0, 33, 172])
def test_payloads_that_are_not_whole_tell_nothing(octets: int):
    """Headers alone (a capture of the first octets), a part, a trailer more: timestamps and arrivals agree."""
    line = TimeLine().talk(3000).talk(1000, lost={7, 8}).talk(1000)
    line.received = [(at, data[:12] + (data[12:] * 2)[: max(octets, 1)]) for at, data in line.received]
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_discarded, found.stream.ptime_ms) == (2, 0, 20)
    assert [each.rtp_expected for each in found.seconds] == [50] * 5
    assert found.stream.concealed_pct == pytest.approx(100 * 40 / 5000, abs=0.01)
