"""Pages of the preview as a browser reads them, for its tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from voice_lab.grafana_stand_in import preview
from voice_lab.grafana_stand_in.preview import View

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEW = View(END - timedelta(hours=1), END, {"from": "now-1h", "to": "now", "kiosk": "", "orgId": "7"}, org=7)
TIMES = [round((END - timedelta(minutes=minutes)).timestamp() * 1000) for minutes in (40, 30, 20, 10)]
JUDGED = {
    "mode": "absolute",
    "steps": [{"color": c, "value": v} for c, v in (("red", None), ("orange", 3), ("green", 4))],
}
VOID = {"meta", "link", "path", "rect", "line"}


@dataclass
class Element:
    """An element of the page."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "", css: str = "") -> list[Element]:
        """The elements below this one with that name and class."""
        return [one for one in self._below() if tag in ("", one.tag) and (not css or css in one.css)]

    @property
    def css(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def _below(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._below()


class Reader(HTMLParser):
    """Reads a page, and insists that whatever is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(page)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag}: {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def frame(names: dict[str, str], *columns: list[Any]) -> dict[str, Any]:
    fields = [{"name": name, "type": kind} for name, kind in names.items()]
    return {"schema": {"refId": "A", "meta": {}, "fields": fields}, "data": {"values": list(columns)}}


def result(*frames: dict[str, Any]) -> dict[str, Any]:
    return {"A": {"status": 200, "frames": list(frames)}}


def panel(kind: str, defaults: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": k, "value": v} for k, v in changes.items()],
        }
        for name, changes in more.pop("columns", {}).items()
    ]
    config = {"defaults": {"unit": "none", **(defaults or {})}, "overrides": overrides}
    return {"id": 1, "type": kind, "title": "A panel", "fieldConfig": config, **more}


def read(dashboard: dict[str, Any], results: dict[int, Any], view: View = VIEW) -> Element:
    return Reader(preview.render(dashboard, results, view)).root


def draw(one: dict[str, Any], *frames: dict[str, Any], view: View = VIEW) -> Element:
    """The panel of a dashboard that has one."""
    return read({"title": "T", "timezone": "utc", "panels": [one]}, {1: result(*frames)}, view).all("section")[0]
