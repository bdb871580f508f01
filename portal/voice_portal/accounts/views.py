"""Switching between clients, and logging out. Login is Django's own view."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from voice_portal.accounts.clients import FLEET, SESSION_KEY, ClientRequest, sees_fleet


@login_not_required  # whose session has ended is logged out, and need not log in for it
def sign_out(request: HttpRequest) -> HttpResponse:
    """Log out, if it is a POST. Grafana and old bookmarks come with a GET: they get a page with the button.

    A GET must never log out: any page on the web could then do it to anyone.
    """
    if request.method == "POST":
        return LogoutView.as_view()(request)
    if not request.user.is_authenticated:
        return redirect("accounts:login")
    return render(request, "accounts/logout.html")


@require_POST
def switch_client(request: ClientRequest) -> HttpResponse:
    """Show another of the user's clients from now on, or all to staff; 404 for what the user may not see."""
    wish = request.POST.get("client")
    if sees_fleet(request.user, wish):
        request.session[SESSION_KEY] = FLEET
        return redirect("probes:fleet")
    if wish not in {client.client for client in request.clients}:
        raise Http404
    request.session[SESSION_KEY] = wish
    return redirect("probes:overview")
