"""Typed parts of a Grafana dashboard: a panel is a value, and `model()` is Grafana's JSON of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voiceprobe_operator import names
from voiceprobe_operator.model import Threshold

Json = dict[str, Any]
DATASOURCE = {"type": "mysql", "uid": names.DATASOURCE_UID}
HEALTH_COLOURS = {
    "Healthy": "green",
    "Degraded": "orange",
    "Unhealthy": "red",
    "NoData": "text",
    "Suspended": "blue",
}
_DECIMALS = {"none": 2}


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

    kind: Literal["timeseries", "stat", "table"]
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
    columns: Mapping[str, Json] = field(default_factory=dict)

    def model(self, number: int) -> Json:
        """Grafana's JSON of this panel, the `number`th of its dashboard."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": self.place.x, "y": self.place.y, "w": self.place.w, "h": self.place.h},
            "targets": [self._target()],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
        }

    def _target(self) -> Json:
        return {
            "refId": "A",
            "datasource": DATASOURCE,
            "format": "time_series" if self.kind == "timeseries" else "table",
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self.sql,
        }

    def _defaults(self) -> Json:
        defaults: Json = {"unit": "string" if self.text else self.unit, "noValue": self.no_data}
        if self.kind == "timeseries":
            defaults |= {"min": self.minimum, "custom": self._drawing()}
        if self.maximum is not None:
            defaults["max"] = self.maximum
        if self.unit in _DECIMALS and self.kind == "stat" and not self.text:
            defaults["decimals"] = _DECIMALS[self.unit]
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": self.bands.steps() if self.bands else [_step("text" if self.kind == "stat" else "green", None)],
        }
        if self.text:
            defaults["mappings"] = health_mappings()
        return defaults

    def _drawing(self) -> Json:
        if self.stacked:
            return {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
        # Calls are minutes apart: the points are the measurements, the line only leads the eye.
        drawing: Json = {"drawStyle": "line", "showPoints": "always", "pointSize": 5, "spanNulls": False}
        return drawing | {"thresholdsStyle": {"mode": "area" if self.bands else "off"}}

    def _options(self) -> Json:
        if self.kind == "timeseries":
            return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        if self.kind == "table":
            return {"showHeader": True, "cellHeight": "sm"}
        fields = "/.*/" if self.text else ""
        return {
            "colorMode": "background" if self.text or self.bands else "value",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
        }

    def _overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": key, "value": value} for key, value in properties.items()],
            }
            for name, properties in self.columns.items()
        ]


def health_mappings() -> list[Json]:
    """Grafana's value mappings that colour the words for health."""
    options = {word: {"color": colour, "index": i} for i, (word, colour) in enumerate(HEALTH_COLOURS.items())}
    return [{"type": "value", "options": options}]


def banded(unit: str, bands: Bands, decimals: int = 2) -> Json:
    """Override of a table column: unit, and its text in the colour of its band."""
    return {
        "unit": unit,
        "decimals": decimals,
        "thresholds": {"mode": "absolute", "steps": bands.steps()},
        "custom.cellOptions": {"type": "color-text"},
    }
