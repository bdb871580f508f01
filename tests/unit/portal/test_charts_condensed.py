"""Charts in which a point stands for many calls."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.cdr.periods import CallSlot, Slots, Spread, StreamSlot
from voice_portal.probes import charts, panels
from voice_portal.probes.charts import Series
from voice_portal.probes.scales import Scale

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(days=7)
END = START + SPAN
WIDTH = SPAN / panels.SLOTS
GAP = timedelta(hours=1)
SCALE = Scale(START, END, 1, 5, 1)
LIMITS = {
    "mos": (4, 3.6),
    "loss_pct": (0.5, 2),
    "jitter_ms": (20, 40),
    "pdd_ms": (3000, 6000),
    "late_media_ms": (1000, 3000),
}
STATE = SimpleNamespace(
    every_ms=300_000,
    **{
        f"{name}_{level}": value
        for name, pair in LIMITS.items()
        for level, value in zip(("warning", "critical"), pair, strict=True)
    },
)


POOR = Spread(8, 2.9, 4.4)


def at(slot):
    return START + slot * WIDTH


def call(slot, failed=False):
    return CallSlot(slot, 8, at(slot), at(slot) if failed else None, Spread(8, 900, 7000))


def stream(slot, direction="forward", *, wideband=False, mos=POOR):
    loss, jitter = Spread(8, 0, 9.5), Spread(8, 1, 5)
    return StreamSlot(slot, direction, wideband, at(slot), mos, loss, jitter, None)


def drawn(calls, streams):
    found = panels.panels(STATE, Slots(WIDTH, calls, streams), START, END, SPAN)
    return {drawing.title: drawing for drawing in found}


def test_the_worst_call_of_a_slot_is_on_the_line_and_the_best_at_the_edge_of_the_area():
    mos = drawn([call(10), call(11)], [stream(10), stream(11)])["MOS"].lines[0]
    assert {float(y) for _, y in re.findall(r"[ML](\S+?) ([\d.]+)", mos.path)} == {SCALE.y(2.9)}
    assert {float(y) for _, y in re.findall(r"[ML](\S+?) ([\d.]+)", mos.area)} == {SCALE.y(2.9), SCALE.y(4.4)}


def test_the_worst_of_what_should_be_low_is_its_highest():
    loss = drawn([call(10)], [stream(10)])["Packet loss"]
    assert loss.description.startswith("Packet loss. Forward: 0 % to 9.5 %, last 9.5 %, 8 calls.")


def test_a_slot_without_calls_is_a_gap_in_line_and_area():
    mos = drawn([call(10), call(12)], [stream(10), stream(12)])["MOS"].lines[0]
    assert (mos.path.count("M"), mos.area.count("M")) == (2, 2)


def test_calls_in_which_nothing_was_measured_are_a_gap():
    mos = drawn([call(10), call(11), call(12)], [stream(10), stream(12)])["MOS"].lines[0]
    assert mos.path.count("M") == 2


def test_neighbouring_slots_are_joined():
    mos = drawn([call(10), call(11)], [stream(10), stream(11)])["MOS"].lines[0]
    assert (mos.path.count("M"), mos.area.count("M")) == (1, 1)


def test_the_period_before_is_drawn_where_this_one_is():
    mos = drawn([call(10)], [stream(10 - panels.SLOTS), stream(10)])["MOS"]
    before, now, _ = mos.lines
    assert (before.name, before.css) == ("Forward, before", "before forward")
    assert before.path == now.path


def test_only_mos_has_the_period_before():
    found = drawn([call(10)], [stream(10 - panels.SLOTS), stream(10)])
    assert [len(found[title].lines) for title in ("MOS", "Packet loss", "Post-dial delay")] == [3, 2, 1]


def test_bands_are_lines_of_their_own():
    lines = drawn([call(10), call(11)], [stream(10), stream(11, wideband=True)])["MOS"].lines
    names = [line.name for line in lines if line.path]
    assert names == ["Forward (narrow-band)", "Forward (wide-band)"]


def test_a_slot_with_a_call_that_was_not_answered_is_marked():
    assert drawn([call(10, failed=True), call(11)], [])["MOS"].marks == [SCALE.x(at(10))]


def test_where_each_call_stands_for_itself_there_is_no_area():
    assert charts.area(SCALE, Series("x", "x", [(START, 4.0)], [(4.0, 4.0)]), GAP) == ""
    assert charts.area(SCALE, Series("x", "x", [(START, 4.0)]), GAP) == ""


@given(
    st.dictionaries(
        st.integers(0, panels.SLOTS - 1), st.tuples(st.floats(1, 5), st.floats(1, 5)).map(sorted), max_size=30
    )
)
def test_no_bad_call_is_lost(found):
    slots = sorted(found.items())
    streams = [stream(slot, mos=Spread(2, *spread)) for slot, spread in slots]
    path = drawn([call(slot) for slot, _ in slots], streams)["MOS"].lines[0].path
    assert [float(y) for _, y in re.findall(r"[ML](\S+?) ([\d.]+)", path)] == [SCALE.y(low) for _, (low, _) in slots]


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (7, ["23 Mar", "24 Mar", "25 Mar", "26 Mar", "27 Mar", "28 Mar", "29 Mar"]),
        (28, ["5 Mar", "9 Mar", "13 Mar", "17 Mar", "21 Mar", "25 Mar", "29 Mar"]),
    ],
)
def test_days_are_labelled_at_midnight_also_when_the_clocks_change(days, labels):
    end = datetime(2026, 3, 29, 12, tzinfo=UTC).astimezone(ZoneInfo("Europe/London"))
    scale = Scale((end - timedelta(days=days)).astimezone(end.tzinfo), end, 0, 1, 1)
    ticks = list(scale.time_ticks())
    assert [label for _, label in ticks] == labels
    assert ticks[-1][0] == scale.x(datetime(2026, 3, 29, tzinfo=UTC))


@given(st.integers(1, 92 * 24 * 60))
def test_there_are_never_more_labels_than_have_room(minutes):
    assert len(list(Scale(START, START + timedelta(minutes=minutes), 0, 1, 1).time_ticks())) <= 8
