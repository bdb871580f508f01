"""The Django app `grafana`: Grafana behind the portal."""

from django.apps import AppConfig


class GrafanaConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.grafana"
