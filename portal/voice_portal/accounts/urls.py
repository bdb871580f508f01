"""Addresses of local accounts, and of the staff's pages on who may see what."""

from django.urls import path

from voice_portal.accounts.staffviews import access, audit_trail
from voice_portal.accounts.views import SignInView

urlpatterns = [
    path("login/local/", SignInView.as_view(), name="local"),
    path("access/", access, name="access"),
    path("audit/", audit_trail, name="audit"),
]
