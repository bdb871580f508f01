"""What should stand in a client's Grafana organisation so that alerts are raised and somebody is told. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass

from voiceprobe_operator.alerting.rules import rules
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.model import Client
from voiceprobe_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Alerting:
    """Rules by uid, and the seconds between two evaluations of them."""

    rules: dict[str, Json]
    interval: int


def wanted(client: Client, settings: Settings) -> Alerting:
    """The alerting of `client`. No probe changes it."""
    return Alerting(
        rules={rule.uid: rule.model(client, settings.portal_url) for rule in rules()},
        interval=settings.alert_seconds,
    )
