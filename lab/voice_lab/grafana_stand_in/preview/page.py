"""The page of a dashboard as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from django.template import Context, Engine

from voice_lab.grafana_stand_in.preview import drawing
from voice_lab.grafana_stand_in.preview.fields import Field, Shown, fields, frames, hue, steps
from voice_lab.grafana_stand_in.preview.static import HERE
from voice_lab.grafana_stand_in.preview.units import Clock, unit_name, zone_of
from voice_lab.grafana_stand_in.preview.view import Json, View, panels_of, place, refresh, time_range, times

NO_DATA = "No data"
_MOST_ROWS = 500


@dataclass(frozen=True)
class Cell:
    """A cell of a table. `at`: the moment that its text tells, as machines read it."""

    text: str
    css: str
    link: str | None
    is_new_tab: bool
    about: str
    at: str


def render(dashboard: Json, results: Mapping[int, Json], view: View) -> str:
    """The page of a dashboard. `results` holds of each panel what `/api/ds/query` answers as its `results`."""
    start, end = time_range(dashboard, view.query)
    view = replace(view, query={**view.query, "from": start, "to": end})
    clock = Clock(view.end, zone_of(dashboard.get("timezone")))
    panels = panels_of(dashboard)
    edges = sorted({edge for _, y, _, h in map(place, panels) for edge in (y, y + h)})
    return _page(
        view,
        title=str(dashboard.get("title", "")),
        time=_time(view, clock),
        every=refresh(dashboard, view),
        panels=[
            {**_panel(panel, results.get(panel.get("id", 0), {}), view, clock), "area": _area(panel, edges)}
            for panel in panels
        ],
        empty="" if panels else "This dashboard has no panels.",
    )


def notice(title: str, text: str, view: View) -> str:
    """A page that says one thing."""
    return _page(view, title=title, empty=text)


def _page(view: View, **content: object) -> str:
    context = Context({**content, "root": view.root}, use_l10n=False, use_tz=False)
    return str(_engine().get_template("preview.html").render(context))


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(HERE)], autoescape=True)


def _time(view: View, clock: Clock) -> str:
    start, end = view.start.astimezone(clock.zone), view.end.astimezone(clock.zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%b %H:%M}"
    return f"{start.day} {start:%b %Y, %H:%M} to {until}, {clock.zone}"


def _area(panel: Json, edges: Sequence[int]) -> str:
    """Where a panel stands in the grid. Rows are as high as what is in them."""
    x, y, w, h = place(panel)
    return f"{edges.index(y) + 1} / {x + 1} / {edges.index(y + h) + 1} / span {w}"


def _panel(panel: Json, result: Json, view: View, clock: Clock) -> dict[str, object]:
    """What the template says of a panel."""
    defaults = (panel.get("fieldConfig") or {}).get("defaults") or {}
    tables = [fields(panel, frame) for frame in frames(result)]
    content = _content(panel, [columns for columns in tables if any(one.values for one in columns)], view, clock)
    errors = [str(one["error"]) for one in result.values() if one.get("error")]
    return content | {
        "id": panel.get("id"),
        "title": str(panel.get("title") or ""),
        "unit": unit_name(defaults.get("unit")),
        "description": str(panel.get("description") or ""),
        "kind": panel.get("type"),
        "errors": errors,
        "limits": _limits(panel),
        "empty": "" if content or errors else str(defaults.get("noValue") or NO_DATA),
        "notes": _notes(panel, result),
    }


def _content(panel: Json, tables: Sequence[Sequence[Field]], view: View, clock: Clock) -> dict[str, object]:
    """The result of a panel as its type has it; as a table, if the chart functions cannot draw it. Empty for none."""
    start, end = sorted(at.astimezone(clock.zone) for at in times(panel, view))
    end = max(end, start + timedelta(seconds=1))
    found: object = None
    match panel.get("type"):
        case "stat":
            return {"stats": stats} if (stats := _stats(panel, tables, clock)) else {}
        case "timeseries":
            found = drawing.chart(str(panel.get("title")), tables, start, end, clock)
            return {"chart": found} if found else {}
        case "state-timeline":
            found = drawing.timeline(tables, start, end, clock)
    if found:
        return {"timeline": found}
    return {"tables": [_table(columns, view, clock) for columns in tables]} if tables else {}


def _stats(panel: Json, tables: Sequence[Sequence[Field]], clock: Clock) -> list[tuple[str, Shown, str]]:
    """Name, value and classes of each column's last value; of those that are numbers, unless the panel says all."""
    options = panel.get("options") or {}
    is_any = bool((options.get("reduceOptions") or {}).get("fields"))
    seen = [one for columns in tables for one in columns if not one.is_hidden]
    columns = [one for one in seen if is_any or one.kind == "number"]
    found = []
    for one in columns:
        last = next((value for value in reversed(one.values) if value is not None), None)
        value = one.show(last, clock)
        found.append((one.name if len(columns) > 1 else "", value, _css(value, str(options.get("colorMode")))))
    return found


