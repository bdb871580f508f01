"""Addresses of login, logout and the client switcher."""

from django.urls import path

from voice_portal.accounts.views import SignInView, sign_out, switch_client

app_name = "accounts"

urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", sign_out, name="logout"),
    path("client/", switch_client, name="switch-client"),
]
