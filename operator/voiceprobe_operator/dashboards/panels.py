"""Typed parts of a Grafana dashboard: a panel is a value, and `model()` is Grafana's JSON of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voiceprobe_operator.model import Threshold

Json = dict[str, Any]
HEALTH_COLOURS = {
    "Healthy": "green",
    "Degraded": "orange",
    "Unhealthy": "red",
    "NoData": "text",
    "Suspended": "blue",
}
# As numbers are best read; what is not here, Grafana decides. It makes 2 s of 1.6 s where it may not show decimals.
MILLISECONDS = "suffix: ms"
_DECIMALS = {"none": 2, "percent": 2, "ms": 1, MILLISECONDS: 0}
_OVER_TIME = ("timeseries", "state-timeline")
# Columns share what room there is; Grafana's own 150 would have every table scrolled sideways.
_LEAST_WIDTH = 60
# Most intervals of a time range for what is counted: shares of few calls say nothing, and thin bars are hard to see.
FEW = 48
# Where no call was made for longer, a state timeline shows a gap.
_LONGEST_PAUSE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Bands:
    """Colours of good, degraded and unhealthy values."""

    threshold: Threshold
    higher_is_better: bool = False

    def steps(self) -> list[Json]:
        """Grafana's threshold steps, the first of which has no lower bound."""
        warning, critical = float(self.threshold.warning), float(self.threshold.critical)
        if self.higher_is_better:
            return [_step("red", None), _step("orange", critical), _step("green", warning)]
        return [_step("green", None), _step("orange", warning), _step("red", critical)]


def _step(colour: str, value: float | None) -> Json:
    return {"color": colour, "value": value}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is, in Grafana's grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, and how the answer is read."""

    kind: Literal["timeseries", "stat", "table", "state-timeline"]
    title: str
    description: str
    sql: str
    place: Place
    unit: str = "none"
    bands: Bands | None = None
    no_data: str = "No calls in this time range"
    minimum: float | None = 0
    maximum: float | None = None
    text: bool = False
    stacked: bool = False
    # What is particular to a column or series: by its name, or by a /pattern/ of names.
    columns: Mapping[str, Json] = field(default_factory=dict)
    # Shortest interval of a time series (such as "15m"): shorter ones would hold too few calls to condense.
    interval: str | None = None
    # Most intervals of a time range, however wide the panel: percentiles of single calls say nothing.
    points: int = 150
    # A time range of its own (such as "28d"), whatever the dashboard shows.
    span: str | None = None
    # Every cell of a table in the colour of its band.
    judged: bool = False

    def model(self, number: int, datasource_uid: str) -> Json:
        """Grafana's JSON of this panel, the `number`th of its dashboard."""
        datasource = {"type": "mysql", "uid": datasource_uid}
        model: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource,
            "gridPos": {"x": self.place.x, "y": self.place.y, "w": self.place.w, "h": self.place.h},
            "targets": [self._target(datasource)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
        }
        if self.interval is not None:
            model["interval"] = self.interval
        if self.kind in _OVER_TIME:
            model["maxDataPoints"] = self.points
        if self.span is not None:
            model["timeFrom"] = self.span
        return model

    def _target(self, datasource: Json) -> Json:
        return {
            "refId": "A",
            "datasource": datasource,
            "format": "time_series" if self.kind in _OVER_TIME else "table",
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self.sql,
        }

    def _defaults(self) -> Json:
        defaults: Json = {"unit": "string" if self.text else self.unit, "noValue": self.no_data}
        if self.kind == "timeseries":
            defaults |= {"min": self.minimum}
        if self.maximum is not None:
            defaults["max"] = self.maximum
        if self.unit in _DECIMALS and self.kind != "timeseries" and not self.text:
            defaults["decimals"] = _DECIMALS[self.unit]
        plain = _step("text" if self.kind == "stat" else "green", None)
        defaults["thresholds"] = {"mode": "absolute", "steps": self.bands.steps() if self.bands else [plain]}
        if self.bands and self.kind != "timeseries":
            defaults["mappings"] = [_unmeasured("transparent")]
        if self.text:
            defaults["mappings"] = health_mappings()
        if self.kind == "state-timeline":
            defaults["mappings"] = health_numbers()
        # Grafana 12 overlooks a table's overrides of `custom` where the defaults have none.
        return defaults | {"custom": self._drawing()}

    def _drawing(self) -> Json:
        if self.kind == "table":
            cells = SOLID if self.judged else PLAIN
            return {"align": "auto", "cellOptions": cells, "minWidth": _LEAST_WIDTH}
        if self.kind == "state-timeline":
            return {"fillOpacity": 80, "lineWidth": 0, "spanNulls": _LONGEST_PAUSE_MS}
        if self.kind == "stat":
            return {}
        if self.stacked:
            return {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
        # Calls are minutes apart: the points are the measurements, the line only leads the eye.
        # Where another series has a point and this one none, it goes on.
        drawing: Json = {"drawStyle": "line", "showPoints": "auto", "pointSize": 5, "spanNulls": True}
        return drawing | {"thresholdsStyle": {"mode": "area" if self.bands else "off"}}

    def _options(self) -> Json:
        legend = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
        if self.kind == "timeseries":
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "none"}}
        if self.kind == "state-timeline":
            drawn = {"mergeValues": True, "showValue": "never", "rowHeight": 0.8, "alignValue": "left"}
            return {"legend": legend, "tooltip": {"mode": "single", "sort": "none"}, **drawn}
        if self.kind == "table":
            return {"showHeader": True, "cellHeight": "sm"}
        return {
            "colorMode": "background" if self.text or self.bands else "value",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/" if self.text else "", "values": False},
        }

    def _overrides(self) -> list[Json]:
        overrides = [
            _override("byRegexp" if name.startswith("/") else "byName", name, properties)
            for name, properties in self.columns.items()
        ]
        if self.kind != "table":
            return overrides
        # The text for an empty table would otherwise stand in every empty cell of a full one.
        return [_override("byRegexp", "/.*/", {"noValue": "–"}), *overrides]