def _table(columns: Sequence[Field], view: View, clock: Clock) -> dict[str, object]:
    """Headings, rows, and how many rows there are."""
    seen = [one for one in columns if not one.is_hidden]
    many = len(columns[0].values)
    rows = []
    for index in range(min(many, _MOST_ROWS)):
        row = {one.name: one.values[index] for one in columns}
        rows.append([_cell(one, row, one.values[index], view, clock) for one in seen])
    return {"headings": [(one.name, one.kind == "number") for one in seen], "rows": rows, "left_out": many - len(rows)}


def _cell(field: Field, row: Mapping[str, Any], value: object, view: View, clock: Clock) -> Cell:
    is_number = field.kind == "number"
    shown = field.show(value, clock)
    at = clock.at(value) if field.kind == "time" and value is not None else None
    link: Json = next(iter(field.config.get("links") or ()), {})
    return Cell(
        text=shown.text,
        css=f"{_css(shown, field.cells)} {'n' if is_number else ''}".strip(),
        link=view.data_link(str(link.get("url", "")), row) if link else None,
        is_new_tab=bool(link.get("targetBlank")),
        about=str(link.get("title") or ""),
        at=at.isoformat() if at else "",
    )


def _css(shown: Shown, mode: str) -> str:
    """Classes of a value. `mode` is Grafana's word for what is coloured: its text, its background, or nothing."""
    if not shown.colour or mode in ("auto", "none"):
        return ""
    return f"c-{shown.colour}{' fill' if 'background' in mode else ''}{' judged' if shown.judged else ''}"


def _limits(panel: Json) -> list[tuple[str, list[tuple[str, str]]]]:
    """The thresholds in words: of which columns ("" for all), and for each colour its class and where it begins."""
    given = panel.get("fieldConfig") or {}
    configs = [("", given.get("defaults") or {})]
    for override in given.get("overrides") or ():
        configs.append((str(override["matcher"].get("options")), {p["id"]: p["value"] for p in override["properties"]}))
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, config in configs:
        words = _words(steps(config), unit_name(config.get("unit")))
        if len(words) > 1:
            found.setdefault(words, []).append(name)
    return [(", ".join(filter(None, names)), list(words)) for words, names in found.items()]


def _words(limits: Sequence[tuple[float | None, str]], unit: str) -> tuple[tuple[str, str], ...]:
    words = []
    for index, (least, colour) in enumerate(limits):
        edge, which = (limits[index + 1][0], "below") if least is None and len(limits) > 1 else (least, "from")
        words.append((f"c-{hue(colour)}", f"{colour} {which} {edge or 0:,g} {unit}".strip()))
    return tuple(words)


def _notes(panel: Json, result: Json) -> list[str]:
    """What is to be known of a panel beside its data."""
    notes = [f"The last {panel['timeFrom']}, whatever the dashboard shows."] if panel.get("timeFrom") else []
    given = [notice for frame in frames(result) for notice in frame["schema"].get("meta", {}).get("notices") or ()]
    return notes + [str(one.get("text")) for one in given]
