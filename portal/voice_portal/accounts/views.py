"""Logging in and out, and switching between clients."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from voice_portal.accounts import signin, subjects
from voice_portal.accounts.clients import FLEET, SESSION_KEY, ClientRequest, sees_fleet
from voice_portal.accounts.forms import SignInForm


class SignInView(LoginView):
    """Django's own, which makes a new session key and leads on only to pages of this site; here guessing is slowed."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Sign in; 429 or 503 with Retry-After, and the form with how long to wait, if that may not be tried now."""
        try:
            return super().post(request, *args, **kwargs)
        except signin.Refused as refusal:
            form = SignInForm(request, initial={"username": request.POST.get("username", "")})
            context = self.get_context_data(form=form, refusal=refusal.sentence)
            headers = {"Retry-After": str(refusal.retry_after)}
            return self.render_to_response(context, status=refusal.status, headers=headers)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in, and have this browser known again."""
        response = super().form_valid(form)
        subjects.remember_browser(self.request, response, form.get_user().get_username())
        return response


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
