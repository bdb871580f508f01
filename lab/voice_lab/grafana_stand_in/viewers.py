"""What a viewer may read besides: what Grafana's own pages ask for, and what they tell of alerting, secrets aside.

Some of it is more than a client should see, and the portal's proxy has to keep it: its tests could not show that if it
were not there.
"""

from __future__ import annotations

import json
from itertools import groupby

from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.http import SWITCHING, Response, answer, route
from voice_lab.grafana_stand_in.notifications import BORN_CONTACT, shown, tree
from voice_lab.grafana_stand_in.rules import group_interval
from voice_lab.grafana_stand_in.state import Document

_READ = "alert.rules:read"
_ALERTMANAGER = "/api/alertmanager/grafana"


@route("GET", "/api/annotations", "Viewer", "annotations:read")
def _annotations(_asking: Asking) -> list[Document]:
    return []


@route("GET", "/api/plugins", "Viewer", "plugins:read")
def _plugins(_asking: Asking) -> list[Document]:
    return [{"id": "mysql", "name": "MySQL", "type": "datasource", "enabled": True}]


@route("GET", "/api/frontend/settings", "Viewer", "settings:read")
def _settings(asking: Asking) -> Document:
    return {"appSubUrl": asking.config.sub_path, "buildInfo": {"version": asking.config.version}}


@route("GET", "/api/live/ws", "")
def _live(asking: Asking) -> Response:
    if asking.request.headers.get("upgrade", "").lower() == "websocket":
        return Response(SWITCHING)
    return Response(400, b"Bad Request\n", "text/plain; charset=utf-8", {"Sec-Websocket-Version": "13"})


def _groups(asking: Asking) -> list[tuple[str, str, list[Document]]]:
    """The rules of the organisation by folder and group, with the folder's title."""

    def place(rule: Document) -> tuple[str, str]:
        return rule["folderUID"], rule["ruleGroup"]

    found = []
    for (folder, group), rules in groupby(sorted(asking.state.all("rule", asking.org), key=place), place):
        titled = asking.state.get("folder", asking.org, folder) or {"title": folder}
        found.append((titled["title"], group, list(rules)))
    return found


@route("GET", "/api/prometheus/grafana/api/v1/rules", "Viewer", _READ)
def _prometheus_rules(asking: Asking) -> Document:
    groups = [
        {"name": group, "file": folder, "rules": [{"name": r["title"], "query": json.dumps(r["data"])} for r in rules]}
        for folder, group, rules in _groups(asking)
    ]
    return {"status": "success", "data": {"groups": groups}}


@route("GET", "/api/ruler/grafana/api/v1/rules", "Viewer", _READ)
def _ruler_rules(asking: Asking) -> Document:
    found: dict[str, list[Document]] = {}
    for folder, group, rules in _groups(asking):
        interval = group_interval(asking.state, asking.org, rules[0]["folderUID"], group)
        alerts = [{"grafana_alert": rule} for rule in rules]
        found.setdefault(folder, []).append({"name": group, "interval": f"{interval}s", "rules": alerts})
    return found


@route("GET", f"{_ALERTMANAGER}/config/api/v1/alerts", "Viewer", "alert.notifications:read")
def _configuration(asking: Asking) -> Document:
    points = [BORN_CONTACT, *asking.state.all("contact", asking.org)]
    receivers = [{"name": point["name"], "grafana_managed_receiver_configs": [shown(point)]} for point in points]
    return {"alertmanager_config": {"route": tree(asking.state, asking.org), "receivers": receivers}}


@route("GET", f"{_ALERTMANAGER}/config/history", "Viewer", "alert.notifications:read")
def _history(asking: Asking) -> list[Document]:
    return [_configuration(asking)]


@route("GET", f"{_ALERTMANAGER}/api/v2/status", "Viewer", "alert.notifications:read")
def _status(asking: Asking) -> Document:
    return {"config": {"original": json.dumps(_configuration(asking)["alertmanager_config"])}}


for _path, _action in (
    ("/api/admin/settings", "settings:read"),
    ("/api/auth/keys", "apikeys:read"),
    ("/api/serviceaccounts/search", "serviceaccounts:read"),
):
    # What nobody of ours uses, and no viewer may.
    route("GET", _path, "server", _action)(lambda _asking: answer({}))
