"""How long a sign-in lasts: until nobody has done anything for a while, or it is too old, whichever comes first.

A page that renews itself, and Grafana's, ask all day without anybody there: they keep no session alive.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

SIGNED_IN_KEY = "signed_in_at"
"""Of the session: when its owner signed in."""
ASKED_KEY = "provider_asked_at"
"""Of the session: when the provider was last asked about its owner."""
SEEN_KEY = "seen_at"
"""Of the session: when its owner last opened a page, to the minute."""
UNATTENDED_KEY = "unattended_at"
"""Of the session: when a page of it last asked by itself to be loaded anew."""
# Each is a row that is written anew.
SEEN_EVERY = timedelta(minutes=1)
UNATTENDED = ("/auth/grafana",)
# Within this, a page that asked to be loaded anew is there again.
LOADED_WITHIN = timedelta(seconds=30)


class End(enum.StrEnum):
    """Why a session is over."""

    IDLE = "idle"
    TOO_OLD = "too old"


@dataclass(frozen=True)
class Times:
    """Of one session (UTC)."""

    signed_in: datetime
    seen: datetime

    def end(self, now: datetime, idle: timedelta, absolute: timedelta) -> End | None:
        """Why the session is over at `now`; None: it is not."""
        if now - self.signed_in >= absolute:
            return End.TOO_OLD
        return End.IDLE if now - self.seen >= idle else None


def begin(*, request: HttpRequest, **_: Any) -> None:  # noqa: ANN401 - as Django sends it
    """A receiver of Django's `user_logged_in`: the session begins now."""
    now = timezone.now().timestamp()
    request.session[SIGNED_IN_KEY] = request.session[ASKED_KEY] = request.session[SEEN_KEY] = now


def times_of(request: HttpRequest) -> Times | None:
    """The times of the request's session; None: another version began it."""
    try:
        signed_in, seen = (_moment(request.session[key]) for key in (SIGNED_IN_KEY, SEEN_KEY))
    except (KeyError, TypeError, ValueError):
        return None
    return Times(signed_in, seen)


def was_asked(request: HttpRequest) -> datetime:
    """When the provider was last asked about the session's owner."""
    return _moment(request.session[ASKED_KEY])


def is_by_itself(request: HttpRequest) -> bool:
    """Whether a page asks to renew a part of itself (htmx)."""
    return "HX-Request" in request.headers


def is_unattended(request: HttpRequest) -> bool:
    """Whether a page asks by itself, and nobody need be there."""
    asked = _moment(request.session.get(UNATTENDED_KEY, 0))
    is_loaded_anew = timezone.now() - asked < LOADED_WITHIN
    return request.path in UNATTENDED or is_by_itself(request) or is_loaded_anew


class SessionLimitsMiddleware:
    """Ends a session that is over, so that the request is nobody's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, for who is signed in still."""
        if request.user.is_authenticated:
            now, times = timezone.now(), times_of(request)
            env = settings.ENV
            if times is None or times.end(now, env.session_idle, env.session_absolute):
                logout(request)
            elif now - times.seen >= SEEN_EVERY and not is_unattended(request):
                request.session[SEEN_KEY] = now.timestamp()
        return self._get_response(request)


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(float(stamp), tz=timezone.get_default_timezone())
