"""What is asked for a page, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from voice_lab.grafana_stand_in import durations

Json = Mapping[str, Any]

# What a browser asks for: at least a minute, which is MySQL's default there, and 500 points where a panel says nothing.
_LEAST_INTERVAL_MS, _POINTS = 60_000, 500
_LONGEST_MS = 10 * durations.UNITS["y"]
_KEPT = ("orgId", "kiosk", "theme", "refresh")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class View:
    """How a dashboard is looked at.

    Attributes:
        query: the parameters of the page's address.
        root: the path that Grafana is below, without a slash at the end.
        org: the number of the organisation that it is looked at in.
    """

    start: datetime
    end: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    root: str = "/grafana"
    org: int = 1

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
        own = dict(parse_qsl(parts.query, keep_blank_values=True))
        kept = {name: self.query[name] for name in _KEPT if name in self.query}
        query = urlencode({**own, **kept, **own})
        return f"{self.root}{parts.path}{query and '?'}{query}"

    def data_link(self, template: str, row: Mapping[str, Any]) -> str | None:
        """The address of a link of a cell: in `template`, `${__data.fields.X}` is column X of the cell's row.

        `${__org.id}` and `${__url_time_range}` are there too.
        """
        known = {
            f"__data.fields.{name}": quote(str(value), safe="") for name, value in row.items() if value is not None
        }
        known["__org.id"] = str(self.org)
        # As it was asked for: `now` stays now.
        known["__url_time_range"] = urlencode({name: self.query.get(name, "") for name in ("from", "to")})
        try:
            return self.address(_VARIABLE.sub(lambda variable: known[variable[1]], template))
        except KeyError:
            return None


def time_range(dashboard: Json, query: Mapping[str, str]) -> tuple[str, str]:
    """From when to when a dashboard is shown, in Grafana's words: what its address says, or else the dashboard."""
    own = {"from": "now-6h", "to": "now", **(dashboard.get("time") or {})}
    start, end = (query.get(name) or str(own[name]) for name in ("from", "to"))
    return start, end


def span(words: object) -> timedelta | None:
    """A duration as a length of time, of ten years at most; None for none."""
    length = durations.milliseconds(str(words)) if durations.is_duration(str(words)) else 0
    return timedelta(milliseconds=min(length, _LONGEST_MS)) or None


def refresh(dashboard: Json, view: View) -> int:
    """How often the page is asked for again, in seconds; 0 for never."""
    every = span(view.query.get("refresh", dashboard.get("refresh") or ""))
    return min(max(5, round(every.total_seconds())), 86400) if every else 0


def panels_of(dashboard: Json) -> list[Json]:
    """Its panels from top to bottom, from left to right."""
    return sorted(dashboard.get("panels") or (), key=lambda panel: place(panel)[1::-1])


def place(panel: Json) -> tuple[int, int, int, int]:
    """Column, row, width and height in a grid of 24 columns."""
    given = panel.get("gridPos") or {}
    x, y, w, h = (int(given.get(key) or default) for key, default in (("x", 0), ("y", 0), ("w", 24), ("h", 8)))
    return x, y, w, h


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
    asked = [{"datasource": panel.get("datasource"), **target, **paced} for target in panel.get("targets") or ()]
    return {"queries": asked, "from": _ms(start), "to": _ms(end)}


def _ms(at: datetime) -> str:
    return str(round(at.timestamp() * 1000))