def _unmeasured(colour: str) -> Json:
    """Value mapping of what is not there, which would have the colour of the first band: the worst one of MOS."""
    return {"type": "special", "options": {"match": "null", "result": {"text": "–", "color": colour, "index": 0}}}


def _override(matcher: str, options: str, properties: Json) -> Json:
    changes = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": changes}


def health_mappings() -> list[Json]:
    """Grafana's value mappings that colour the words for health."""
    options = {word: {"color": colour, "index": i} for i, (word, colour) in enumerate(HEALTH_COLOURS.items())}
    return [{"type": "value", "options": options}]


def health_numbers() -> list[Json]:
    """Value mappings that give the numbers of a state timeline, 1 to 3, their words for health and the colours."""
    words = list(HEALTH_COLOURS.items())[:3]
    options = {
        str(number): {"text": word, "color": colour, "index": number} for number, (word, colour) in enumerate(words, 1)
    }
    return [{"type": "value", "options": options}]


def health_columns() -> dict[str, Json]:
    """Overrides of columns that count the probes of each health, each in the colour of the word."""
    return {word: {**coloured(colour), "decimals": 0} for word, colour in HEALTH_COLOURS.items()}


def health_cell() -> Json:
    """Override of a table column that holds the words for health."""
    return {"mappings": health_mappings(), "custom.cellOptions": SOLID, "custom.width": 100}


def wide(pixels: int) -> Json:
    """Override of a table column: as wide as this. The columns that say nothing share the rest."""
    return {"custom.width": pixels}


def coloured(hue: str) -> Json:
    """Override of a series: its colour, one of Grafana's by name."""
    return {"color": {"mode": "fixed", "fixedColor": hue}}


def banded(unit: str, bands: Bands, decimals: int = 2) -> Json:
    """Override of a table column: unit, and its text in the colour of its band."""
    return {
        "unit": unit,
        "decimals": decimals,
        "thresholds": {"mode": "absolute", "steps": bands.steps()},
        "mappings": [_unmeasured("text")],
        "custom.cellOptions": {"type": "color-text"},
    }


def measure(unit: str, decimals: int = 0) -> Json:
    """Override of a column: its unit."""
    return {"unit": unit, "decimals": decimals}


def linked(title: str, url: str, *, new_tab: bool) -> Json:
    """Override of a table column whose cells lead to `url`, in which `${__data.fields.X}` is column X of the row."""
    return {"links": [{"title": title, "url": url, "targetBlank": new_tab}]}


DASHED: Json = {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}
PLAIN: Json = {"type": "auto"}
SOLID: Json = {"type": "color-background", "mode": "basic"}
# Said twice: Grafana 12.1 and older know the first word alone, 12.2 and newer the second, and each overlooks the other.
HIDDEN: Json = {"custom.hidden": True, "custom.hideFrom.viz": True}
