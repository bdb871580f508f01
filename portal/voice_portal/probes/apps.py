"""The Django app `probes`: the pages."""

from django.apps import AppConfig


class ProbesConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.probes"
