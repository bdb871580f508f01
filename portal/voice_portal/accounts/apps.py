"""The Django app `accounts`: logins and the clients each user may see."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.accounts"

    def ready(self) -> None:
        """Have the metrics there from the start, not from the first request on: the first rise would be missed. A
        session's age begins with its sign-in.
        """
        import_module("voice_portal.accounts.metrics")
        user_logged_in.connect(import_module("voice_portal.accounts.sessions").begin)
