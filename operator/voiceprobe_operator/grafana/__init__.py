"""Grafana: its HTTP API, what it holds of a client, and putting that right."""

from voiceprobe_operator.grafana.api import Grafana

__all__ = ["Grafana"]
