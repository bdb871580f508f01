"""What counts as lost follows from what was due, from the answer to the end.

Each row is what a far end does, in virtual time, and how many of the packets that were due the record must call lost.
Sources: RFC 3264 (holds), RFC 3389 and RFC 3551 (silence), RFC 4733 (keys), RFC 3550 (numbers), and reports of what far
ends do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import pytest

from tests.interop.timelines import GOOD, Record, TimeLine


@dataclass(frozen=True)
class Case:
    """What the far end does; how many packets are `lost`; how much sound is heard, where that is not what was due."""

    source: str
    does: Callable[[], TimeLine]
    lost: int = 0
    heard_ms: float | None = None
    after_ms: float = 0.0


def speech(ms: float = 4000) -> TimeLine:
    return TimeLine().talk(ms)


HOLDS: Mapping[str, Case] = {
    "a new source after a hold": Case(
        "sipwise/rtpengine #102",
        lambda: speech().hold(3000).anew(ssrc=8, number=60_000, stamp=77).talk(4000),
    ),
    "the same numbers and timestamps": Case("RFC 3264 §8.4 (was right before)", lambda: speech().hold(3000).talk(4000)),
    "new numbers, same source": Case("RFC 3550 A.1", lambda: speech().hold(3000).anew(number=9000).talk(4000)),
    "lower numbers, as those before music had": Case(
        "shridarpatil/whatomate #340", lambda: speech().hold(3000, music=7).anew(number=1200, stamp=5).talk(4000),
        heard_ms=8200,
    ),
    "numbers that begin anew each time, a little lower": Case(
        "RFC 3550 A.1 takes up to 100 back for disorder; a sender whose first number is always the same",
        lambda: TimeLine(number=0).talk(1000).hold(1500).anew(number=0).talk(1500).hold(1500).anew(number=0).talk(3000),
    ),
    "numbers and timestamps that begin anew, a second after they began": Case(
        "the same", lambda: TimeLine(number=0).talk(1000).hold(1500).anew(number=0, stamp=-20_000).talk(4000),
    ),
    "lower numbers, timestamps that stood still": Case(
        "RFC 3550 A.1",
        lambda: speech().hold(2000).stands(2000).anew(number=1100).talk(3000),
    ),
    "new numbers and timestamps": Case(
        "RFC 3550 A.1", lambda: speech().hold(3000).anew(number=9000, stamp=123_456_789).talk(4000)
    ),
    "timestamps that stood still": Case("pjsip/pjproject #2340", lambda: speech().hold(3000).stands(3000).talk(4000)),
    "timestamps that stood still, a short hold": Case(
        "pjsip/pjproject #2340", lambda: speech().hold(600).stands(600).talk(4000)
    ),
    "numbers that counted on": Case(
        "meetecho/janus-gateway #3640",
        lambda: speech().hold(3000, counts=True).talk(4000),
    ),
    "numbers that counted on for a minute": Case(
        "meetecho/janus-gateway #3640: beyond RFC 3550's MAX_DROPOUT",
        lambda: speech().hold(62_000, counts=True).talk(4000)
    ),
    "music from another source": Case("RFC 7088", lambda: speech().hold(3000, music=99).talk(4000)),
    "music from another source, of which some is lost": Case(
        "nobody has to send it", lambda: speech().hold(3000, music=99, gone=range(40, 70)).talk(4000)
    ),
    "music from the same source": Case(
        "RFC 7088: what comes in the first and last 200 ms may be under way",
        lambda: speech().hold(3000, music=7).talk(4000),
        heard_ms=8400,
    ),
    "music, then a new source": Case(
        "RFC 7088", lambda: speech().hold(3000, music=99).anew(ssrc=8, number=3).talk(4000)
    ),
    "a short hold with music": Case("RFC 7088", lambda: speech().hold(700, music=99).talk(4000)),
    "two holds": Case("RFC 3264 §8.4", lambda: speech(2000).hold(1500).talk(2000).hold(1500, counts=True).talk(2000)),
    "two holds, one after the other": Case(
        "RFC 6337 §5.3",
        lambda: speech(2000).hold(1500).hold(1500, music=99).talk(2000),
    ),
    "until the end": Case("RFC 3264 §8.4 (was right before)", lambda: speech().hold(9000)),
    "from the answer on": Case("RFC 3725 §4", lambda: TimeLine().hold(3000).talk(4000)),
    "from the answer on, with music": Case("RFC 3725 §4", lambda: TimeLine().hold(3000, music=99).talk(4000)),
    "longer packets": Case("RFC 3551 §4.2", lambda: TimeLine(ptime=60).talk(4200).hold(3000).anew(ssrc=8).talk(4200)),
    "what was lost before and after": Case(
        "RFC 3550 §6.4.1", lambda: TimeLine().talk(4000, lost={20, 21, 30}).hold(3000).talk(4000, lost={7, 90}), lost=5
    ),
    "what was lost at the moment of the hold": Case(
        "RFC 3550 §6.4.1", lambda: TimeLine().talk(4000, lost={198, 199}).hold(3000).talk(4000), lost=2
    ),
    "a burst before a hold": Case(
        "RFC 3550 §6.4.1: numbers tell",
        lambda: TimeLine().talk(4000, lost=range(100, 200)).hold(3000).talk(4000), lost=100
    ),
    "a burst before a hold whose numbers counted on": Case(
        "as far as it was due",
        lambda: TimeLine().talk(4000, lost=range(100, 200)).hold(3000, counts=True).talk(4000), lost=100,
    ),
}  # fmt: skip

OUTAGES: Mapping[str, Case] = {
    "died, and never came back": Case("(was right before)", lambda: speech().dead(6000), lost=300),
    "died, was held, and came back with the end of the hold": Case(
        "due until the hold", lambda: speech().dead(2000).hold(3000).talk(4000), lost=100
    ),
    "died, was held, and never came back": Case(
        "due until the hold, and after it", lambda: speech().dead(2000).hold(2000).dead(4000), lost=300
    ),
    "died and counted, was held, and never came back": Case(
        "a firewall that forgets the path", lambda: speech().dead(2000, counts=True).hold(2000).dead(4000), lost=300
    ),
    "died, was held with music, and came back": Case(
        "due until the hold", lambda: speech().dead(2000).hold(3000, music=99).talk(4000), lost=100
    ),
    "died and counted, was held with music, and resumed late": Case(
        "due until the hold, and after it",
        lambda: speech().dead(2000, counts=True).hold(3000, music=99).dead(1000).talk(4000), lost=150,
    ),
    "died in speech, was held, by who sends comfort noise": Case(
        "RFC 3389: it had not said that it is silent",
        lambda: speech(2000).quiet(800, noise=[0]).talk(2000).dead(2000).hold(2000).talk(2000), lost=100,
    ),
    "resumed late": Case("due after the hold", lambda: speech().hold(3000).dead(2000).talk(4000), lost=100),
    "resumed late, as another source": Case(
        "due after the hold", lambda: speech().hold(3000).dead(2000).anew(ssrc=8, number=1).talk(4000), lost=100
    ),
    "resumed late, having counted": Case(
        "due after the hold", lambda: speech().hold(3000, counts=True).dead(2000, counts=True).talk(4000), lost=100
    ),
    "resumed late, after music": Case(
        "due after the hold", lambda: speech().hold(3000, music=99).dead(2000).talk(4000), lost=100
    ),
    "never resumed": Case("due after the hold", lambda: speech().hold(3000).dead(5000), lost=250),
    "never resumed, after music": Case(
        "due after the hold",
        lambda: speech().hold(3000, music=99).dead(5000), lost=250,
    ),
    "another source, a second late": Case(
        "(was right before)", lambda: speech().dead(1000).anew(ssrc=8, number=1).talk(4000), lost=50
    ),
    "numbers of another leg, three seconds late": Case(
        "a gateway that keeps its source: what time says counts",
        lambda: speech().dead(3000).anew(number=3200, stamp=3_000_000_000).talk(4000), lost=150,
    ),
    "another source, a second late, after a pause elsewhere": Case(
        "who suppresses silence may have been silent; RFC 3551 §4.1",
        lambda: speech(2000).quiet(1500).talk(2000).quiet(1000).anew(ssrc=8, number=1).talk(4000),
    ),
}  # fmt: skip

SILENCE: Mapping[str, Case] = {
    "comfort noise, once": Case("RFC 3389 §4", lambda: speech().quiet(5000, noise=[0]).talk(4000)),
    "comfort noise, every 200 ms": Case(
        "RFC 3389 §4",
        lambda: speech().quiet(5000, noise=range(0, 5000, 200)).talk(4000),
    ),
    "comfort noise, then another source": Case(
        "RFC 3389; a transfer in a silent moment",
        lambda: speech().quiet(5000, noise=[20]).anew(ssrc=8, number=5).talk(4000), heard_ms=13_000,
    ),
    "comfort noise to the end": Case(
        "RFC 3389: it need not be said again", lambda: speech().quiet(9000, noise=[0]), heard_ms=4000
    ),
    "comfort noise, then a hold": Case(
        "RFC 3264 §8.4, RFC 3389", lambda: speech().quiet(2000, noise=[0]).hold(3000).talk(4000)
    ),
    "a hold that is over in SDP only": Case(
        "RFC 3389: silence goes on", lambda: speech().quiet(1000, noise=[0]).hold(2000).quiet(3000).talk(4000)
    ),
    "silence begins on hold": Case(
        "RFC 3389, and no packet that says so: others did",
        lambda: speech().quiet(800, noise=[0]).talk(1000).hold(2000).quiet(3000).talk(4000),
    ),
    "pauses without comfort noise": Case(
        "RFC 3551 §4.1 (was right before); livekit/sip #557",
        lambda: speech().quiet(3000).talk(2000).quiet(900).talk(4000)
    ),
    "pauses, and a hold that is over in SDP only": Case(
        "RFC 3551 §4.1", lambda: speech().quiet(2500).talk(1000).hold(2000).quiet(3000).talk(4000)
    ),
    "Opus with DTX": Case(
        "RFC 7587 §3.1.3; meetecho/janus-gateway #515: a packet each 400 ms",
        lambda: dtx(TimeLine("opus").talk(2000)).talk(2000)
    ),
    "keys": Case("RFC 4733 §2.5.1.2; baresip/re #151", lambda: speech().key(200).talk(1000).key(1500).talk(2000)),
    "keys on both sides of a hold": Case("RFC 4733", lambda: speech().key(200).hold(2000).key(200).talk(4000)),
    "keys at the end": Case("RFC 4733", lambda: speech().key(400), heard_ms=4000),
    "what is lost among comfort noise": Case(
        "RFC 3550 §6.4.1: numbers tell",
        lambda: TimeLine().talk(3000, lost={70}).quiet(2000, noise=[0]).talk(2000, lost={3}),
        lost=2,
    ),
}  # fmt: skip


def dtx(line: TimeLine) -> TimeLine:
    """Two seconds of silence: a packet of 20 ms each 400 ms, with the numbers that follow."""
    for _ in range(5):
        line = line.quiet(380).talk(20)
    return line


CASES = {**HOLDS, **OUTAGES, **SILENCE}


@cache
def played(name: str) -> tuple[TimeLine, Record]:
    """What the far end of a case did, and its record."""
    line = CASES[name].does()
    return line, line.record()


@pytest.mark.parametrize("name", CASES)
def test_what_was_due_and_did_not_come_is_lost_and_nothing_else(name: str):
    case = CASES[name]
    line, found = played(name)
    assert line.lost == case.lost
    assert found.stream.rtp_lost == case.lost
    assert (found.stream.rtp_rx, found.stream.rtp_discarded) == (line.came, 0)
    assert found.stream.held_ms == round(sum(end - begin for begin, end in line.held))
    assert found.stream.one_way is False


@pytest.mark.parametrize("name", CASES)
def test_what_is_heard_is_what_was_due(name: str):
    """Without the time on hold; with the pauses, and with what had to be made up."""
    line, found = played(name)
    told = CASES[name].heard_ms
    assert found.heard_ms == pytest.approx(line.due_ms + line.silent_ms if told is None else told, abs=41)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.lost])
def test_a_healthy_call_is_rated_as_one(name: str):
    _, found = played(name)
    usual = 4.1 if name.startswith("Opus") else GOOD - 0.02  # a longer packet is a longer delay
    assert (found.stream.mos_cq or 0) >= usual
    assert (found.stream.mos_min or 0) >= usual
    assert found.worst >= usual
    assert found.stream.jitter_max_ms == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", [name for name in OUTAGES if CASES[name].lost])
def test_an_outage_shows_in_the_second_in_which_it_is(name: str):
    _, found = played(name)
    assert (found.stream.mos_min or 5) < 2
    assert sum(each.rtp_lost == each.rtp_expected for each in found.seconds) >= CASES[name].lost // 50 - 1


@pytest.mark.parametrize("name", HOLDS)
def test_the_seconds_of_a_hold_have_no_rating_and_no_loss(name: str):
    line, found = played(name)
    first_ms = line.held[0][1] if line.held[0][0] == 0 and name == "from the answer on" else 0
    for each in found.seconds:
        begin = 1000 * each.second + first_ms
        if any(held + 200 <= begin and begin + 1000 <= end - 200 for held, end in line.held):
            assert (each.mos_cq, each.rtp_lost, each.level_dbov) == (None, 0, None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_jitter_changes_nothing_of_it(name: str, seed: int):
    """±10 ms on every packet; the far end and we do not see a hold begin and end at the same moment."""
    chance = random.Random(seed)
    line = CASES[name].does()
    line.delayed(chance.uniform(0, 20) for _ in range(line.came))
    line.held = [
        (begin + chance.uniform(-40, 40) if begin else 0, end - chance.uniform(0, 60)) for begin, end in line.held
    ]
    found = line.record(ends_ms=line.now_ms)
    slack = 5 if name in OUTAGES or "burst" in name else 0
    assert found.stream.rtp_lost == pytest.approx(CASES[name].lost, abs=slack)


@pytest.mark.parametrize(("goes_on_ms", "late_ms"), [(20, 40), (100, 200), (180, 400)])
def test_packets_under_way_at_a_hold_are_neither_lost_nor_extra(goes_on_ms: int, late_ms: int):
    """The far end sends until it has our answer, and again when it has our ACK: round trips later."""
    line = TimeLine().talk(4000 + goes_on_ms).hold(3000 - goes_on_ms).quiet(late_ms).talk(4000)
    begin, end = line.held[0]
    line.held = [(begin - goes_on_ms, end)]
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_rx, found.stream.mos_cq) == (
        0,
        line.came,
        pytest.approx(GOOD, abs=0.01),
    )
    assert found.heard_ms == pytest.approx(line.due_ms, abs=late_ms + 20)


@pytest.mark.parametrize(("does", "one_way", "silent"), [
    (lambda: TimeLine().dead(9000), True, False),
    (lambda: TimeLine().hold(9000), True, False),
    (lambda: TimeLine().hold(9000, music=99), False, False),
    (lambda: TimeLine().hold(4000, music=99).dead(5000), True, False),
    (lambda: TimeLine().hold(4000).dead(5000), True, False),
    (lambda: TimeLine().quiet(9000, noise=range(0, 9000, 500)), False, True),
    (lambda: TimeLine().quiet(9000, noise=[0]), False, True),
    (lambda: TimeLine().key(1000).dead(8000), True, False),
    (lambda: TimeLine().talk(9000), False, False),
], ids=["never came", "held all the time", "held all the time, with music", "music, and nothing after it",
        "nothing after it", "comfort noise all the time", "one packet of comfort noise", "keys alone",
        "speech"])  # fmt: skip
def test_a_direction_in_which_nothing_comes_is_one_way(does: Callable[[], TimeLine], one_way: bool, silent: bool):
    stream = does().record().stream
    assert (stream.one_way, stream.silent) == (one_way, silent)


@pytest.mark.parametrize("noise", [[0], [0, 950], range(0, 5000, 100)])
def test_comfort_noise_makes_no_second_of_its_own(noise: list[int]):
    line = TimeLine().talk(2000).quiet(5000, noise=noise).talk(2000)
    seconds = line.record().seconds
    assert [each.second for each in seconds] == [0, 1, 7, 8]
    assert sum(each.rtp_expected for each in seconds) == line.came
    assert min(each.mos_cq or 0 for each in seconds) > GOOD - 0.01


@pytest.mark.parametrize("left_ms", [20, 40, 200, 500, 880])
@pytest.mark.parametrize("lost", [{0}, set()])
def test_what_is_left_at_the_end_is_no_second_of_its_own(left_ms: int, lost: set[int]):
    """One packet that is missing there was drawn as 100 % of loss."""
    line = TimeLine().talk(5000).talk(left_ms, lost=lost if left_ms > 20 else set())
    found = line.record()
    assert [each.second for each in found.seconds] == [0, 1, 2, 3, 4]
    assert sum(each.rtp_expected for each in found.seconds) == 250 + left_ms // 20
    assert found.worst > 4.1


def test_one_packet_in_a_second_of_silence_says_nothing_of_that_second():
    """A spurt of two packets, one of which is lost."""
    line = TimeLine().talk(2000).quiet(3000).talk(40, lost={0}).quiet(3000).talk(2000)
    found = line.record()
    assert found.stream.rtp_lost == 1
    assert found.worst > 4.1


@pytest.mark.parametrize("spurts", [(2000, 3000), (2000, 2000, 2000), (2500, 2500), (1000, 1000, 1000)])
def test_speech_that_goes_on_elsewhere_after_a_hold_is_not_silent(spurts: tuple[int, ...]):
    """It went on meanwhile. Each part is compared by itself, where it is long enough for that."""
    line = TimeLine()
    for at, ms in enumerate(spurts):
        line = (line.hold(3340) if at else line).talk(ms)
    assert line.record().stream.silent is False
