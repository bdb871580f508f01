import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.probes import charts
from voice_portal.probes.charts import Series
from voice_portal.probes.scales import HEIGHT, TOP, WIDTH, Scale, fitted, nice_scale
from voice_portal.probes.sparks import in_words, spark

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = Scale(START, START + timedelta(hours=1), 1, 5, 1)
GAP = timedelta(minutes=12)


def at(minutes):
    return START + timedelta(minutes=minutes)


def test_neighbouring_points_are_joined():
    assert re.fullmatch(r"M\S+ \S+h0L\S+ \S+", charts.path(HOUR, [(at(0), 4.0), (at(5), 4.1)], GAP))


def test_nothing_measured_breaks_the_line():
    path = charts.path(HOUR, [(at(0), 4.0), (at(5), None), (at(10), 4.1)], GAP)
    assert path.count("M") == 2
    assert "L" not in path


def test_a_pause_longer_than_the_gap_breaks_the_line():
    assert charts.path(HOUR, [(at(0), 4.0), (at(13), 4.1)], GAP).count("M") == 2


def test_a_lone_point_is_visible():
    assert charts.path(HOUR, [(at(30), 3.0)], GAP).endswith("h0")


def test_a_value_beyond_the_axis_stays_inside():
    assert HOUR.y(99) == HOUR.y(5)
    assert HOUR.y(-1) == HOUR.y(1)


def test_time_ticks_are_round_local_times():
    london = ZoneInfo("Europe/London")
    start = datetime(2026, 7, 1, 11, 58, 30, tzinfo=UTC).astimezone(london)
    labels = [label for _, label in Scale(start, start + timedelta(hours=6), 0, 1, 1).time_ticks()]
    assert labels == ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"]


def test_a_day_with_a_change_of_the_clocks_is_still_to_scale():
    end = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)
    london = ZoneInfo("Europe/London")
    scale = Scale((end - timedelta(hours=6)).astimezone(london), end.astimezone(london), 0, 1, 1)
    middle = (scale.x(end) + scale.x(end - timedelta(hours=6))) / 2
    assert scale.x(end - timedelta(hours=3)) == pytest.approx(middle, abs=0.1)


def test_bands_lie_on_the_bad_side():
    low_is_bad = charts.bands(HOUR, 4.0, 3.6)
    assert [band.css for band in low_is_bad] == ["warning", "critical"]
    assert low_is_bad[1].y + low_is_bad[1].height == pytest.approx(HOUR.y(1))
    high_is_bad = charts.bands(Scale(START, at(60), 0, 60, 20), 20, 40)
    assert high_is_bad[1].y == pytest.approx(TOP)


@given(st.floats(min_value=0.001, max_value=1e6))
def test_a_scale_holds_its_highest_value_in_a_few_round_steps(highest):
    scale = nice_scale(START, at(60), highest)
    assert scale.high >= highest * 0.99
    assert 2 <= len(list(scale.value_ticks())) <= 7


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        max_size=40,
    )
)
def test_every_point_is_drawn_inside_the_chart(points):
    path = charts.path(HOUR, [(at(minute), value) for minute, value in sorted(points, key=lambda p: p[0])], GAP)
    for x, y in re.findall(r"[ML](\S+?) ([\d.]+)", path):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_the_chart_is_told_in_words():
    series = [
        Series("Forward", "forward", [(at(0), 4.2), (at(5), None), (at(10), 4.4)]),
        Series("Reverse", "reverse", []),
    ]
    told = charts.describe("MOS", "", series)
    assert told == "MOS. Forward: 4.2 to 4.4, last 4.4, 2 calls. Reverse: nothing measured."


def test_calls_that_failed_are_marked():
    drawing = charts.draw("Jitter", "ms", HOUR, [], (20, 40), [at(0), at(60)], GAP)
    assert drawing.marks == [HOUR.x(at(0)), HOUR.x(at(60))]


def test_a_spark_breaks_where_nothing_was_measured():
    drawn = spark([4.2, None, 4.1, 4.0], 3.6, "6 hours")
    assert drawn.path.count("M") == 2
    assert drawn.description == "MOS of the last 6 hours: lowest 4.00, highest 4.20"


def test_a_spark_without_values_says_so():
    assert spark([], 3.6, "6 hours").description == "No MOS measured in the last 6 hours"


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "begins"),
    [
        pytest.param(None, timedelta(hours=6), id="nothing measured: the whole span"),
        pytest.param(timedelta(hours=7), timedelta(hours=6), id="older calls: the whole span"),
        pytest.param(timedelta(hours=2), timedelta(hours=2), id="a young client: from its first call"),
        pytest.param(timedelta(minutes=1), timedelta(minutes=10), id="a lone call: not stretched"),
    ],
)
def test_a_drawing_begins_where_there_is_something_to_draw(first, begins):
    at = None if first is None else NOW - first
    assert fitted(NOW - timedelta(hours=6), NOW, at) == NOW - begins


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(10, "10 minutes"), (90, "90 minutes"), (120, "2 hours"), (351, "5.8 hours"), (360, "6 hours")],
)
def test_a_span_is_said_as_people_say_it(minutes, words):
    assert in_words(timedelta(minutes=minutes)) == words
