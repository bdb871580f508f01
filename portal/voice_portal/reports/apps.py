"""The Django app `reports`."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.reports"
