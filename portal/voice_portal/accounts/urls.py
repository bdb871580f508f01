"""Addresses of login, logout and the client switcher."""

from django.contrib.auth.views import LoginView
from django.urls import path

from voice_portal.accounts.views import sign_out, switch_client

app_name = "accounts"

urlpatterns = [
    path(
        "login/",
        LoginView.as_view(template_name="accounts/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", sign_out, name="logout"),
    path("client/", switch_client, name="switch-client"),
]
