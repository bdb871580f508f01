"""A dashboard as a value: what all of ours have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from voiceprobe_operator import names
from voiceprobe_operator.dashboards.panels import Json, Panel

REVISION_PREFIX = "revision-"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard as it should be. Two with the same revision are the same."""

    uid: str
    title: str
    content: Json
    revision: str

    def model(self) -> Json:
        """What Grafana is given. The revision is a tag, since tags are what a search lists of every dashboard."""
        return {**self.content, "tags": [*self.content["tags"], REVISION_PREFIX + self.revision]}


def dashboard(
    uid: str,
    title: str,
    time_zone: str,
    tags: list[str],
    panels: Sequence[Panel],
    datasource_uid: str = names.CLIENT_DATASOURCE_UID,
) -> Dashboard:
    """A dashboard of `panels` that ask one datasource; its times are those of `time_zone` (an IANA name)."""
    content: Json = {
        "uid": uid,
        "title": title,
        "tags": tags,
        "timezone": "utc" if time_zone == "UTC" else time_zone,
        "editable": False,
        "graphTooltip": 1,
        # That of Grafana 12.0 and 12.1; newer ones bring it up to their own.
        "schemaVersion": 41,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "links": _links(),
        "annotations": {"list": [_no_annotations()]},
        "panels": [panel.model(number, datasource_uid) for number, panel in enumerate(panels, start=1)],
    }
    return Dashboard(uid, title, content, revision(content))


def revision(content: Json) -> str:
    """Short fingerprint of what a dashboard holds; the same for the same JSON in any order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _no_annotations() -> Json:
    """The query that Grafana adds to a dashboard without one, switched off: the portal's proxy refuses it."""
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": False,
        "hide": True,
        "iconColor": "gray",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _links() -> list[Json]:
    link: Json = {
        "type": "dashboards",
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
    }
    return [
        {**link, "title": "Overview", "tags": ["voice-overview"], "asDropdown": False},
        {**link, "title": "Probes", "tags": ["voice-probe"]},
    ]
