"""Late media: how long who called heard nothing after the answer, whatever came before it (RFC 3960; RFC 6076 has no
such figure). Each row is a call; all of the table are up at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attacks.raw_caller import NUMBER
from tests.interop.stage import Calls, FarEnd, Sound, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone, header_of
from voice_sipapp.measurement.latemedia import late_media_ms
from voice_sipapp.media.rtppacket import HEADER
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import Cdr, StreamRecord
from voice_sipapp.signalling.sip.eventloop import run_loop

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

CALL_S = 5.5
ANSWER_S = 0.8
"""How long after the INVITE a far end with early media answers."""

RINGING = Sound(0.1, ANSWER_S, ssrc=99)
END = 60.0


@dataclass(frozen=True)
class Case:
    """What the far end sends (`early`: by the time after the INVITE), what the record must say, and where that comes
    from. `late_ms` None: there is no figure.
    """

    source: str
    sounds: Sequence[Sound]
    late_ms: int | None
    early: Sequence[Sound] = ()
    one_way: bool = False


CASES: Mapping[str, Case] = {
    "at once": Case("(was right before, but for the figure)", [Sound(0, END)], 0),
    "4.5 s after the 200": Case("vanbui1995/react-sipjs #23: 5 to 6 s", [Sound(4.5, END)], 4500),
    "4.5 s after the 200, early media before": Case("the same, with early media", [Sound(4.5, END)], 4500, [RINGING]),
    "1.2 s": Case("sipsorcery-org/sipsorcery #1430: RTP only once something is played", [Sound(1.2, END)], 1200),
    "early media that goes on": Case("RFC 3960 §3.2: the gateway model", [Sound(0, END, ssrc=99)], 0, [RINGING]),
    "early media of another source": Case("RFC 3960 §3.1", [Sound(0.02, END)], 20, [RINGING]),
    "early media that ends after the answer": Case(
        "its last packets are slower than the 200", [Sound(0, 0.06, ssrc=99), Sound(3.0, END)], 3000, [RINGING]
    ),
    "early media kept back, and sent at the answer": Case(
        "sippy/rtpproxy #158: a burst of what was buffered",
        [*(Sound(0.0, 0.02, ssrc=99) for _ in range(40)), Sound(3.0, END)], 3000,
    ),
    "one packet for the NAT, then nothing for long": Case(
        "versatica/JsSIP #208: 18 s of one packet alone", [Sound(0.0, 0.02), Sound(4.0, END)], 4000
    ),
    "comfort noise first": Case(
        "RFC 3389: what is heard is no sound of anybody", [Sound(0.0, 0.02, kind=13), Sound(2.0, END)], 2000
    ),
    "comfort noise all the time until then": Case("RFC 3389", [Sound(0.0, 2.0, kind=13), Sound(2.0, END)], 2000),
    "DTMF first": Case("RFC 4733: events are no sound", [Sound(0.1, 0.3, kind=101), Sound(2.0, END)], 2000),
    "its first packets lost": Case("lost is not late", [Sound(0, END, lost=frozenset({0, 1, 2}))], 60),
    "nothing": Case("(was right before, but for the figure)", [], None, one_way=True),
    "nothing but early media": Case("RFC 3960: no part of the conversation", [], None, [RINGING], one_way=True),
    "nothing but comfort noise": Case("RFC 3389: somebody is there, and silent", [Sound(0.0, END, kind=13)], None),
}  # fmt: skip


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mapping[str, Cdr], Mapping[str, StreamRecord]]]:
    """The record of every case, as the dialer's; and those without early media as what the receiver heard."""
    with closing(Bench(a_tone(Path(tmp_path_factory.mktemp("sounds"))))) as bench, closing(Stage()) as stage:
        fars = {
            name: FarEnd(stage, case.sounds, early=case.early, answers_after_s=ANSWER_S if case.early else 0.1)
            for name, case in CASES.items()
        }
        stage.start()
        for far in fars.values():
            bench.caller.outbound.place(a_probe(far.port, duration_ms=round(CALL_S * 1000)))
            run_loop(timeout_s=0.02)
        parts = _received(bench, stage)
        _until(lambda: len(bench.cdrs) == len(fars))
        found = {int(cdr.call.to_uri.rpartition(":")[2]): cdr for cdr in bench.cdrs}
        yield {name: found[far.port] for name, far in fars.items()}, parts


