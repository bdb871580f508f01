"""Alerts through Grafana's unified alerting: rules and who is told, as values. Nothing here does I/O."""

from voiceprobe_operator.alerting.wanted import Alerting, wanted

__all__ = ["Alerting", "wanted"]
