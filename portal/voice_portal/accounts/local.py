"""Local accounts: for the staff, when no provider can be asked. `manage.py break_glass` makes them, for some hours."""

from datetime import datetime
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest
from django.utils import timezone

from voice_portal.accounts.models import BreakGlass


def until(user: AbstractBaseUser) -> datetime | None:
    """Until when `user` may sign in with a password; None: not now."""
    found = BreakGlass.objects.filter(user_id=user.pk, until__gt=timezone.now()).first()
    return found.until if found else None


class LocalBackend(ModelBackend):
    """Signs in by a password those who have a local account, as long as that lasts: then its sessions are over too."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - as Django has it
    ) -> User | None:
        """The user with this name and password, whose account lasts still. No other password is good for anything."""
        user = super().authenticate(request, username, password, **kwargs)
        return user if isinstance(user, User) and until(user) else None

    def get_user(self, user_id: int) -> User | None:
        """The owner of a session that began so; None: the account has ended."""
        user = super().get_user(user_id)
        return user if isinstance(user, User) and until(user) else None
