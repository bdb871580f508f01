"""Addresses of signing in and out, and of the local accounts' pages beside them."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from voice_portal.accounts.urls import urlpatterns as local
from voice_portal.federation.views import begin, choose, complete, ended, metadata, sign_out

app_name = "accounts"


class ProviderConverter(StringConverter):
    """A provider's name, a DNS label."""

    regex = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


register_converter(ProviderConverter, "provider")

urlpatterns = [
    *local,
    path("login/", choose, name="login"),
    path("login/<provider:provider>/", begin, name="begin"),
    path("login/<provider:provider>/complete/", complete, name="complete"),
    path("login/<provider:provider>/ended/", ended, name="ended"),
    path("login/<provider:provider>/metadata.xml", metadata, name="metadata"),
    path("logout/", sign_out, name="logout"),
]
