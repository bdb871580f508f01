"""The Django app `accounts`: logins and the clients each user may see."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app with Django."""

    name = "voice_portal.accounts"
