"""Addresses of login, logout and the client switcher."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from voice_portal.accounts.views import switch_client

app_name = "accounts"

urlpatterns = [
    path(
        "login/",
        LoginView.as_view(template_name="accounts/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("client/", switch_client, name="switch-client"),
]
