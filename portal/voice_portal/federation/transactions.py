"""A sign-in that is on its way: what the browser takes along to the provider and back, in a signed cookie of its own.

So nothing is kept for strangers, an answer is of use only in the browser that asked for it, and one browser may have
several on their way.
"""

import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

PREFIX = "voice_portal_sign_in_"
PATH = "/login/"
SECONDS = 15 * 60
# Of those that were not completed, together: gunicorn reads 8 KB of cookies, and there are others.
MOST_BYTES = 4000
_SALT = "voice_portal.federation.transaction"


@dataclass
class Transaction:
    """One sign-in.

    Attributes:
        number: by which the provider's answer names it; nobody can guess it, and a later one is greater.
        following: the path on this portal to lead on to.
        silent: whether the person must not be asked anything.
        afresh: whether the provider must ask who it is, even if it knows.
        renews: the primary key of the user whose session it renews; None: there is no session.
        memory: what the protocol has to remember, such as the nonce.
    """

    provider: str
    following: str = "/"
    silent: bool = False
    afresh: bool = False
    renews: int | None = None
    number: str = field(default_factory=lambda: f"{int(time.time()):010x}{secrets.token_hex(24)}")
    memory: dict[str, Any] = field(default_factory=dict)


def keep(request: HttpRequest, response: HttpResponse, transaction: Transaction) -> None:
    """Have the browser bring the transaction along when it comes back."""
    value = signing.dumps(asdict(transaction), salt=_SALT, compress=True)
    room = MOST_BYTES - len(value)
    for name in sorted((name for name in request.COOKIES if name.startswith(PREFIX)), reverse=True):
        room -= len(request.COOKIES[name])
        if room < 0:
            response.delete_cookie(name, path=PATH)
    response.set_cookie(
        _name(transaction.number),
        value,
        max_age=SECONDS,
        path=PATH,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def find(request: HttpRequest, provider: str, number: str) -> Transaction | None:
    """The transaction of that number with that provider, if this browser began it and it is not too old."""
    try:
        kept = signing.loads(request.COOKIES.get(_name(number), ""), salt=_SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    found = Transaction(**kept)
    return (
        found if secrets.compare_digest(found.number.encode(), number.encode()) and found.provider == provider else None
    )


def forget(response: HttpResponse, transaction: Transaction) -> None:
    """Have the browser bring it no more."""
    response.delete_cookie(_name(transaction.number), path=PATH)


def _name(number: str) -> str:
    return PREFIX + number[:24]
