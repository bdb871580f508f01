"""The Django app `federation`: who people are is their company's to say."""

from importlib import import_module

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.federation"

    def ready(self) -> None:
        """Have the metrics there from the start."""
        import_module("voice_portal.federation.metrics")
