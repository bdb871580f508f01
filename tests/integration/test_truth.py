"""The call records of the lab's SIP host against an independent analyser: `make truth`, in short."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import injected, truth
from bench.trunks import DIRECTIONS, Trunk

from tests.labs import own_lab
from voice_lab.context import Lab

pytestmark = [pytest.mark.services, pytest.mark.long]

CLEAN, LOSSY = Trunk(index=1, name="random-0"), Trunk(index=2, name="random-5", loss_pct=5)
ONE_WAY, MUTED = Trunk(index=3, name="one-way", blocked=True), Trunk(index=4, name="muted", muted=True)
FAR_ENDS = tuple(
    Trunk(index=5 + at, name=name, far_end=words) for at, (name, words) in enumerate(truth.FAR_ENDS.items())
)
ROADS = (CLEAN, LOSSY, ONE_WAY, MUTED, *FAR_ENDS)
SECONDS = 12
SENT_LATE_MS = 20
"""What a far end sends later than this is late by this machine's doing, not by its trunk's. What the SIP host itself
sent or read too late, the record says: it is not valid.
"""

EDGE_PP = 100 * truth.UNDER_WAY_PACKETS / (SECONDS * 50)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab of its own: in the shared ones, other tests' SIP hosts come into the plan and go in mid-call."""
    with own_lab("truth", ("sip_host",)) as lab:
        yield lab


def test_records_tell_what_an_independent_analyser_finds(lab: Lab):
    """One test, because all of it needs the same minute of calls."""
    outcome = truth.measure(lab, ROADS, seconds=SECONDS, rounds=1)
    check_against_tshark(outcome)
    for direction in DIRECTIONS:
        check_against_path(outcome, direction)
    check_scores(outcome)
    check_one_way(outcome)
    check_muted(outcome)
    check_far_ends(outcome)


def check_far_ends(outcome: truth.Outcome) -> None:
    """What the far ends of the trunks did to the calls is in the records, and nothing else is."""
    streams = [stream for stream in outcome.streams if stream.trunk in FAR_ENDS]
    assert {stream.trunk for stream in streams if stream.injected} == set(FAR_ENDS)
    assert all(stream.injected for stream in streams)
    usual = max(float(stream.record["mos_cq"]) for stream in outcome.of(CLEAN, "forward"))
    in_time = [
        each for each in streams if each.injected and each.injected.late_ms <= SENT_LATE_MS and each.record["valid"]
    ]
    assert in_time, "this machine was too busy for all of the far ends"
    assert injected.packets_apart(streams) <= truth.UNDER_WAY_PACKETS
    assert injected.lost(streams) == 0
    assert injected.seconds_error(streams) <= 2
    unlike = [each for each in injected.unspoilt(in_time) if injected.mos_error([each], usual) > 0.05]
    assert unlike == []
    assert injected.late_media_error_ms(injected.of(streams, "late")) <= 50
    assert injected.discarded(injected.of(in_time, "clock", "crystal")) <= 5
    assert injected.discarded(injected.of(in_time, "longer")) <= 25
    assert injected.outages_seen(injected.of(streams, "stall")) == 1


def check_against_tshark(outcome: truth.Outcome) -> None:
    compared = [stream for stream in outcome.streams if stream.seen]
    assert len(compared) == len(outcome.streams) - len(outcome.of(ONE_WAY, "forward"))
    assert truth.packets_apart(compared) <= truth.UNDER_WAY_PACKETS
    assert truth.loss_error_pp(compared) < 0.01
    relative, absolute = truth.jitter_errors(compared)
    assert relative < 0.01
    assert absolute < 0.05


def check_against_path(outcome: truth.Outcome, direction: str) -> None:
    assert truth.within_bounds(outcome, LOSSY, direction)
    assert outcome.recorded_pct(LOSSY, direction) == pytest.approx(
        outcome.spoilt_pct(LOSSY, direction), abs=2 * EDGE_PP
    )
    assert all(stream.record["rtp_lost"] == 0 for stream in outcome.of(CLEAN, direction))


def check_scores(outcome: truth.Outcome) -> None:
    _, falling = truth.mos_against_loss(outcome.streams)
    assert falling


def check_one_way(outcome: truth.Outcome) -> None:
    dead = outcome.of(ONE_WAY, "forward")
    assert truth.flagged(dead, "one_way") == 1
    assert {stream.record["mos_cq"] for stream in dead} == {None}
    assert not any(stream.record["one_way"] for stream in outcome.streams if stream not in dead)


def check_muted(outcome: truth.Outcome) -> None:
    muted = outcome.of(MUTED, "forward")
    assert truth.flagged(muted, "silent") == 1
    assert not any(stream.record["silent"] for stream in outcome.streams if stream not in muted)
