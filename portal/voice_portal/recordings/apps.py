"""The Django app `recordings`."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.recordings"
