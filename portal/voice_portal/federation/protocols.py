"""One way to sign in and out, whichever protocol the provider speaks.

Each protocol's library costs a process 8 to 20 MB: it is loaded when the first needs it.
"""

from collections.abc import Mapping
from types import ModuleType

from django.http import HttpRequest

from voice_portal.config.providers.model import Oidc, Saml
from voice_portal.federation.answers import Answer
from voice_portal.federation.paths import paths_of
from voice_portal.federation.transactions import Transaction


def begin(request: HttpRequest, provider: Oidc | Saml, transaction: Transaction, hint: str = "") -> str:
    """The address at the provider to send the browser to; `hint`: the e-mail address that was typed.

    Raises ProviderAway.
    """
    paths = paths_of(provider.name)
    if isinstance(provider, Saml):
        return str(_saml().begin(request, provider, transaction, paths))
    return str(_oidc().begin(request, provider, transaction, paths.complete, hint))


def complete(request: HttpRequest, provider: Oidc | Saml, transaction: Transaction) -> Answer:
    """What the provider says of who came back; raises NotSignedIn in one of its forms."""
    paths = paths_of(provider.name)
    if isinstance(provider, Saml):
        answer: Answer = _saml().complete(request, provider, transaction, paths)
    else:
        answer = _oidc().complete(request, provider, transaction, paths.complete)
    return answer


def parting(request: HttpRequest, provider: Oidc | Saml, kept: Mapping[str, str]) -> str:
    """The address at the provider that ends the session there; empty: there is none."""
    paths = paths_of(provider.name)
    if isinstance(provider, Saml):
        return str(_saml().parting(request, provider, kept, paths))
    return str(_oidc().parting(request, provider, kept, paths.complete))


def _oidc() -> ModuleType:
    from voice_portal.federation import oidc  # noqa: PLC0415

    return oidc


def _saml() -> ModuleType:
    from voice_portal.federation import saml  # noqa: PLC0415

    return saml
