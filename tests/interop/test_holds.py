"""Holds: what is not due is not lost (RFC 3264, sections 5.1, 6.1, 8.4; RFC 2543 for 0.0.0.0; RFC 6337, section 5.3).

Each row is a call of about three seconds. Its far end sounds for a second, holds the call, is mute (or plays music),
takes the call back after another second and sounds to the end; the record must say that nothing was lost, and for how
long nothing was due. All of a table are up at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attacks.raw_caller import NUMBER
from tests.interop.stage import Calls, FarEnd, Says, Sound, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone, header_of
from tests.unit.sipapp.test_scoring import ANSWERED, SPEECH, call, party, received
from voice_sipapp.measurement import scoring
from voice_sipapp.measurement.due import Due
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import StreamRecord
from voice_sipapp.signalling.sip.eventloop import run_loop

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

CALL_S = 3.0
APART_S = 0.02
"""How long after each other the calls begin: else all hold at once, and are answered one after the other."""

HOLD_S, RESUME_S = 1.0, 2.0
BEFORE, AFTER = Sound(0.0, HOLD_S), Sound(RESUME_S + 0.02, 60.0)
NULL_4, NULL_6 = "session c=IN IP4 0.0.0.0", "session c=IN IP6 ::"


@dataclass(frozen=True)
class Case:
    """What the far end says and sends, what the record must say, and where that comes from.

    `held_ms` is for how long nothing is due; `lost` how many packets of those due did not come. `quiet` tells whether
    we may send while it holds.
    """

    source: str
    says: Sequence[Says]
    sounds: Sequence[Sound] = (BEFORE, AFTER)
    held_ms: int = 1000
    lost: int = 0
    answer: str = ""
    quiet: bool = True
    late_ms: int = 0


def hold(lines: str, method: str = "INVITE") -> tuple[Says, Says]:
    """A hold by these lines of a description, and the end of it."""
    return Says(HOLD_S, lines, method), Says(RESUME_S, "a=sendrecv", method)


INACTIVE = hold("a=inactive")
MUSIC = Sound(HOLD_S + 0.04, RESUME_S, ssrc=99, first=7000)

CASES: Mapping[str, Case] = {
    # --- by which words
    "inactive": Case("RFC 3264 §8.4", INACTIVE),
    "sendonly, and mute": Case("RFC 3264 §8.4; thevoiceguy/siphon-ai #417", hold("a=sendonly")),
    "recvonly": Case("RFC 3264 §5.1: it sends nothing, and goes on to hear", hold("a=recvonly"), quiet=False),
    "the null address": Case("RFC 2543; pjsip/pjproject #1142", hold(NULL_4)),
    "the null address of IPv6": Case("RFC 6157 §4; kamailio/kamailio #1292", hold(NULL_6)),
    "the null address, and sendrecv": Case("RFC 2543: the attribute was no part of it", hold(f"{NULL_4} | a=sendrecv")),
    "the null address of the section alone": Case("RFC 8866 §5.7: it goes first", hold("c=IN IP4 0.0.0.0")),
    "the null address, and inactive": Case("pjsip/pjproject #563", hold(f"{NULL_4} | a=inactive")),
    "the null address, and sendonly": Case("pjsip/pjproject #563", hold(f"{NULL_4} | a=sendonly")),
    "inactive for the whole session": Case("RFC 8866 §6.7: it holds for every section", hold("session a=inactive")),
    "inactive with a blank behind it": Case("seen in the wild: trailing white space", hold("a=inactive ")),
    "inactive in capitals": Case("RFC 8866 §5.13 has small ones; it is meant", hold("a=INACTIVE")),
    "port 0": Case("RFC 3264 §8.2: the sound is taken out of the call", hold("m=audio 0 RTP/AVP 8")),
    "port 9 and inactive": Case("RFC 4566: the discard port", hold("m=audio 9 RTP/AVP 8 | a=inactive")),
    # --- by which message
    "by UPDATE, inactive": Case("RFC 3311", hold("a=inactive", "UPDATE")),
    "by UPDATE, sendonly": Case("RFC 3311; pjsip/pjproject #2272", hold("a=sendonly", "UPDATE")),
    "by UPDATE, the null address": Case("RFC 3311", hold(NULL_4, "UPDATE")),
    "held by re-INVITE, resumed by UPDATE": Case("RFC 3311", (INACTIVE[0], Says(RESUME_S, "a=sendrecv", "UPDATE"))),
    "our offer, its answer in the ACK": Case(
        "RFC 3261 §14.2, RFC 7088; onsip/SIP.js #479",
        (Says(HOLD_S, None, answer="a=inactive"), Says(RESUME_S, None, answer="a=sendrecv")),
    ),
    "our offer, answered with port 0": Case(
        "RFC 3264 §6", (Says(HOLD_S, None, answer="m=audio 0 RTP/AVP 8"), Says(RESUME_S, "a=sendrecv"))
    ),
    # --- what becomes of its numbers
    "a new source after it": Case(
        "sipwise/rtpengine #102", INACTIVE, (BEFORE, replace(AFTER, ssrc=4711, first=60_000))
    ),
    "new numbers after it": Case("RFC 3550 A.1", INACTIVE, (BEFORE, replace(AFTER, first=40_000))),
    "the numbers of its begin after it": Case(
        "a sender whose first number is always the same", INACTIVE, (BEFORE, replace(AFTER, first=0))
    ),
    "timestamps that stood still": Case("RFC 3550 §5.1 forbids it", INACTIVE, (BEFORE, replace(AFTER, stands=True))),
    "numbers that counted on": Case(
        "a mute sender that still counts", INACTIVE, (BEFORE, Sound(1.0, 2.02, lost=frozenset(range(51))), AFTER)
    ),
    # --- what is sent meanwhile
    "sendonly, with music of another source": Case("RFC 7088", hold("a=sendonly"), (BEFORE, MUSIC, AFTER)),
    "sendonly, with music of the same source": Case(
        "RFC 3264 §8.4", hold("a=sendonly"), (BEFORE, Sound(1.0, 2.02), AFTER)
    ),
    "inactive, and it goes on to send": Case(
        "sipsorcery-org/sipsorcery #192", INACTIVE, (BEFORE, Sound(1.0, 2.02), AFTER)
    ),
    "music in another codec": Case(
        "RFC 3264 §8.3.2; asterisk/asterisk #1027: the hold offers others first",
        hold("m=audio @port RTP/AVP 0 8 | a=sendonly"), (BEFORE, replace(MUSIC, kind=0), AFTER),
    ),
    # --- signalling and sound go their own ways
    "mute for 0.4 s before it is said": Case(
        "RFC 3261 §17.1.1.2: its first INVITE was lost", (Says(1.4, "a=inactive"), Says(RESUME_S, "a=sendrecv")),
        held_ms=600,
    ),
    "back 0.3 s after it is said": Case("a round trip, and a slow phone", INACTIVE, (BEFORE, Sound(2.3, 60.0))),
    "on for 0.1 s after it is said": Case("what was under way", INACTIVE, (Sound(0.0, 1.1), AFTER)),
    "back 0.1 s before it is said": Case("what was under way", INACTIVE, (BEFORE, Sound(1.9, 60.0))),
    # --- more than one
    "said twice": Case("RFC 4028: a refresh within a hold", (*INACTIVE, Says(1.5, "a=inactive"))),
    "inactive, then sendonly with music": Case(
        "RFC 6337 §5.3; signalwire/freeswitch #323", (*INACTIVE, Says(1.4, "a=sendonly")),
        (BEFORE, replace(MUSIC, begin_s=1.44), AFTER),
    ),
    "two holds": Case(
        "RFC 3264 §8.4",
        (Says(0.6, "a=inactive"), Says(1.1, "a=sendrecv"), Says(1.6, NULL_6), Says(2.1, "a=sendrecv")),
        (Sound(0, 0.6), Sound(1.12, 1.6), Sound(2.12, 60)),
    ),
    "until the end": Case("the BYE ends it", INACTIVE[:1], (BEFORE,), held_ms=2000),
    # --- from the start
    "answered inactive": Case(
        "RFC 3264 §6.1; third-party call control, RFC 3725", INACTIVE[1:], (AFTER,), 2000, answer="a=inactive",
        late_ms=2020,
    ),
    "answered with the null address": Case(
        "RFC 3725 §4: the black hole", INACTIVE[1:], (AFTER,), 2000, answer=NULL_6, late_ms=2020
    ),
    "answered sendonly: an announcement, which is due": Case(
        "RFC 3264 §6.1", (), (Sound(0.0, 60),), held_ms=0, answer="a=sendonly", quiet=False
    ),
    # --- what is no hold, or not all
    "the section's word goes before the session's": Case(
        "RFC 8866 §6.7", hold("session a=inactive | a=sendrecv"), (Sound(0.0, 60),), held_ms=0, quiet=False
    ),
    "a new offer that we refuse": Case(
        "RFC 3261 §14.2: all stays as it was", (Says(HOLD_S, "m=audio 4000 RTP/AVP 18 | a=inactive"),),
        (Sound(0.0, 60),), held_ms=0, quiet=False,
    ),
    "what was lost before it is": Case(
        "RFC 3550 §6.4.1", INACTIVE, (replace(BEFORE, lost=frozenset({20, 21, 30})), AFTER), lost=3
    ),
    "what was lost after it is": Case(
        "RFC 3550 §6.4.1", INACTIVE, (BEFORE, replace(AFTER, lost=frozenset({10, 20, 21}))), lost=3
    ),
}  # fmt: skip


AWAY_S = 0.45
"""How long a message and what follows from it may take, while no side is seen to be late."""


@dataclass(frozen=True)
class Played:
    """What a far end said and sent, and what was recorded of it."""

    case: Case
    far: FarEnd
    stream: StreamRecord
    valid: bool
    ended_at: datetime
    """Of what was sent later nothing can have been heard."""

    @property
    def busy(self) -> bool:
        """Whether this machine could not keep either side to its times."""
        return not self.valid or self.far.late_s > 0.03

    @property
    def away_s(self) -> float:
        """How long a message and what follows from it may take."""
        return 2 * AWAY_S if self.busy else AWAY_S


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Played]]:
    """Every case twice: as what the dialer hears of its far end, and as what the receiver hears of another host's."""
    with closing(Bench(a_tone(Path(tmp_path_factory.mktemp("sounds"))))) as bench, closing(Stage()) as stage:
        yield _dialled(bench, stage) | _received(bench, stage)


