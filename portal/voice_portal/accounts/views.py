"""Logging in with a local account, when no provider can be asked."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from voice_portal.accounts import audit, signin, subjects
from voice_portal.accounts.audit import What
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
        """Log in, write it down, and have this browser known again."""
        self.request.session.flush()  # nothing of a session with a provider goes on
        response = super().form_valid(form)
        audit.note(self.request, What.BREAK_GLASS_USED)
        subjects.remember_browser(self.request, response, form.get_user().get_username())
        return response
