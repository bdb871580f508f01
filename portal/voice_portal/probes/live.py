"""Pages that renew a part of themselves, by htmx.

The part is the element with the id `live`; the page is asked for again as it was, and that element put in place of the
old one: keyboard focus and scroll position stay, and a screen reader is not taken back to the top (WCAG 2.2.1, 3.2.5).
`?renew=off` stops it (WCAG 2.2.2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from voice_portal.accounts.sessions import is_by_itself

PARAMETER, OFF = "renew", "off"
REDIRECTS = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER)


@dataclass(frozen=True)
class Renewal:
    """How a page renews itself.

    Attributes:
        address: what it asks for; empty: it was told not to.
        every_s: seconds in between.
        other: the address of the same page that renews itself, or does not, whichever this one is not.
        now: when its figures are from.
    """

    address: str
    every_s: int
    other: str
    now: datetime


def renewal(request: HttpRequest, every_s: int) -> Renewal:
    """How the page that `request` asks for renews itself every `every_s` seconds."""
    is_off = request.GET.get(PARAMETER) == OFF
    asked = request.GET.copy()
    asked.pop(PARAMETER, None)
    with_it = _address(request.path, asked.urlencode())
    asked[PARAMETER] = OFF
    without = _address(request.path, asked.urlencode())
    return Renewal("" if is_off else with_it, every_s, with_it if is_off else without, timezone.now())


class LiveMiddleware:
    """Has a page that would be led elsewhere while it renews itself, as to the login, loaded anew as a whole."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer; to htmx no redirect, which it would follow unseen."""
        response = self._get_response(request)
        if is_by_itself(request) and response.status_code in REDIRECTS:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return response


def _address(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
