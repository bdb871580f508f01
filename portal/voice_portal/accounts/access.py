"""Who may see which client, and what they may do there.

The provider says at every sign-in which groups a person is in; `portal_membership` keeps that. A VoiceClient's
`spec.access` says which groups open the client; the view `voice_client_access` tells it. A person's roles are where the
two meet, asked for at each request: a change of either takes effect at the next page.
"""

import enum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection

# By `=`, which finds the rows, and byte by byte: `acme ` is not `acme`, which MySQL's `=` takes for the same.
OPENED = """
FROM portal_membership AS member
JOIN voice_client_access AS open_to
  ON open_to.provider = member.provider AND open_to.group_name = member.group_name
  AND CAST(open_to.provider AS BINARY) = CAST(member.provider AS BINARY)
  AND CAST(open_to.group_name AS BINARY) = CAST(member.group_name AS BINARY)
"""
"""Each group of a person with what it opens."""
ROLES_BY_GROUP = f"""
SELECT open_to.client, MAX(open_to.role = 'engineer')
{OPENED}
WHERE member.user_id = %s
GROUP BY open_to.client
"""


class Role(enum.StrEnum):
    """What somebody may do with a client: look; ask for calls too; or anything, with every client."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    STAFF = "staff"

    def may(self, needed: "Role") -> bool:
        """Whether this role allows what `needed` allows."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def roles_of(user: AbstractBaseUser | AnonymousUser) -> dict[str, Role]:
    """The role of `user` in each client (its namespace) that the user may see, by one query; staff: in all of them."""
    if not isinstance(user, User) or not user.is_active:
        return {}
    with connection.cursor() as cursor:
        if user.is_staff:
            cursor.execute("SELECT client FROM voice_client")
            return {str(client): Role.STAFF for (client,) in cursor.fetchall()}
        cursor.execute(ROLES_BY_GROUP, [user.pk])
        return {str(client): Role.ENGINEER if engineer else Role.VIEWER for client, engineer in cursor.fetchall()}
