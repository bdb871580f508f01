"""Which clients a user may see. A page's address names its client; nothing of that is kept in the session."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from voice_portal.accounts.access import Role, roles_of
from voice_portal.cdr.models import Client


class ClientRequest(HttpRequest):
    """A request after ClientMiddleware."""

    clients: list[Client]
    """The clients that the user may see, by display name."""
    client: Client | None
    """The one that the address names, and whose data alone the page may read; None for a page of no client's."""
    role: Role | None
    """What the user may do with `client`; None where that is None."""


def clients_of(user: AbstractBaseUser | AnonymousUser) -> dict[str, tuple[Client, Role]]:
    """Each client that `user` may see and the role there, by the client's name, in the order of display names."""
    roles = roles_of(user)
    if not roles:
        return {}
    found = Client.objects.filter(client__in=roles)
    ordered = sorted(found, key=lambda client: (client.display_name.casefold(), client.client))
    return {client.client: (client, roles[client.client]) for client in ordered}


def may_see_fleet(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` is of the provider's own staff, who may look at all clients at once."""
    return isinstance(user, User) and user.is_active and user.is_staff


def only_staff(request: HttpRequest) -> None:
    """Raise PermissionDenied for everybody but the provider's own staff."""
    if not may_see_fleet(request.user):
        raise PermissionDenied("This page is for the provider's own staff.")