def _dialled(bench: Bench, stage: Stage) -> dict[str, Played]:
    fars = {name: FarEnd(stage, each.sounds, each.says, answer=each.answer) for name, each in CASES.items()}
    stage.start()
    for far in fars.values():
        bench.caller.outbound.place(a_probe(far.port, duration_ms=round(CALL_S * 1000)))
        run_loop(timeout_s=APART_S)
    _until(lambda: len(bench.cdrs) == len(fars))
    found = {int(cdr.call.to_uri.rpartition(":")[2]): cdr for cdr in bench.cdrs}
    return {
        name: Played(
            CASES[name], far, next(each for each in found[far.port].streams if each.direction == "reverse"),
            found[far.port].call.valid, found[far.port].call.ended_at,
        )
        for name, far in fars.items()
    }  # fmt: skip


def _received(bench: Bench, stage: Stage) -> dict[str, Played]:
    bench.caller.reception.probes = [a_probe(bench.receiver_port, duration_ms=round(CALL_S * 1000))]
    fars = {}
    for name, case in CASES.items():
        uuid = calluuid.new(datetime.now(UTC))
        far = Calls(
            stage, bench.receiver_port, NUMBER, header_of(bench, uuid), case.sounds, case.says, answer=case.answer
        )
        fars[uuid] = name, far
        far.call()
        run_loop(timeout_s=APART_S)
    for _, far in fars.values():
        _until(far.has_lasted(CALL_S))
        far.hang_up()
    _until(lambda: len(bench.parts) == len(fars))
    return {
        f"{name}, at the receiver": Played(CASES[name], far, part.stream, part.problem is None, far.over_at)
        for part in bench.parts
        for name, far in [fars[part.stream.uuid]]
    }


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "the calls did not end"
        run_loop(timeout_s=0.05)


