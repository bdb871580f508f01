"""The pages of signing in with a provider, and out again there."""

import functools
import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.config.providers.model import Oidc, Saml
from voice_portal.federation import entering, leading, metrics, protocols, renewal, sealed, transactions
from voice_portal.federation.paths import paths_of
from voice_portal.federation.refusals import BadAnswer, NotSignedIn, ProviderSaysNo, Refused
from voice_portal.federation.telling import tell
from voice_portal.federation.transactions import Transaction

log = logging.getLogger(__name__)

# More would fill the page, and tell strangers whose providers there are.
MOST_BUTTONS = 4
NOBODYS = (
    "No way to sign in is set up for this address. Ask whoever runs the voice probes at your company which address to"
    " use."
)

View = Callable[..., HttpResponse]


def telling(view: View) -> View:
    """Have whoever is not signed in told why."""

    @functools.wraps(view)
    def told(request: HttpRequest, **kwargs: str) -> HttpResponse:
        try:
            return view(request, **kwargs)
        except NotSignedIn as error:
            name = kwargs.get("provider", "")
            log.warning("not signed in, provider %s, from %s: %s", name or "?", audit.address_of(request), error)
            metrics.failed(error)
            provider = None
            if isinstance(error, Refused):
                detail: dict[str, object] = {"reason": str(error)}
                who, address = f"{name}/{error.who}", audit.address_of(request)
                audit.write(What.SIGN_IN_REFUSED, who=who, provider=name, address=address, detail=detail)
                provider = _provider(name)
            return tell(request, error.sentence, title=error.title, status=error.status, provider=provider)

    return told


@login_not_required
@telling
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Ask for the e-mail address, whose domain tells the provider; with few providers, offer them as buttons too."""
    following = leading.following(request)
    if request.user.is_authenticated:
        return renewal.renew(request, following) if renewal.is_due(request) else redirect(following)
    every = list(settings.ENV.providers.by_name.values())
    address = request.POST.get("address", "").strip()[:254]
    if request.method == "POST" and (chosen := settings.ENV.providers.of_address(address)):
        return leading.from_form(request, chosen, address)
    context = {
        "next": following,
        "address": address,
        "is_refused": request.method == "POST",
        "sentence": NOBODYS,
        "has_domains": any(one.email_domains for one in every),
        "providers": every if len(every) <= MOST_BUTTONS else [],
        "has_none": not every,
    }
    return render(request, "federation/choose.html", context)


@login_not_required
@telling
@require_POST
def begin(request: HttpRequest, provider: str) -> HttpResponse:
    """Sign in with this provider."""
    return leading.from_form(request, _provider(provider))


@csrf_exempt  # by SAML the provider's page posts it; the transaction's cookie says whose it is
@login_not_required
@telling
@require_http_methods(["GET", "POST"])
def complete(request: HttpRequest, provider: str) -> HttpResponse:
    """What the provider sends a browser back with: a session begins, or goes on."""
    asked = _provider(provider)
    if isinstance(asked, Saml) != (request.method == "POST"):
        return HttpResponseNotAllowed(["POST"] if isinstance(asked, Saml) else ["GET"])
    if isinstance(asked, Saml) and (page := _returning(request, asked)):
        return page
    number = request.POST.get("RelayState", "") if isinstance(asked, Saml) else request.GET.get("state", "")
    begun = transactions.find(request, provider, number)
    if begun is None:
        raise BadAnswer("this browser began no such sign-in, or too long ago")
    try:
        answer = protocols.complete(request, asked, begun)
        entering.enter(request, asked, answer, begun)
    except (BadAnswer, ProviderSaysNo):
        if not begun.silent:
            raise
        # Somebody has to be asked after all.
        return leading.from_link(request, asked, Transaction(provider, begun.following, renews=begun.renews))
    except Refused:
        if request.user.is_authenticated and request.user.pk == begun.renews:
            logout(request)
        raise
    metrics.succeeded(is_renewal=begun.silent)
    response = redirect(begun.following)
    transactions.forget(response, begun)
    return response


@login_not_required  # whose session has ended is signed out, and need not sign in for it
@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out, here and at the provider, if it is a POST. Grafana and old bookmarks come with a GET: they get a page
    with the button. A GET must never sign out: any page on the web could then do it to anyone.
    """
    if not request.user.is_authenticated:
        return redirect("accounts:login")
    if request.method != "POST":
        return render(request, "accounts/logout.html")
    provider = settings.ENV.providers.by_name.get(request.session.get(audit.PROVIDER_KEY, ""))
    kept = sealed.unseal(request.session.get(entering.PARTING_KEY, ""))
    audit.note(request, What.SIGN_OUT)
    logout(request)
    try:
        url = protocols.parting(request, provider, kept) if provider else ""
    except NotSignedIn as error:
        log.warning("the session at %s stays: %s", provider and provider.name, error)
        url = ""
    return leading.leaving(request, provider.display_name, url) if provider and url else redirect("accounts:login")


@login_not_required
@telling
@require_http_methods(["GET"])
def ended(request: HttpRequest, provider: str) -> HttpResponse:
    """A provider by SAML ends a session, or says that it has ended the one that was signed out of here."""
    asked = _provider(provider)
    if not isinstance(asked, Saml):
        raise Http404
    from voice_portal.federation import saml  # noqa: PLC0415 - see protocols

    def end(name_id: str) -> None:
        kept = sealed.unseal(request.session.get(entering.PARTING_KEY, ""))
        if kept.get("name_id") == name_id and request.session.get(audit.PROVIDER_KEY) == provider:
            audit.note(request, What.SIGN_OUT, by="the provider")
            logout(request)

    url = saml.ended(request, asked, paths_of(provider), end)
    return redirect(url or "accounts:login")


@login_not_required
@telling
@require_safe
def metadata(_request: HttpRequest, provider: str) -> HttpResponse:
    """What a provider by SAML must know of this portal."""
    asked = _provider(provider)
    if not isinstance(asked, Saml):
        raise Http404
    from voice_portal.federation import saml  # noqa: PLC0415 - see protocols

    return HttpResponse(saml.metadata(asked, paths_of(provider)), content_type="application/samlmetadata+xml")


def _returning(request: HttpRequest, provider: Saml) -> HttpResponse | None:
    from voice_portal.federation import saml  # noqa: PLC0415 - see protocols

    return saml.returning(request, provider, paths_of(provider.name))


def _provider(name: str) -> Oidc | Saml:
    found: Oidc | Saml | None = settings.ENV.providers.by_name.get(name)
    if found is None:
        raise Http404
    return found
