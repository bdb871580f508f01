"""The page of a dashboard: what it says, where it leads, and what it is safe from."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.grafana_stand_in.preview_page import (
    END,
    TIMES,
    VIEW,
    Element,
    Reader,
    draw,
    frame,
    panel,
    read,
    result,
)
from voice_lab.grafana_stand_in import preview
from voice_lab.grafana_stand_in.preview import View
from voice_lab.grafana_stand_in.preview.fields import COLOURS

GOLDEN = Path(__file__).parents[2] / "operator" / "golden"
DASHBOARDS = ("overview", "probe", "fleet")
TAGS = {"html", "head", "meta", "title", "link", "noscript", "script", "body", "header", "main", "section", "div", "p"}
TAGS |= {"h1", "h2", "span", "a", "time", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd"}
TAGS |= {"svg", "desc", "rect", "line", "text", "path"}


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


def plausible(one: dict[str, Any]) -> dict[str, Any]:
    """A result of the kind that the panel asks for."""
    if one["targets"][0]["format"] == "time_series":
        return result(
            frame({"Time": "time", "first": "number", "second": "number"}, TIMES, [1, 2, 3, 3], [3, None, 1, 2])
        )
    word = f"word of {one['id']}"
    return result(frame({"Word": "string", "Number": "number", "At": "time"}, [word], [42], [TIMES[0]]))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_of_our_dashboards_says_what_it_is_and_shows_its_result(name: str) -> None:
    dashboard = golden(name)
    page = read(dashboard, {one["id"]: plausible(one) for one in dashboard["panels"]})
    assert page.all("h1")[0].text == dashboard["title"]
    assert "Preview of this dashboard's data; Grafana is not installed here" in page.text
    in_order = sorted(dashboard["panels"], key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"]))
    assert [heading.text for heading in page.all("h2")] == [one["title"] for one in in_order]
    for one, seen in zip(in_order, page.all("section"), strict=True):
        assert one["description"] in seen.text
        configs = [one["fieldConfig"]["defaults"]] + [
            {change["id"]: change["value"] for change in override["properties"]}
            for override in one["fieldConfig"]["overrides"]
        ]
        for config in configs:
            steps = config.get("thresholds", {}).get("steps", ())
            for step in steps if len(steps) > 1 else ():
                assert step["color"] in seen.text
                assert step["value"] is None or f"{step['value']:,g}" in seen.text
        assert ("%" in seen.all(css="title")[0].text) == (configs[0]["unit"] == "percent")
        assert ("ms" in seen.all(css="title")[0].text) == (configs[0]["unit"] in ("ms", "suffix: ms"))
        assert configs[0]["noValue"] not in seen.text
        drawn = {"timeseries": "chart", "state-timeline": "strip", "stat": "stats", "table": "scroll"}[one["type"]]
        assert seen.all(css=drawn)
        if one["type"] in ("table", "stat"):
            assert f"word of {one['id']}" in seen.text or "42" in seen.text


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_without_a_result_have_the_dashboards_words_for_it(name: str) -> None:
    dashboard = golden(name)
    page = read(dashboard, {one["id"]: result() for one in dashboard["panels"]})
    for seen in page.all("section"):
        one = next(one for one in dashboard["panels"] if f"panel-{one['id']}" == seen.attributes["id"])
        assert seen.all(css="empty")[0].text == one["fieldConfig"]["defaults"]["noValue"]
    assert "No data" in draw(panel("table")).text


def test_a_panel_that_fails_says_why_and_spoils_no_other() -> None:
    error = {"A": {"error": "db query error: Error 1146: Table 'voice.x' doesn't exist", "status": 500, "frames": []}}
    good = panel("stat") | {"id": 2}
    page = read({"panels": [panel("table"), good]}, {1: error, 2: result(frame({"v": "number"}, [7]))})
    first, second = page.all("section")
    assert first.all(css="error")[0].text == error["A"]["error"]
    assert not first.all(css="empty")
    assert second.all("dd")[0].text == "7"
    assert not second.all(css="error")


def test_panels_stand_where_the_dashboard_has_them_and_are_read_in_that_order() -> None:
    places = {"right": (12, 5, 12, 4), "below": (0, 13, 24, 4), "left": (0, 5, 12, 8), "right below": (12, 9, 12, 4)}
    panels = [
        {"id": name, "type": "table", "title": name, "gridPos": dict(zip("xywh", place, strict=True))}
        for name, place in places.items()
    ]
    seen = read({"panels": panels}, {}).all("section")
    assert [one.attributes["style"] for one in seen] == [
        "grid-area: 1 / 1 / 3 / span 12",
        "grid-area: 1 / 13 / 2 / span 12",
        "grid-area: 2 / 13 / 3 / span 12",
        "grid-area: 3 / 1 / 4 / span 24",
    ]
    assert [one.all("h2")[0].text for one in seen] == ["left", "right", "right below", "below"]


def link_of(url: str, value: object = "x", *, view: View = VIEW, new_tab: bool = False) -> Element | None:
    one = panel("table", columns={"Name": {"links": [{"title": "Open", "url": url, "targetBlank": new_tab}]}})
    found = draw(one, frame({"Name": "string", "Key": "string"}, ["shown"], [value]), view=view).all("a")
    return found[0] if found else None


def test_links_of_our_dashboards_lead_to_dashboards_and_to_the_portal() -> None:
    inside = link_of("/d/${__data.fields.Key}/-?orgId=${__org.id}&${__url_time_range}", "vp-1")
    assert inside
    assert inside.attributes["href"] == "/grafana/d/vp-1/-?orgId=7&from=now-1h&to=now&kiosk="
    assert "target" not in inside.attributes
    outside = link_of("https://voice.example/c/acme/probes/p/calls/${__data.fields.Key}/", "a/../b?c#d", new_tab=True)
    assert outside
    assert outside.attributes["href"] == "https://voice.example/c/acme/probes/p/calls/a%2F..%2Fb%3Fc%23d/"
    assert (outside.attributes["target"], outside.attributes["rel"]) == ("_blank", "noopener")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/\\evil.example",
        "http:evil",
        "https://[x",
        "relative",
        "",
        "${__data.fields.Key}",
        "/d/${__data.fields.Nothing}/",
        "/d/${unknown}/",
    ],
)
def test_what_is_no_address_of_a_page_is_no_link(url: str) -> None:
    assert link_of(url, "javascript:alert(1)") is None
    assert link_of("/d/${__data.fields.Key}/", None) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_value_leaves_the_place_that_a_link_has_for_it(template: str, value: str) -> None:
    for url in (template, f"/d/{template}", f"https://voice.example/{template}", "/d/${__data.fields.Key}/-"):
        if link := link_of(url, value):
            assert re.match(r"/grafana(/(?!/)|$)|https?://[^/]", link.attributes["href"])


HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1),
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title>&amp;", "'{{ x }}{% y %}"]
    ),
)


@given(HOSTILE)
def test_nothing_from_the_dashboard_or_the_database_is_markup(text: str) -> None:
    config = {"unit": f"suffix:{text}", "noValue": text, "links": [{"title": text, "url": f"/{text}"}]}
    words = [{"type": "value", "options": {text: {"text": text, "color": text}}}]
    answers = {
        "table": frame({text: "string", "": "number"}, [text], [1]),
        "stat": frame({text: "string"}, [text]),
        "timeseries": frame({"": "time", text: "number"}, TIMES, [1, 2, 3, 4]),
        "state-timeline": frame({"": "time", text: "number"}, TIMES, [1, 2, 1, 2]),
        text: frame({text: "string"}, [text]),
    }
    steps = {"steps": [{"color": text, "value": None}, {"color": text, "value": 1}]}
    panels = [
        panel(kind, {**config, "mappings": words, "thresholds": steps, "color": {"mode": "fixed", "fixedColor": text}})
        | {"id": number, "title": text, "description": text, "timeFrom": text}
        for number, kind in enumerate(answers)
    ]
    results = {number: result(answer) | {"B": {"error": text}} for number, answer in enumerate(answers.values())}
    dashboard = {"title": text, "timezone": text, "refresh": text, "panels": panels}
    page = read(dashboard, results, View(END, END, {"theme": text, "refresh": text, "kiosk": text, "from": text}))
    assert {one.tag for one in page.all()} <= TAGS
    assert all(not name.startswith("on") for one in page.all() for name in one.attributes)
    (script,) = page.all("script")
    assert (script.text, script.attributes["src"]) == ("", "/grafana/public/preview.js")
    assert page.all("h1")[0].text == text
    for seen in page.all("section"):
        assert seen.all("h2")[0].text == text
        assert seen.all(css="error")[0].text == text
        assert seen.text.count(text) >= 3
    assert set(re.findall(r"c-(\w+)", " ".join(" ".join(one.css) for one in page.all()))) <= set(COLOURS)


def test_a_browsers_queries_are_asked() -> None:
    target = {"refId": "A", "rawSql": "SELECT 1", "format": "time_series", "datasource": {"uid": "voice-cdr"}}
    one = panel("timeseries", interval="5m", maxDataPoints=48, targets=[target])
    start, end = (round((END - timedelta(hours=hours)).timestamp() * 1000) for hours in (1, 0))
    asked = preview.queries(one, VIEW)
    assert asked == {
        "queries": [target | {"intervalMs": 300_000, "maxDataPoints": 48}],
        "from": str(start),
        "to": str(end),
    }
    month = preview.queries(panel("table", timeFrom="28d", targets=[target]), VIEW)
    assert month["from"] == str(end - 28 * 86_400_000)
    assert month["queries"][0]["intervalMs"] == 60_000
    assert preview.queries(panel("text"), VIEW)["queries"] == []


def test_the_time_shown_is_the_addresss_or_else_the_dashboards() -> None:
    dashboard = {"time": {"from": "now-24h", "to": "now"}}
    assert preview.time_range(dashboard, {}) == ("now-24h", "now")
    assert preview.time_range(dashboard, {"from": "now-7d"}) == ("now-7d", "now")
    assert preview.time_range({}, {}) == ("now-6h", "now")


@pytest.mark.parametrize(
    ("asked", "own", "seconds"), [("1m", "", 60), (None, "30s", 30), ("", "1m", 0), ("1ms", "", 5)]
)
def test_it_is_refreshed_without_a_program_too(asked: str | None, own: str, seconds: int) -> None:
    view = View(END, END, {} if asked is None else {"refresh": asked})
    page = read({"refresh": own, "panels": []}, {}, view)
    found = [one.attributes["content"] for one in page.all("noscript") for one in one.all("meta")]
    assert found == ([str(seconds)] if seconds else [])
    assert page.all("script")[0].attributes.get("data-every") == (str(seconds) if seconds else None)


def test_a_page_that_says_one_thing_has_a_script_as_grafanas_pages_have() -> None:
    page = preview.notice("Nothing <here>", "No dashboard that you may see.", VIEW)
    assert "<script" in page
    assert Reader(page).root.all("main")[0].text.strip() == "No dashboard that you may see."


def test_what_the_page_needs_is_there_and_nothing_else() -> None:
    page = read({}, {})
    needed = [one.attributes["src"] for one in page.all("script")]
    needed += [one.attributes["href"] for one in page.all("link") if one.attributes["rel"] == "stylesheet"]
    kinds = {preview.static(url.removeprefix("/grafana/public/"))[1] for url in needed}  # type: ignore[index]
    assert kinds == {"text/css; charset=utf-8", "text/javascript; charset=utf-8"}
    assert preview.static("page.py") is None
    assert preview.static("../state.py") is None
