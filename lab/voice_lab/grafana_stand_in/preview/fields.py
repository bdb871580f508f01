"""The columns of a result, and how the dashboard wants their values to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voice_lab.grafana_stand_in.preview.units import Clock, text_of
from voice_lab.grafana_stand_in.preview.view import Json

COLOURS = ("green", "orange", "red", "blue", "purple", "yellow")
_BEYOND = 1e15
"""Not drawn: nothing that is measured is as large."""


@dataclass(frozen=True)
class Shown:
    """A value in words, and its colour: one of COLOURS, or "". `judged`: a threshold gave the colour."""

    text: str
    colour: str = ""
    judged: bool = False


@dataclass(frozen=True)
class Field:
    """A column of a result. `config` is what the dashboard says of it, by dotted names (`custom.hidden`)."""

    name: str
    kind: str
    values: Sequence[Any]
    config: Json

    @property
    def is_hidden(self) -> bool:
        """Whether the dashboard leaves it out of what is seen."""
        return bool(self.config.get("custom.hidden") or self.config.get("custom.hideFrom", {}).get("viz"))

    @property
    def cells(self) -> str:
        """How cells of a table are coloured: `auto` (not at all), `color-text`, `color-background…`."""
        return str((self.config.get("custom.cellOptions") or {}).get("type", "auto"))

    def show(self, value: object, clock: Clock) -> Shown:
        """A value as a person reads it."""
        mapped = _mapped(self.config, value)
        text, colour, judged = (mapped or {}).get("text"), (mapped or {}).get("color"), False
        fixed = self.config.get("color") or {}
        if colour is None and fixed.get("mode") == "fixed":
            colour = fixed.get("fixedColor")
        if colour is None and (number := number_of(value)) is not None:
            limits = steps(self.config)
            colour, judged = step(limits, number), len(limits) > 1
        if text is None:
            unit, decimals = str(self.config.get("unit") or "none"), self.config.get("decimals")
            empty = str(self.config.get("noValue") or "–")
            text = empty if value is None else text_of(value, self.kind, unit, decimals, clock)
        return Shown(str(text), hue(colour), judged)

    def numbers(self) -> list[float | None]:
        """The values, as far as they can be drawn."""
        return [number_of(value) for value in self.values]


def number_of(value: object) -> float | None:
    """`value`, if it is a number that can be drawn."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _BEYOND:
        return None
    return float(value)


def hue(colour: object) -> str:
    """A colour's name in Grafana, if it is one of COLOURS; "" for every other."""
    return str(colour) if colour in COLOURS else ""


def steps(config: Json) -> list[tuple[float | None, str]]:
    """The thresholds: from which value on which colour; the first has no lower end."""
    return [(one.get("value"), str(one.get("color"))) for one in (config.get("thresholds") or {}).get("steps") or ()]


def step(limits: Sequence[tuple[float | None, str]], value: float) -> str | None:
    """The colour that thresholds give a value."""
    return next((colour for least, colour in reversed(limits) if least is None or value >= least), None)


def frames(result: Json) -> Iterator[Json]:
    """The frames of all queries of a panel that have columns."""
    for one in result.values():
        yield from (frame for frame in one.get("frames") or () if frame["schema"]["fields"])


def fields(panel: Json, frame: Json) -> list[Field]:
    """The columns of a frame, as a panel reads them."""
    given = panel.get("fieldConfig") or {}
    found = []
    for column, values in zip(frame["schema"]["fields"], frame["data"]["values"], strict=True):
        name = column.get("name", "")
        config = dict(_flat(given.get("defaults") or {}))
        for override in given.get("overrides") or ():
            if _matches(override["matcher"], name):
                config |= _flat({change["id"]: change.get("value") for change in override["properties"]})
        found.append(Field(name, column.get("type", "string"), values, config))
    return found


def _flat(config: Json) -> dict[str, Any]:
    """What is in `custom` beside the rest, by dotted names, as overrides spell it."""
    custom = {f"custom.{key}": value for key, value in (config.get("custom") or {}).items()}
    return {key: value for key, value in config.items() if key != "custom"} | custom


def _matches(matcher: Json, name: str) -> bool:
    wanted = str(matcher.get("options", ""))
    return re.search(wanted.strip("/"), name) is not None if matcher.get("id") == "byRegexp" else wanted == name


def _mapped(config: Json, value: object) -> Mapping[str, Any] | None:
    """What a value mapping makes of `value`, if there is one for it."""
    spelt = f"{value:g}" if isinstance(value, float) else str(value)
    for mapping in config.get("mappings") or ():
        options = mapping.get("options") or {}
        if mapping.get("type") == "value" and value is not None and spelt in options:
            return {"text": spelt, **options[spelt]}
        if mapping.get("type") == "special" and value is None and "null" in str(options.get("match")):
            return dict(options.get("result") or {})
    return None
