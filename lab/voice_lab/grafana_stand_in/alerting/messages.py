"""What a contact point is told: the body of a webhook, the text of a mail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import urlencode

from voice_lab.grafana_stand_in.alerting.expressions import Labels
from voice_lab.grafana_stand_in.alerting.states import Alert
from voice_lab.grafana_stand_in.alerting.templates import printed
from voice_lab.grafana_stand_in.state import Document

_NEVER = "0001-01-01T00:00:00Z"


def payload(org: int, receiver: str, group: tuple[str, Labels], alerts: Sequence[Alert], root_url: str) -> Document:
    """The body of a webhook about the alerts of one group: its key, and the labels that they share by it."""
    key, shared = group
    told = [_told(alert, root_url) for alert in alerts]
    firing = [one for one in told if one["status"] == "firing"]
    resolved = [one for one in told if one["status"] == "resolved"]
    labels = _common([one["labels"] for one in told])
    return {
        "receiver": receiver,
        "status": "firing" if firing else "resolved",
        "alerts": told,
        "groupLabels": shared,
        "commonLabels": labels,
        "commonAnnotations": _common([one["annotations"] for one in told]),
        "externalURL": f"{root_url}/",
        "version": "1",
        "groupKey": key,
        "truncatedAlerts": 0,
        "orgId": org,
        "title": _title(len(firing), len(resolved), shared, labels),
        "state": "alerting" if firing else "ok",
        "message": _message(firing, resolved),
    }


def shown(labels: Labels) -> Labels:
    """The labels that anybody gets to see, in order."""
    return {name: value for name, value in sorted(labels.items()) if not name.startswith("__")}


def _told(alert: Alert, root_url: str) -> Document:
    labels = shown(alert.labels)
    silence = urlencode([("alertmanager", "grafana"), *(("matcher", f"{name}={labels[name]}") for name in labels)])
    return {
        "status": "firing" if alert.ends is None else "resolved",
        "labels": labels,
        "annotations": dict(sorted(alert.annotations.items())),
        "startsAt": _time(alert.starts),
        "endsAt": _NEVER if alert.ends is None else _time(alert.ends),
        "generatorURL": f"{root_url}/alerting/grafana/{alert.labels['__alert_rule_uid__']}/view",
        "fingerprint": alert.fingerprint,
        "silenceURL": f"{root_url}/alerting/silence/new?{silence}",
        "dashboardURL": "",
        "panelURL": "",
        "values": _values(alert.values),
        "valueString": alert.text,
    }


def _values(values: Mapping[str, float]) -> Mapping[str, float] | None:
    """None also where one of them is a number that JSON does not know."""
    if not values or not all(map(math.isfinite, values.values())):
        return None
    return {ref: int(value) if value.is_integer() else value for ref, value in values.items()}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def _common(texts: Sequence[Labels]) -> Labels:
    return dict(item for item in texts[0].items() if all(item in one.items() for one in texts))


def _title(firing: int, resolved: int, shared: Labels, common: Labels) -> str:
    counted = f"FIRING:{firing}{f', RESOLVED:{resolved}' if resolved else ''}" if firing else "RESOLVED"
    others = " ".join(value for name, value in common.items() if name not in shared)
    return f"[{counted}] {' '.join(shared.values())} {f'({others})' if len(common) > len(shared) else ''}"


def _message(firing: Sequence[Document], resolved: Sequence[Document]) -> str:
    parts = [("Firing", firing), ("Resolved", resolved)]
    return "\n\n".join(f"**{title}**\n{''.join(map(_text, alerts))}" for title, alerts in parts if alerts)


def _text(alert: Document) -> str:
    values = ", ".join(f"{ref}={printed(float(value))}" for ref, value in (alert["values"] or {}).items())
    lines = [f"Value: {values or '[no value]'}"]
    for name in ("Labels", "Annotations"):
        lines += [f"{name}:", *(f" - {one} = {text}" for one, text in alert[name.lower()].items())]
    lines += [f"Source: {alert['generatorURL']}", f"Silence: {alert['silenceURL']}"]
    return "\n" + "".join(f"{line}\n" for line in lines)


def page(body: Document) -> str:
    """The HTML of a mail, of what a webhook is sent."""
    blocks = "".join(_block(alert) for alert in body["alerts"])
    return f"<!DOCTYPE html><html><body><h1>{escape(body['title'])}</h1>{blocks}</body></html>\n"


def _block(alert: Document) -> str:
    texts = {**alert["annotations"], **alert["labels"], "Started": alert["startsAt"]}
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in texts.items())
    links = {"Silence": alert["silenceURL"], "View alert": alert["generatorURL"]}
    anchors = " ".join(f'<a href="{escape(url)}">{name}</a>' for name, url in links.items())
    return f"<h2>{alert['status'].title()}</h2><table>{rows}</table><p>{anchors}</p>"
