"""Leads a browser to its provider."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from voice_portal.config.providers.model import Oidc, Saml
from voice_portal.federation import protocols, transactions
from voice_portal.federation.transactions import Transaction

LONGEST_FOLLOWING = 2000


def following(request: HttpRequest) -> str:
    """The path to lead on to, as the address or the form says; the start for anything that is not this portal's."""
    asked = request.POST.get("next") or request.GET.get("next") or "/"
    return asked if is_ours(asked) else "/"


def is_ours(asked: str) -> bool:
    """Whether this is a path on this portal, and on no other."""
    if not asked.startswith("/") or len(asked) > LONGEST_FOLLOWING:
        return False
    return url_has_allowed_host_and_scheme(asked, allowed_hosts=None, require_https=settings.ENV.is_https)


def from_form(request: HttpRequest, provider: Oidc | Saml, hint: str = "") -> HttpResponse:
    """To the provider, from a form; raises ProviderAway.

    By a page that leads on at once, not by a redirect: Chromium holds every redirect that follows a form against the
    page's `form-action`, those from one server of a provider to the next too. So that stays 'self', on every page.
    """
    begun = Transaction(provider.name, following(request), afresh="afresh" in request.POST)
    url = protocols.begin(request, provider, begun, hint)
    response = leaving(request, provider.display_name, url)
    transactions.keep(request, response, begun)
    return response


def leaving(request: HttpRequest, name: str, url: str) -> HttpResponse:
    """A page that leads on to a provider."""
    return render(request, "federation/leaving.html", {"url": url, "name": name})


def from_link(request: HttpRequest, provider: Oidc | Saml, begun: Transaction) -> HttpResponse:
    """To the provider, from a page that was asked for; raises ProviderAway."""
    response = HttpResponseRedirect(protocols.begin(request, provider, begun))
    transactions.keep(request, response, begun)
    return response
