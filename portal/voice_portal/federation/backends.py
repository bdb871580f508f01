"""How Django finds the owner of a session that began with a provider. Nobody signs in by a password here."""

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User


class FederatedBackend(BaseBackend):
    """For sessions that `entering` begins."""

    def get_user(self, user_id: int) -> User | None:
        """The owner, unless the account is closed here."""
        return User.objects.filter(pk=user_id, is_active=True).first()
