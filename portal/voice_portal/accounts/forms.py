"""The login form."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField

from voice_portal.accounts import metrics, signin

LONGEST_NAME = 150  # Django's own
LONGEST_PASSWORD = 1024
BOTH = "Enter both your user name and your password."


class SignInForm(AuthenticationForm):
    """Django's own, with a bound on what is hashed, and with `signin` between it and the password."""

    username = UsernameField(
        max_length=LONGEST_NAME,
        error_messages={"required": BOTH, "max_length": "A user name has at most %(limit_value)d characters."},
    )
    password = forms.CharField(
        strip=False,
        max_length=LONGEST_PASSWORD,
        error_messages={"required": BOTH, "max_length": "A password has at most %(limit_value)d characters here."},
    )

    def clean(self) -> dict[str, Any]:
        """The fields, with the user found; raises ValidationError for a wrong password, signin.Refused as that says."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if self.request is None or not username or not password:
            metrics.sign_in("malformed")
            return self.cleaned_data
        self.user_cache = signin.attempt(self.request, username, password)
        if self.user_cache is None:
            raise self.get_invalid_login_error()
        return self.cleaned_data
