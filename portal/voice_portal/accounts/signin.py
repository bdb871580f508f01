"""One attempt to sign in: whether it may be made, whether the password is right, and what is remembered of it."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest

from voice_portal.accounts import addresses, audit, hashing, metrics, subjects, tallies, throttle
from voice_portal.accounts.audit import What
from voice_portal.accounts.subjects import Subjects
from voice_portal.accounts.throttle import Kind

log = logging.getLogger(__name__)

BUSY_WAIT = timedelta(seconds=5)
SENTENCES: dict[Kind, str] = {
    "account-at-address": "Too many failed attempts with this user name from your network.",
    "address": "Too many failed attempts to log in from your network.",
    "account": "Too many failed attempts with this user name.",
    "browser": "Too many failed attempts with this user name in this browser.",
}
BUSY_SENTENCE = "More people are logging in than can be served at once."


@dataclass
class Refused(Exception):
    """The attempt was not made: no password was looked at. `sentence` says why, and how long to wait."""

    status: HTTPStatus
    sentence: str
    wait: timedelta

    @property
    def retry_after(self) -> int:
        """Seconds, for the header of that name (RFC 9110, 10.2.3)."""
        return max(throttle.seconds(self.wait), 1)


def attempt(request: HttpRequest, username: str, password: str) -> User | None:
    """The user with this name and password, None if there is none; raises Refused if it may not be tried now.

    An unknown name is counted, refused and hashed for like a known one, and takes as long.
    """
    address = addresses.client_address(request.META, settings.ENV.trusted_proxies)
    who = subjects.of(request, username, address)
    whence = f"{_shown(username)} from {address or 'an unknown address'}"
    if (wait := tallies.longest_wait(who)) is not None:
        raise _locked(*wait, whence)
    try:
        with hashing.ROOM.enter():
            user, reached = _try(request, username, password, who, whence)
    except hashing.NoRoom:
        metrics.sign_in("busy")
        log.warning("sign-in refused, no room to hash one more password: %s", whence)
        raise _refused(HTTPStatus.SERVICE_UNAVAILABLE, BUSY_SENTENCE, BUSY_WAIT) from None
    if user is not None:
        tallies.give_back(who)
        metrics.sign_in("succeeded")
        log.info("signed in: %s", whence)
        return user
    metrics.sign_in("failed")
    log.warning("sign-in failed: %s", whence)
    if known := _known(username):
        audit.write(What.SIGN_IN_REFUSED, who=known, address=str(address or ""), detail={"reason": "wrong password"})
    for kind in reached:
        metrics.LOCKS.labels(kind).inc()
        log.warning("sign-ins by this %s wait %s now: %s", kind, throttle.in_words(throttle.LIMITS[kind].wait), whence)
    return None


def _try(
    request: HttpRequest, username: str, password: str, who: Subjects, whence: str
) -> tuple[User | None, list[Kind]]:
    reserved = tallies.reserve(who)
    if isinstance(reserved, tuple):
        raise _locked(*reserved, whence)
    with metrics.HASH_SECONDS.time():
        user = authenticate(request, username=username, password=password)
    return (user if isinstance(user, User) else None), reserved


def _locked(kind: Kind, wait: timedelta, whence: str) -> Refused:
    metrics.sign_in("locked")
    log.warning("sign-in refused, %s must wait %d s: %s", kind, throttle.seconds(wait), whence)
    way_out = "" if kind == "account" else ", or ask whoever gave you the account to unlock it"
    return _refused(HTTPStatus.TOO_MANY_REQUESTS, SENTENCES[kind], wait, way_out)


def _refused(status: HTTPStatus, sentence: str, wait: timedelta, way_out: str = "") -> Refused:
    return Refused(status, f"{sentence} Wait {throttle.in_words(wait)}, then try again{way_out}.", wait)


def _shown(username: str) -> str:
    """The name of an account, for the log; of anything else, nothing: people type passwords there."""
    known = _known(username)
    return f"account {known!r}" if known else "an unknown user name"


def _known(username: str) -> str:
    """The name, if it is one of an account; otherwise empty."""
    return User.objects.filter(username=username).values_list("username", flat=True).first() or ""