NAMES = [f"{name}{where}" for where in ("", ", at the receiver") for name in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_due_is_not_lost(calls: Mapping[str, Played], name: str) -> None:
    played = calls[name]
    assert played.stream.rtp_lost == played.case.lost
    assert played.stream.held_ms == pytest.approx(played.case.held_ms, abs=1000 * played.away_s)


@pytest.mark.parametrize("name", NAMES)
def test_all_that_came_counts(calls: Mapping[str, Played], name: str) -> None:
    played = calls[name]
    sent, under_way = played.far.sent_until(played.ended_at), 50 if played.busy else 12
    received = played.stream.rtp_rx
    assert sent - under_way <= received <= len(played.far.sent_at_ns), "but for what was under way at the end"
    assert (played.stream.rtp_expected or 0) - received == played.case.lost


@pytest.mark.parametrize("name", [name for name in NAMES if not CASES[name.partition(", at the receiver")[0]].lost])
def test_the_rating_is_that_of_a_good_call(calls: Mapping[str, Played], name: str) -> None:
    played = calls[name]
    if played.busy:
        pytest.skip("this machine was too busy")
    assert (played.stream.mos_cq or 0) > 4.2


@pytest.mark.parametrize("name", NAMES)
def test_late_media_is_told_from_the_answer(calls: Mapping[str, Played], name: str) -> None:
    played = calls[name]
    assert played.stream.late_media_ms == pytest.approx(played.case.late_ms, abs=1000 * played.away_s)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_sent_to_who_does_not_want_it(calls: Mapping[str, Played], name: str) -> None:
    """RFC 3264, section 8.4; and with the call taken back it goes on."""
    played = calls[name]
    if played.case.quiet and 0 < played.case.held_ms <= 1000 and len(played.case.says) < 4:
        begun = max(HOLD_S, played.case.says[0].at_s)
        assert not [at for at in played.far.heard_at if begun + played.away_s < at < RESUME_S - 0.01]
    if "until the end" not in name and not played.case.answer:
        assert [at for at in played.far.heard_at if at > RESUME_S + played.away_s]


@pytest.mark.parametrize("name", NAMES)
def test_each_offer_gets_the_answer_that_it_allows(calls: Mapping[str, Played], name: str) -> None:
    """RFC 3264, section 6.1."""
    played = calls[name]
    assert len(played.far.answers) == len(played.case.says)
    for says, (code, body) in zip(sorted(played.case.says, key=lambda one: one.at_s), played.far.answers, strict=True):
        if says.lines is None:
            assert (code, "m=audio 0" in body) == (200, False)
        elif "RTP/AVP 18" in says.lines:
            assert code == 488
        elif "m=audio 0" in says.lines:
            assert code == 200
            assert "m=audio 0 RTP/AVP 8" in body
        else:
            assert code == 200
            assert {"a=inactive": "a=inactive", "a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly"}.get(
                says.lines.strip(), "m=audio "
            ) in body


# --- without sockets: a path that keeps a hold to itself


ANSWERED_NS = round(ANSWERED.timestamp() * 1000) * 1_000_000
ENDED_NS = ANSWERED_NS + 10_000_000_000


@pytest.mark.parametrize("same_host", [True, False])
def test_what_our_own_dialer_was_told_not_to_send_its_receiver_does_not_miss(same_host: bool) -> None:
    """A PBX holds the dialer and says nothing to the receiver (team-telnyx/freeswitch #651). Only where both are on one
    host does anybody know.
    """
    packets = received(seconds=4)
    muted = (ANSWERED_NS + 4_000_000_000, ENDED_NS)
    dialer = party([], not_sending=(muted,) if same_host else ())
    receiver = party(packets, due=Due(ANSWERED_NS, ENDED_NS), until_ns=ENDED_NS)
    stream = scoring.complete(call(), dialer, receiver, SPEECH).streams[0]
    assert (stream.held_ms, stream.late_media_ms) == (6000 if same_host else 0, 0)
    assert (stream.rtp_lost == 0) == same_host


def test_a_hold_hides_no_outage_after_it() -> None:
    """Sound for 4 s, a hold of 1 s, and nothing from then on: five seconds of packets were due."""
    held = (ANSWERED_NS + 4_000_000_000, ANSWERED_NS + 5_000_000_000)
    receiver = party(received(seconds=4), due=Due(ANSWERED_NS, ENDED_NS, (held,)))
    stream = scoring.complete(call(), party([]), receiver, SPEECH).streams[0]
    assert stream.held_ms == 1000
    assert stream.rtp_lost == pytest.approx(250, abs=25)


def test_a_call_that_is_held_from_its_answer_to_its_end_was_not_heard() -> None:
    """Nothing was due, so nothing is lost; but whoever called heard nothing, and the call is no good one."""
    receiver = party([], due=Due(ANSWERED_NS, ENDED_NS, ((ANSWERED_NS, ENDED_NS),)))
    stream = scoring.complete(call(), party([]), receiver, SPEECH).streams[0]
    assert (stream.one_way, stream.held_ms, stream.rtp_lost, stream.late_media_ms) == (True, 10_000, None, None)
