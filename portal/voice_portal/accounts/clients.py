"""Which clients a user may see, and which of them the session shows.

A client is a Django group named `client:<client>`; staff may see every client that has a probe. The session only
remembers a wish: whether it may be granted is decided again at every request.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.http import HttpRequest

from voice_portal.cdr.models import Client

GROUP_PREFIX = "client:"
SESSION_KEY = "client"
# What staff switch to for all clients at once. No namespace has a capital letter, so no client is called so.
FLEET = "Fleet"


class ClientRequest(HttpRequest):
    """A request after ClientMiddleware."""

    clients: list[Client]
    """The clients that the user may see, by display name."""
    client: Client | None
    """The one whose data this request may read; None for a user without any, and where `fleet` is set."""
    fleet: bool
    """Whether a member of the staff looks at all clients at once."""


def group_name(client: str) -> str:
    """The Django group whose members may see `client`."""
    return GROUP_PREFIX + client


def clients_of(user: AbstractBaseUser | AnonymousUser) -> list[Client]:
    """The clients `user` may see, by display name. One that the operator has not published yet is shown by its name."""
    if not isinstance(user, User) or not user.is_active:
        return []
    names = {group.removeprefix(GROUP_PREFIX) for group in _client_groups(user)}
    published = Client.objects.all() if user.is_staff else Client.objects.filter(client__in=names)
    clients = {client.client: client for client in published}
    for name in names - clients.keys():
        clients[name] = Client(client=name, display_name=name, time_zone="UTC")
    return sorted(clients.values(), key=lambda client: (client.display_name.casefold(), client.client))


def chosen(clients: list[Client], wish: object) -> Client | None:
    """The client that the session asked for if it is one of `clients`, otherwise the first."""
    return next((client for client in clients if client.client == wish), clients[0] if clients else None)


def sees_fleet(user: AbstractBaseUser | AnonymousUser, wish: object) -> bool:
    """Whether `user` looks at all clients at once: who wished for it, and is of the staff at this very request."""
    return wish == FLEET and may_see_fleet(user)


def may_see_fleet(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` is of the provider's own staff."""
    return isinstance(user, User) and user.is_active and user.is_staff


def _client_groups(user: User) -> list[str]:
    groups = Group.objects.filter(user=user, name__startswith=GROUP_PREFIX)
    return list(groups.values_list("name", flat=True))