def _received(bench: Bench, stage: Stage) -> dict[str, StreamRecord]:
    bench.caller.reception.probes = [a_probe(bench.receiver_port, duration_ms=round(CALL_S * 1000))]
    fars = {}
    for name, case in CASES.items():
        if not case.early:
            uuid = calluuid.new(datetime.now(UTC))
            fars[uuid] = name, Calls(stage, bench.receiver_port, NUMBER, header_of(bench, uuid), case.sounds)
            fars[uuid][1].call()
            run_loop(timeout_s=0.02)
    for _, far in fars.values():
        _until(far.has_lasted(CALL_S))
        far.hang_up()
    _until(lambda: len(bench.parts) == len(fars))
    return {fars[part.stream.uuid][0]: part.stream for part in bench.parts}


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "the calls did not end"
        run_loop(timeout_s=0.05)


def as_wanted(case: Case) -> object:
    return None if case.late_ms is None else pytest.approx(case.late_ms, abs=450)


Records = tuple[Mapping[str, Cdr], Mapping[str, StreamRecord]]


@pytest.mark.parametrize("name", CASES)
def test_late_media_counts_from_the_answer(calls: Records, name: str) -> None:
    cdr, case = calls[0][name], CASES[name]
    (reverse,) = (stream for stream in cdr.streams if stream.direction == "reverse")
    assert reverse.late_media_ms == as_wanted(case)
    assert reverse.one_way == case.one_way
    assert reverse.held_ms == 0
    assert reverse.silent == (case.late_ms is None and not case.one_way), "heard, and no speech in it"
    assert cdr.call.early_media == bool(case.early)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.late_ms is not None])
def test_late_is_not_lost(calls: Records, name: str) -> None:
    (reverse,) = (stream for stream in calls[0][name].streams if stream.direction == "reverse")
    assert reverse.rtp_lost == 0


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.early])
def test_the_receiver_counts_from_its_own_answer(calls: Records, name: str) -> None:
    """Which it gives 0.1 s after the INVITE; its caller sounds from the ACK on."""
    stream, case = calls[1][name], CASES[name]
    assert stream.late_media_ms == as_wanted(case)
    assert stream.one_way == case.one_way


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.early and case.late_ms])
def test_the_first_packet_of_the_call_stays_a_figure_of_its_own(calls: Records, name: str) -> None:
    """From the INVITE, early media included."""
    call = calls[0][name].call
    assert call.first_rtp_ms is not None
    assert call.setup_ms is not None
    assert call.first_rtp_ms < call.setup_ms


# --- without sockets: what is told of a row of packets


def packets(*spans: tuple[float, float], kind: int = 8, step_s: float = 0.02) -> list[tuple[int, bytes]]:
    """A packet each 20 ms in each of `spans`, in seconds from the answer."""
    times = [at for begin, end in spans for at in _steps(begin, end, step_s)]
    return [(ANSWERED_NS + round(at * 1e9), HEADER.pack(0x80, kind, 0, 0, 7) + b"x") for at in times]


def _steps(begin: float, end: float, step_s: float) -> Iterator[float]:
    return (begin + number * step_s for number in range(round((end - begin) / step_s)))


ANSWERED_NS = 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("received", "late_ms"),
    [
        ([], None),
        (packets((0.0, 5.0)), 0),
        (packets((-3.0, 5.0)), 0),
        (packets((-0.06, 5.0)), 0),  # it overtook the answer
        (packets((-3.0, -0.2)), None),
        (packets((-3.0, 0.06)), None),  # early media, whose last packets were slow
        (packets((-3.0, 0.06), (0.3, 5.0)), 0),  # a jitter of 240 ms, not the end of it
        (packets((-3.0, 0.06), (0.4, 5.0)), 400),
        (packets((0.0, 0.02), (4.0, 5.0)), 4000),
        (packets((0.0, 0.02)), 0),  # all there ever was
        (packets((0.05, 0.25), (4.0, 5.0)), 50),  # a fifth of a second is sound
        (packets((0.12, 0.16), (3.2, 5.0)), 3200),  # what opens the way, a round trip after the answer
        (packets((0.12, 0.14), (1.12, 1.14), (2.12, 2.14), (3.2, 5.0)), 3200),  # again and again
        (packets((0.0, 0.02), (0.9, 0.92)), 0),  # all there ever was
        (packets((1.0, 5.0), step_s=0.2), 1000),  # RFC 3551 §4.2: the longest packets
        (packets((4.5, 4.52)), 4500),
        (packets((0.0, 5.0), kind=13), None),
        (packets((0.0, 1.0), kind=13) + packets((1.0, 5.0)), 1000),
    ],
)
def test_which_packet_is_the_first_sound(received: list[tuple[int, bytes]], late_ms: int | None) -> None:
    assert late_media_ms(received, {8, 0}, ANSWERED_NS) == late_ms
