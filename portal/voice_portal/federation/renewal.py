"""Asks the provider again, now and then, who somebody is: so whoever left a group there is out here by then.

The browser goes to the provider and comes back without anybody being asked; only if the provider's own session is over,
it asks. Whatever is sent meanwhile is not done.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from voice_portal.accounts import audit, sessions
from voice_portal.federation import leading
from voice_portal.federation.refusals import NotSignedIn
from voice_portal.federation.telling import tell
from voice_portal.federation.transactions import Transaction

# Where people sign in and out, and where nginx sends those whom it lets not through.
FREE = ("/login/", "/logout/", "/auth/sign-in")
# nginx asks there, and knows nothing but yes and no.
ASKED_BY_NGINX = "/auth/grafana"
SAFE = ("GET", "HEAD")
STALE = "Your sign-in has to be renewed first, so nothing of what you sent was done. Go back, and do it again."


def is_due(request: HttpRequest) -> bool:
    """Whether the provider must be asked before anything is shown."""
    if audit.PROVIDER_KEY not in request.session:
        return False
    every: timedelta = settings.ENV.session_reauthenticate
    return timezone.now() - sessions.was_asked(request) >= every


def renew(request: HttpRequest, following: str) -> HttpResponse:
    """To the provider, and from there to `following`; raises ProviderAway."""
    provider = settings.ENV.providers.by_name[request.session[audit.PROVIDER_KEY]]
    begun = Transaction(provider.name, following, silent=True, renews=request.user.pk)
    return leading.from_link(request, provider, begun)


class RenewalMiddleware:
    """Lets nobody's request through for whom the provider must be asked first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer; where the provider must be asked first, the way there, or 401."""
        if request.user.is_authenticated and not _is_trusted(request):
            logout(request)
        if not request.user.is_authenticated or not is_due(request) or request.path.startswith(FREE):
            return self._get_response(request)
        return _instead(request)


def _is_trusted(request: HttpRequest) -> bool:
    """Whether the session is a local account's, or of a provider that there still is."""
    name = request.session.get(audit.PROVIDER_KEY)
    return name is None or name in settings.ENV.providers.by_name


def _instead(request: HttpRequest) -> HttpResponse:
    """What is answered in place of what was asked for."""
    if request.path == ASKED_BY_NGINX:
        return HttpResponse(status=401)
    if request.method not in SAFE:
        return tell(request, STALE, status=401)
    if sessions.is_by_itself(request):
        # Loaded anew as a whole, as LiveMiddleware sees to; still nobody need be there.
        request.session[sessions.UNATTENDED_KEY] = timezone.now().timestamp()
        return redirect(request.get_full_path())
    try:
        return renew(request, request.get_full_path())
    except NotSignedIn as error:
        return tell(request, error.sentence, title=error.title, status=error.status)
