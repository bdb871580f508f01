"""What people did, for whoever must know afterwards: rows of `portal_audit`, which are only ever added."""

import enum

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from voice_portal.accounts import addresses
from voice_portal.accounts.models import AuditRecord

PROVIDER_KEY = "provider"
"""Of the session: the name of the provider that was asked at the sign-in; absent with a local account."""
LONGEST_DETAIL = 500


class What(enum.StrEnum):
    """What can have been done."""

    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    SIGN_OUT = "sign-out"
    BREAK_GLASS_MADE = "break-glass-made"
    BREAK_GLASS_ENDED = "break-glass-ended"
    BREAK_GLASS_USED = "break-glass-used"
    CALL_ASKED = "call-asked"
    EXPORT = "export"
    RECORDING = "recording"


def note(request: HttpRequest, what: What | str, client: str = "", **detail: object) -> None:
    """Write down that the user of `request` did `what`, with the data of `client` (its namespace; empty: of none).

    `detail`: what JSON can take, and nothing secret; long texts are cut.
    """
    user = request.user
    who = user.get_username() if user.is_authenticated else ""
    provider = request.session.get(PROVIDER_KEY, "")
    write(what, who=who, provider=provider, address=address_of(request), client=client, detail=detail)


def write(
    what: What | str,
    *,
    who: str,
    provider: str = "",
    address: str = "",
    client: str = "",
    detail: dict[str, object] | None = None,
) -> None:
    """Write down what was done by somebody who is not the request's user: a command, or who was refused."""
    AuditRecord.objects.create(
        at=timezone.now(),
        who=who[:150],
        provider=provider,
        address=address,
        what=str(What(what)),
        client=client,
        detail={name: _cut(value) for name, value in (detail or {}).items()},
    )


def address_of(request: HttpRequest) -> str:
    """The address that the request came from, as text; empty: unknown."""
    address = addresses.client_address(request.META, settings.ENV.trusted_proxies)
    return "" if address is None else str(address)


def _cut(value: object) -> object:
    return value[:LONGEST_DETAIL] if isinstance(value, str) else value
