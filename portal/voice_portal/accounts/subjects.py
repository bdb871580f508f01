"""Whom an attempt to sign in is counted for, as keyed digests, and the cookie by which a browser is known again."""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import salted_hmac

from voice_portal.accounts import addresses
from voice_portal.accounts.addresses import Address
from voice_portal.accounts.throttle import Kind

Subjects = dict[str, Kind]

COOKIE = "voice_portal_browser"
COOKIE_AGE = 90 * 24 * 3600
_SALT = "voice_portal.accounts.browser"


def of(request: HttpRequest, username: str, address: Address | None) -> Subjects:
    """The subjects of an attempt: of a browser that is known for the account, that alone."""
    account = _digest("account", _normal(username))
    if browser := _browser(request, account):
        return {f"browser:{account}:{browser}": "browser"}
    where = _digest("address", addresses.network_of(address))
    return {
        f"account:{account}": "account",
        f"account-at-address:{account}:{where}": "account-at-address",
        f"address:{where}": "address",
    }


def prefixes_of_account(username: str) -> tuple[str, ...]:
    """How the subjects begin that are counted for this account, wherever it was tried."""
    account = _digest("account", _normal(username))
    return f"account:{account}", f"account-at-address:{account}:", f"browser:{account}:"


def of_address(address: Address) -> str:
    """The subject of an address alone."""
    return f"address:{_digest('address', addresses.network_of(address))}"


def end_of_address(address: Address) -> str:
    """How the subjects end that are counted for an account at this address."""
    return f":{_digest('address', addresses.network_of(address))}"


def remember_browser(request: HttpRequest, response: HttpResponse, username: str) -> None:
    """Have this browser known again as one in which `username` signed in; only the login page is sent the cookie."""
    account = _digest("account", _normal(username))
    known = {"account": account, "browser": _browser(request, account) or secrets.token_hex(16)}
    response.set_cookie(
        COOKIE,
        signing.dumps(known, salt=_SALT),
        max_age=COOKIE_AGE,
        path=reverse("accounts:local"),
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def _browser(request: HttpRequest, account: str) -> str | None:
    """The browser's number, if its cookie is one of ours and of this account."""
    try:
        known: dict[str, Any] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=COOKIE_AGE)
    except signing.BadSignature:  # none, somebody else's, or too old
        return None
    return str(known["browser"]) if known["account"] == account else None


def _normal(username: str) -> str:
    """A user name as the database compares it: MySQL's utf8mb4_bin takes no notice of spaces at the end."""
    return username.rstrip(" ")


def _digest(kind: str, text: str) -> str:
    return salted_hmac(f"voice_portal.accounts.{kind}", text, algorithm="sha256").hexdigest()[:32]
