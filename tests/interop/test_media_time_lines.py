"""Media time lines: holds, silence, keys, sources, numbers, clocks, lengths of packets, codecs and losses in any order.

Whoever made one knows what was sent and what was due; the record must say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.timelines import NAMES, TimeLine

LENGTHS = {
    "PCMU": (10, 20, 30, 40, 60),
    "PCMA": (10, 20, 30, 40, 60),
    "G722": (10, 20, 30, 40, 60),
    "opus": (20, 40, 60),
}
EDGE = 6
"""So many packets at each end of a spurt arrive: what is lost where neither numbers nor clocks go on can't be told."""


@dataclass
class Made:
    """A time line, how much of what came on hold may have been under way, and how often and how its far end changed."""

    line: TimeLine
    under_way_ms: float = 0.0
    changes: int = 0
    story: tuple[str, ...] = ()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What Hypothesis shows of one that fails: what its far end did, not its thousand packets."""
        printer.text(f"<{'; '.join(self.story)}>")


@st.composite
def time_lines(draw: st.DrawFn, *, silence: bool) -> Made:
    """What a far end may do. With `silence` it suppresses silence, without it may resume late after a hold."""
    made = Made(TimeLine(draw(st.sampled_from(NAMES)), 20))
    _talk(draw, made.line)
    steps = ["hold", "hold", "source", "numbers", "clock", "change", "change", "key"]
    steps += ["comfort noise", "comfort noise", "DTX"] if silence else ["late"]
    for step in draw(st.lists(st.sampled_from(steps), max_size=6)):
        _STEPS[step](draw, made)
        made.story += (
            f"{step} until {made.line.now_ms} ms ({made.line.codec}, {made.line.ptime} ms, {made.line.ssrc})",
        )
        _talk(draw, made.line)
    return made


def _talk(draw: st.DrawFn, line: TimeLine) -> None:
    packets = draw(st.integers(-(-800 // line.ptime), 2500 // line.ptime))
    packets = max(packets, 30)
    lost = draw(st.sets(st.integers(EDGE, packets - EDGE - 1), max_size=4))
    line.talk(packets * line.ptime, lost=lost)


def _hold(draw: st.DrawFn, made: Made) -> None:
    line = made.line
    ms = 20 * draw(st.integers(30, 200))
    how: dict[str, Any] = draw(st.sampled_from([{}, {"counts": True}, {"music": 99}, {"music": line.ssrc}]))
    ms = ms // line.ptime * line.ptime
    made.under_way_ms += 400 if how.get("music") == line.ssrc else 0
    line.hold(ms, **how)
    if "music" not in how and draw(st.booleans()):
        line.stands(ms)


def _late(draw: st.DrawFn, made: Made) -> None:
    """After a hold of 2.4 s; an outage of about as long could not be told from numbers that count on hold."""
    line = made.line
    outage_ms = draw(st.integers(1200, 2100) | st.integers(2700, 3600))
    line.hold(2400, counts=draw(st.booleans())).dead(outage_ms // line.ptime * line.ptime)


def _source(draw: st.DrawFn, made: Made) -> None:
    used = {each[8:12] for _, each in made.line.received}
    ssrc = draw(st.integers(100, 2**32 - 1).filter(lambda ssrc: ssrc.to_bytes(4, "big") not in used))
    made.line.anew(ssrc=ssrc, number=draw(st.integers(0, 65_535)), stamp=draw(st.integers(0, 2**32 - 1)))


def _numbers(draw: st.DrawFn, made: Made) -> None:
    made.line.anew(number=(made.line.number + draw(st.integers(4000, 60_000))) & 0xFFFF)


def _change(draw: st.DrawFn, made: Made) -> None:
    codec = draw(st.sampled_from(NAMES))
    made.line.to(codec, draw(st.sampled_from(LENGTHS[codec])))
    made.changes += 1


def _key(draw: st.DrawFn, made: Made) -> None:
    made.line.key(20 * draw(st.integers(3, 20)))


def _clock(draw: st.DrawFn, made: Made) -> None:
    made.line.jumps(draw(st.sampled_from([-(2**20), 2**20, 2**31])))


def _discontinuous(draw: st.DrawFn, made: Made) -> None:
    made.line.quiet(20 * draw(st.integers(10, 150)))


def _comfort_noise(draw: st.DrawFn, made: Made) -> None:
    made.line.quiet(20 * draw(st.integers(10, 150)), noise=[0, *range(200, 200 * draw(st.integers(1, 3)), 200)])


_STEPS = {
    "hold": _hold, "late": _late, "source": _source, "numbers": _numbers, "clock": _clock, "change": _change,
    "key": _key, "comfort noise": _comfort_noise, "DTX": _discontinuous,
}  # fmt: skip


def check(made: Made) -> None:
    line, found = made.line, made.line.record()
    stream = found.stream
    assert (stream.rtp_rx, stream.rtp_lost, stream.rtp_dup, stream.rtp_out_of_order) == (line.came, line.lost, 0, 0)
    assert stream.rtp_expected == line.came + line.lost
    assert stream.rtp_discarded == 0
    heard_ms = line.due_ms + line.silent_ms
    slack_ms = 61 * (1 + len(line.held) + made.changes)
    assert heard_ms - slack_ms <= found.heard_ms <= heard_ms + made.under_way_ms + slack_ms
    assert sum(each.rtp_expected for each in found.seconds) == stream.rtp_expected
    assert sum(each.rtp_lost for each in found.seconds) == stream.rtp_lost
    assert [each.second for each in found.seconds] == sorted({each.second for each in found.seconds})
    assert (stream.jitter_max_ms or 0) <= 8 * (made.changes > 0) + 0.05
    if not line.lost:
        assert (stream.concealed_pct, stream.max_loss_run, (stream.mos_cq or 0) > 4.1) == (0, 0, True)
        assert found.worst > 4.1
    assert stream.held_ms == pytest.approx(sum(end - begin for begin, end in line.held), abs=1)


@settings(max_examples=60, deadline=None)
@given(time_lines(silence=False))
def test_the_record_says_what_was_sent_and_due(made: Made):
    check(made)


@settings(max_examples=60, deadline=None)
@given(time_lines(silence=True))
def test_the_record_says_what_was_sent_and_due_by_who_suppresses_silence(made: Made):
    check(made)


@settings(max_examples=60, deadline=None)
@given(time_lines(silence=True), st.randoms(use_true_random=False))
def test_jitter_and_edges_of_holds_that_are_not_where_they_were_change_nothing(made: Made, chance: Random):
    """Up to 9 ms on each packet; we see a hold begin and end up to 60 ms before the far end does, or after it."""
    line = made.line
    ends_ms = line.now_ms
    line.delayed(chance.uniform(0, 9) for _ in range(line.came))
    line.held = [(begin + chance.uniform(-60, 60), end + chance.uniform(-60, 20)) for begin, end in line.held]
    stream = line.record(ends_ms=ends_ms).stream
    assert (stream.rtp_rx, stream.rtp_lost, stream.rtp_discarded) == (line.came, line.lost, 0)


@settings(max_examples=60, deadline=None)
@given(time_lines(silence=True), st.floats(-0.001, 0.001))
def test_a_clock_that_is_off_by_a_thousandth_changes_nothing(made: Made, share: float):
    stream = made.line.slow(share).record().stream
    assert (stream.rtp_rx, stream.rtp_lost, stream.rtp_discarded) == (made.line.came, made.line.lost, 0)
