"""Results in the panels of a page: values, tables, drawings."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.grafana_stand_in.preview_page import END, JUDGED, TIMES, Element, draw, frame, panel, read, result
from voice_lab.grafana_stand_in.preview import View
from voice_lab.grafana_stand_in.preview.units import Clock, text_of


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (4.2, "none", 2, "4.20"),
        (4, "none", None, "4"),
        (0.0123, "none", None, "0.012"),
        (1234567, "short", 0, "1,234,567"),
        (12.345, "percent", 1, "12.3 %"),
        (1600, "suffix: ms", 0, "1,600 ms"),
        (250.04, "ms", 1, "250.0 ms"),
        (30123, "ms", 1, "30.1 s"),
        (90, "s", 0, "1.5 min"),
        (10 * 86400, "s", 0, "10.0 days"),
        ("Healthy", "string", None, "Healthy"),
        (TIMES[0], "dateTimeAsIso", None, "2026-03-01 11:20:00"),
        (10**17, "dateTimeAsIso", None, "100000000000000000"),
        (TIMES[0], "dateTimeFromNow", None, "40 minutes ago"),
        (TIMES[0] - 25 * 3_600_000, "dateTimeFromNow", None, "1 day ago"),
        (TIMES[3] + 600_000, "dateTimeFromNow", None, "less than a minute ago"),
    ],
)
def test_values_have_their_units(value: object, unit: str, decimals: int | None, text: str) -> None:
    kind = "string" if isinstance(value, str) else "number"
    assert text_of(value, kind, unit, decimals, Clock(END, UTC)) == text


def test_times_are_those_of_the_dashboards_zone() -> None:
    for zone, hour in (("Asia/Tokyo", "20:20"), ("utc", "11:20"), ("no/such", "11:20")):
        dashboard = {"timezone": zone, "panels": [panel("table")]}
        page = read(dashboard, {1: result(frame({"At": "time"}, TIMES[:1]))})
        assert f"2026-03-01 {hour}:00" in page.all("time")[0].text


def test_a_stat_shows_the_last_value_of_each_number_and_text_only_if_asked() -> None:
    answer = frame({"Word": "string", "First": "number", "Second": "number"}, ["w", "x"], [1, 2], [3, None])
    seen = draw(panel("stat", options={"reduceOptions": {"fields": ""}}), answer)
    assert [one.text for one in seen.all("dt")] == ["First", "Second"]
    assert [one.text for one in seen.all("dd")] == ["2", "3"]
    seen = draw(panel("stat", options={"reduceOptions": {"fields": "/.*/"}}), answer)
    assert [one.text for one in seen.all("dd")] == ["x", "2", "3"]


@pytest.mark.parametrize(("value", "colour"), [(2.9, "red"), (3, "orange"), (3.99, "orange"), (4, "green"), (None, "")])
def test_thresholds_colour_a_value_and_mark_it_too(value: float | None, colour: str) -> None:
    unmeasured = {"type": "special", "options": {"match": "null", "result": {"text": "–", "color": "transparent"}}}
    seen = draw(
        panel("stat", {"thresholds": JUDGED, "mappings": [unmeasured]}, options={"colorMode": "background"}),
        frame({"v": "number"}, [value]),
    )
    css = seen.all("dl")[0].all("div")[0].css
    assert css == ([f"c-{colour}", "fill", "judged"] if colour else [])
    assert colour or seen.all("dd")[0].text == "–"


def test_tables_hide_map_and_colour_as_the_dashboard_says() -> None:
    words = [{"type": "value", "options": {"Up": {"color": "green"}, "3": {"text": "three", "color": "red"}}}]
    one = panel(
        "table",
        columns={
            "State": {"mappings": words, "custom.cellOptions": {"type": "color-background"}},
            "Level": {"mappings": words, "custom.cellOptions": {"type": "color-text"}},
            "Secret": {"custom.hidden": True},
            "Plain": {"thresholds": JUDGED},
        },
    )
    names = {"State": "string", "Level": "number", "Secret": "string", "Plain": "number"}
    seen = draw(one, frame(names, ["Up", None], [3, 4], ["hush", "hush"], [1, 2]))
    assert [heading.text for heading in seen.all("thead")[0].all("th")] == ["State", "Level", "Plain"]
    assert "hush" not in seen.text
    first, second = (row.children for row in seen.all("tbody")[0].all("tr"))
    cells = [(cell.tag, cell.text, cell.css) for cell in [*first, *second] if isinstance(cell, Element)]
    assert cells == [
        ("th", "Up", ["c-green", "fill"]),
        ("td", "three", ["c-red", "n"]),
        ("td", "1", ["n"]),
        ("th", "–", []),
        ("td", "4", ["n"]),
        ("td", "2", ["n"]),
    ]


LINES = {"custom": {"drawStyle": "line", "spanNulls": True}}
BARS = {"custom": {"drawStyle": "bars", "stacking": {"mode": "normal"}}}
TWO = frame({"Time": "time", "a": "number", "b": "number"}, TIMES, [1, 2, None, 4], [3, 3, 3, 3])


def test_lines_have_a_legend_and_words_for_who_does_not_see_them() -> None:
    seen = draw(panel("timeseries", LINES, columns={"b": {"custom.lineStyle": {"fill": "dash"}}}), TWO)
    assert [one.text for one in seen.all(css="legend")[0].all("th")][4:] == ["a", "b"]
    assert [one.text for one in seen.all(css="legend")[0].all("td")] == ["1", "4", "4", "3", "3", "3"]
    assert seen.all("desc")[0].text == "A panel. a: 1 to 4, last 4, 3 intervals. b: 3 to 3, last 3, 4 intervals."
    lines = [one for one in seen.all(css="chart")[0].all("path") if "dots" not in one.css]
    assert [one.attributes["d"].count("L") for one in lines] == [2, 3]
    assert ["dash1" in one.css for one in lines] == [False, True]


def test_lines_are_interrupted_where_nothing_was_measured_unless_the_dashboard_says_otherwise() -> None:
    for nulls, pieces in ((False, 2), (True, 1)):
        seen = draw(panel("timeseries", {"custom": {"spanNulls": nulls}}), TWO)
        assert seen.all("path")[0].attributes["d"].count("M") == pieces


def test_bars_stand_on_each_other() -> None:
    first, second = draw(panel("timeseries", BARS), TWO).all(css="chart")[0].all("path")
    ends = re.findall(r"M([\d.]+) ([\d.]+)h0L([\d.]+) ([\d.]+)", first.attributes["d"])
    above = re.findall(r"M([\d.]+) ([\d.]+)h0L([\d.]+) ([\d.]+)", second.attributes["d"])
    assert (len(ends), len(above)) == (3, 4)
    assert all(x == to_x for x, _, to_x, _ in ends + above)
    assert above[0][1] == ends[0][3]
    assert float(first.attributes["stroke-width"]) > 5


@pytest.mark.parametrize("mode", ["area", "off"])
def test_thresholds_are_areas_where_the_dashboard_wants_them(mode: str) -> None:
    seen = draw(panel("timeseries", {"thresholds": JUDGED, "custom": {"thresholdsStyle": {"mode": mode}}}), TWO)
    assert [one.css[1] for one in seen.all("rect")] == (["warning", "critical"] if mode == "area" else [])
    assert "red below 3" in seen.text


def test_a_week_is_labelled_with_its_days() -> None:
    week = View(END - timedelta(days=7), END)
    labels = [one.text for one in draw(panel("timeseries"), TWO, view=week).all("text")]
    assert labels[-7:] == ["23 Feb", "24 Feb", "25 Feb", "26 Feb", "27 Feb", "28 Feb", "1 Mar"]


@given(
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(), min_size=4, max_size=4),
    st.sampled_from([LINES, BARS, {"min": 1, "max": 5}]),
    st.sampled_from([timedelta(days=-1), timedelta(0), timedelta(minutes=1), timedelta(days=28), timedelta(days=9000)]),
)
def test_whatever_the_numbers_and_times_are_there_is_a_page(
    values: list[float | None], defaults: dict[str, Any], length: timedelta
) -> None:
    for kind in ("timeseries", "state-timeline", "stat", "table"):
        draw(panel(kind, defaults), frame({"Time": "time", "v": "number"}, TIMES, values), view=View(END - length, END))


def test_states_are_strips_of_time_until_the_next_or_a_pause() -> None:
    words = {"1": {"text": "Good", "color": "green"}, "2": {"text": "Bad", "color": "red"}}
    config = {"mappings": [{"type": "value", "options": words}], "custom": {"spanNulls": 900_000}}
    answer = frame({"Time": "time", "p": "number", "q": "number"}, TIMES, [1, 2, 2, 1], [1, None, None, 1])
    seen = draw(panel("state-timeline", config), answer)
    assert [one.text for one in seen.all(css="states")[0].all("span")] == ["Good", "Bad"]
    p, q = (row.all(css="strip")[0] for row in seen.all("tbody")[0].all("tr"))
    assert p.attributes["aria-label"] == "Good in 2 intervals, Bad in 2 intervals."
    assert [one.css for one in p.all("path")] == [["line", "c-green"], ["line", "c-red"]]
    ((bad_from, bad_to),) = re.findall(r"M([\d.]+) .*L([\d.]+) ", p.all("path")[1].attributes["d"])
    assert float(bad_to) - float(bad_from) == pytest.approx(588 / 3, abs=0.2)
    assert len(re.findall("M", q.all("path")[0].attributes["d"])) == 2
    assert [row.all("td")[-1].text for row in seen.all("tbody")[0].all("tr")] == ["Good", "Good"]


def test_what_the_preview_leaves_out_is_said() -> None:
    answer = frame({"a": "string"}, ["x"] * 501)
    answer["schema"]["meta"] = {"notices": [{"severity": "warning", "text": "Cut off there"}]}
    seen = draw(panel("table", timeFrom="28d"), answer)
    for said in ("Cut off there", "The last 28d", "1 more row"):
        assert said in seen.text
