"""The Django app `accounts`: logins and the clients each user may see."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.accounts"

    def ready(self) -> None:
        """Have the metrics there from the start, not from the first request on: the first rise would be missed."""
        import_module("voice_portal.accounts.metrics")
