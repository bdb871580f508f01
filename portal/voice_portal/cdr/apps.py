"""The Django app `cdr`: the schema of the call records, its models and the queries on it."""

from django.apps import AppConfig


class CdrConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.cdr"
