"""What is asked for a page, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Json = Mapping[str, Any]

THEMES = ("light", "dark")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
# What a browser asks for: at least a minute, which is MySQL's default there, and 500 points where a panel says nothing.
_LEAST_INTERVAL_MS, _POINTS = 60_000, 500
_LONGEST = timedelta(days=3653)
_KEPT = ("orgId", "kiosk", "theme", "refresh")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_FIELD = re.compile(r"__data\.fields(?:\.(\w+)|\[[\"']([^\"']+)[\"']\])")


@dataclass(frozen=True)
class View:
    """How a dashboard is looked at.

    Attributes:
        query: the parameters of the page's address.
        root: the path that Grafana is below, without a slash at the end.
        dashboards: those of the organisation, as a search answers them, for the links of a dashboard.
        now: when it is looked at, if that is not the end of the time shown.
    """

    start: datetime
    end: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    root: str = "/grafana"
    dashboards: Sequence[Json] = ()
    now: datetime | None = None

    @property
    def theme(self) -> str:
        """`light`, `dark`, or `system`: as the browser likes it."""
        asked = self.query.get("theme", "")
        return asked if asked in THEMES else "system"

    @property
    def is_kiosk(self) -> bool:
        """Whether it stands in a frame: nothing leads out of it."""
        return "kiosk" in self.query

    def address(self, url: str) -> str | None:
        """`url` as the target of a link: a web page's, or a path of Grafana's own. None for everything else."""
        if any(character <= " " or character in "\\\x7f" for character in url):
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        if parts.scheme in ("http", "https") and parts.hostname:
            return url
        if parts.scheme or parts.netloc or not url.startswith("/") or url.startswith("//"):
            return None
        path = parts.path if f"{parts.path}/".startswith(f"{self.root}/") else self.root + parts.path
        query = parse_qsl(parts.query, keep_blank_values=True)
        if path.startswith(f"{self.root}/d/"):
            known = dict(query)
            query += [(name, self.query[name]) for name in _KEPT if name in self.query and name not in known]
        return path + (f"?{urlencode(query)}" if query else "") + (f"#{parts.fragment}" if parts.fragment else "")

    def data_link(self, template: str, row: Mapping[str, Any], value: object) -> str | None:
        """The address of a link of a cell: in `template`, `${__data.fields.X}` is column X of the cell's row."""
        # As it was asked for: `now` stays now.
        known = {"__url_time_range": urlencode({name: self.query.get(name, "") for name in ("from", "to")})}

        def put(variable: re.Match[str]) -> str:
            if of_row := _FIELD.fullmatch(variable[1]):
                return _quoted(row[of_row[1] or of_row[2]])
            return _quoted(value) if variable[1] == "__value.raw" else known[variable[1]]

        try:
            return self.address(_VARIABLE.sub(put, template))
        except KeyError:
            return None


def _quoted(value: object) -> str:
    """A value as part of an address; KeyError if there is none to link to."""
    if value is None:
        raise KeyError
    return quote(str(value), safe="")


def time_range(dashboard: Json, query: Mapping[str, str]) -> tuple[str, str]:
    """From when to when a dashboard is shown, in Grafana's words: what its address says, or else the dashboard."""
    own = {"from": "now-6h", "to": "now", **(dashboard.get("time") or {})}
    start, end = (query.get(name) or str(own[name]) for name in ("from", "to"))
    return start, end


def span(words: object) -> timedelta | None:
    """`5m`, `28d`, `now-1h` as a length of time, of ten years at most."""
    found = re.fullmatch(r"(?:now-)?(\d{1,6})(ms|[smhdwMy])", str(words))
    return min(timedelta(seconds=int(found[1]) * _UNITS_S[found[2]]), _LONGEST) if found else None


def refresh(dashboard: Json, view: View) -> int:
    """How often the page is asked for again, in seconds; 0 for never."""
    every = span(view.query.get("refresh", dashboard.get("refresh") or ""))
    return min(max(5, round(every.total_seconds())), 86400) if every else 0


def shown(dashboard: Json, view: View) -> list[Json]:
    """The panels to show, in order: from top to bottom, from left to right. One alone, if the address says so."""
    panels = [panel for panel in dashboard.get("panels") or () if isinstance(panel, Mapping)]
    one = [panel for panel in panels if str(panel.get("id")) == view.query.get("viewPanel")]
    return one or sorted(panels, key=lambda panel: place(panel)[1::-1])


def place(panel: Json) -> tuple[int, int, int, int]:
    """Column, row, width and height in a grid of 24 columns."""
    given = panel.get("gridPos") or {}
    x, y, w, h = (int(given.get(key) or default) for key, default in (("x", 0), ("y", 0), ("w", 24), ("h", 8)))
    return min(max(x, 0), 23), max(y, 0), min(max(w, 1), 24 - min(max(x, 0), 23)), max(h, 1)


def times(panel: Json, view: View) -> tuple[datetime, datetime]:
    """From when to when a panel shows: a panel may have a length of time of its own."""
    own = span(panel.get("timeFrom"))
    return (view.end - own if own else view.start), view.end


def queries(panel: Json, view: View) -> dict[str, Any]:
    """What a browser would ask `/api/ds/query` for a panel; nothing, if its `queries` are none."""
    start, end = times(panel, view)
    least = span(panel.get("interval"))
    paced = {
        "intervalMs": round(least.total_seconds() * 1000) if least else _LEAST_INTERVAL_MS,
        "maxDataPoints": panel.get("maxDataPoints") or _POINTS,
    }
    asked = [
        {"datasource": panel.get("datasource"), **target, **paced}
        for target in panel.get("targets") or ()
        if not target.get("hide")
    ]
    return {"queries": asked, "from": _ms(start), "to": _ms(end)}


def _ms(at: datetime) -> str:
    return str(round(at.timestamp() * 1000))
