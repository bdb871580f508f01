"""OpenID Connect: the code flow with PKCE, by social-core, with everything that is ours to decide decided here."""

import logging
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from social_core.backends.open_id_connect import OpenIdConnectAuth
from social_core.exceptions import SocialAuthBaseException
from social_core.utils import cache

from voice_portal.config.providers.model import Oidc
from voice_portal.config.secretfile import UnreadableSecret
from voice_portal.federation import persons
from voice_portal.federation.answers import Answer
from voice_portal.federation.asking import Line
from voice_portal.federation.graph import groups_of
from voice_portal.federation.refusals import BadAnswer, ProviderAway, ProviderSaysNo, Refused
from voice_portal.federation.social import Strategy
from voice_portal.federation.transactions import Transaction

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
SCOPES = ("openid", "profile", "email")
# What a provider's servers say of themselves, and their keys; a key that is not known yet is asked for at once.
KEEP_SECONDS = 3600
# Of Entra ID's issuer, where the tenant's number belongs.
TENANT_PLACE = "{tenantid}"
# A longer one makes an address that servers refuse.
LONGEST_HINT = 3000


class Protocol(OpenIdConnectAuth[HttpResponse]):
    """social-core's, for one provider and one sign-in."""

    _tenant = ""
    DEFAULT_USE_PKCE = True
    REDIRECT_STATE = False

    def __init__(self, provider: Oidc, transaction: Transaction, strategy: Strategy, path: str) -> None:
        self.name = provider.name
        self._provider, self._transaction = provider, transaction
        self.line = Line(provider)
        super().__init__(strategy, redirect_uri=path)

    def state_token(self) -> str:
        """The transaction's number: by it the browser's cookie is found when the answer comes."""
        return self._transaction.number

    def request(self, url: str, **what: Any) -> Any:  # noqa: ANN401 - theirs
        """Ask the provider, with a bound on how long that takes; raises ProviderAway."""
        answer = self.line.ask(
            what.get("method", "GET"),
            url,
            headers=what.get("headers"),
            form=what.get("data"),
            json=what.get("json"),
            auth=what.get("auth"),
        )
        if answer.is_error:
            raise _rejection(self._provider, answer)
        return answer

    @cache(ttl=KEEP_SECONDS)
    def get_openid_configuration(self, url: str) -> dict[str, Any]:
        """What the provider says of itself, if it is the one that is set."""
        told = self.get_json(url)
        issuer = told.get("issuer") if isinstance(told, dict) else None
        if issuer != self._provider.issuer and not (self._provider.tenants and TENANT_PLACE in str(issuer)):
            reason = f"{url} is of the issuer {issuer!r}, and not of {self._provider.issuer!r}"
            log.error("provider %s: %s", self.name, reason)
            raise ProviderAway(self._provider.display_name, reason)
        return told

    @cache(ttl=KEEP_SECONDS)
    def get_jwks_keys_for_uri(self, uri: str) -> list[dict[str, Any]]:
        """The provider's keys."""
        return self.get_remote_jwks_keys(uri)

    def id_token_issuer(self) -> str:
        """The one issuer that an ID token may be of: with tenants, that of the token's own, if it is listed."""
        issuer = str(self.oidc_config()["issuer"])
        return issuer.replace(TENANT_PLACE, self._tenant) if self._provider.tenants else issuer

    def decode_and_validate_id_token(self, id_token: str, access_token: str) -> Any:  # noqa: ANN401 - theirs
        """The token's claims; raises Refused for a tenant that is not listed."""
        self._tenant = str(jwt.decode(id_token, options={"verify_signature": False}).get("tid", "")).lower()
        claims = super().decode_and_validate_id_token(id_token, access_token)  # type: ignore[no-untyped-call]
        if self._provider.tenants and self._tenant not in self._provider.tenants:
            raise Refused(
                "Your company may not sign in here.", f"the tenant {self._tenant!r} is not listed", _login(claims)
            )
        return claims

    def user_data(self, *_: object, **__: object) -> dict[str, Any]:
        """Nothing beside the ID token, which is signed."""
        return {}


def begin(request: HttpRequest, provider: Oidc, transaction: Transaction, path: str, hint: str = "") -> str:
    """The address at the provider to send the browser to; raises ProviderAway."""
    extra = {"prompt": "none"} if transaction.silent else {"prompt": "login"} if transaction.afresh else {}
    if hint:
        extra["login_hint"] = hint
    protocol = _protocol(request, provider, transaction, path, AUTH_EXTRA_ARGUMENTS=extra)
    try:
        return protocol.auth_url()
    except SocialAuthBaseException as error:
        raise ProviderAway(provider.display_name, str(error)) from error


def complete(request: HttpRequest, provider: Oidc, transaction: Transaction, path: str) -> Answer:
    """What the provider says of who came back; raises NotSignedIn in one of its forms."""
    protocol = _protocol(request, provider, transaction, path)
    if code := request.GET.get("error"):
        raise ProviderSaysNo(provider.display_name, code[:100])
    if request.GET.get("iss", provider.issuer) != provider.issuer and not provider.tenants:
        raise BadAnswer("the answer is of another issuer (RFC 9207)")
    try:
        told = cast("dict[str, Any]", protocol.auth_complete())
    except (SocialAuthBaseException, jwt.PyJWTError, httpx.HTTPError, ValueError) as error:
        raise BadAnswer(f"{type(error).__name__}: {error}") from error
    claims: dict[str, Any] = protocol.id_token or {}
    groups = None
    if provider.graph_url and persons.lacks_groups(provider, claims):
        groups = groups_of(protocol.line, provider, str(told["access_token"]))
    found = persons.person(provider, claims, groups)
    return Answer(found, once=f"{provider.name} {transaction.number}", parting={"id_token": str(told["id_token"])})


def parting(request: HttpRequest, provider: Oidc, kept: Mapping[str, str], path: str) -> str:
    """The address at the provider that ends the session there (OpenID Connect RP-Initiated Logout); empty: none.

    An ID token with many groups is too long for an address: then the provider asks whether to sign out.
    """
    protocol = _protocol(request, provider, Transaction(provider.name), path)
    try:
        address = str(protocol.oidc_config().get("end_session_endpoint") or "")
    except (SocialAuthBaseException, ProviderAway):
        return ""
    if urlsplit(address).scheme != "https":
        return ""
    back = {"client_id": provider.client_id, "post_logout_redirect_uri": protocol.strategy.absolute_uri("/")}
    token = kept.get("id_token", "")
    if token and len(token) <= LONGEST_HINT:
        back["id_token_hint"] = token
    return f"{address}{'&' if '?' in address else '?'}{urlencode(back)}"


def _protocol(request: HttpRequest, provider: Oidc, transaction: Transaction, path: str, **values: object) -> Protocol:
    try:
        secret = provider.client_secret.read()
    except UnreadableSecret as error:
        log.error("provider %s: %s", provider.name, error)  # noqa: TRY400 - the sentence says all
        raise ProviderAway(provider.display_name, str(error)) from error
    settled = {
        "KEY": provider.client_id,
        "SECRET": secret,
        "OIDC_ENDPOINT": provider.issuer.rstrip("/"),
        "USE_PKCE": True,
        "IGNORE_DEFAULT_SCOPE": True,
        "SCOPE": list(dict.fromkeys((*SCOPES, *provider.scopes))),
        "JWT_ALGORITHMS": list(ALGORITHMS),
        "AUTH_EXTRA_ARGUMENTS": {},
    }
    return Protocol(
        provider, transaction, Strategy(request, settings.ENV.portal_url, settled | values, transaction), path
    )


def _rejection(provider: Oidc, answer: httpx.Response) -> ProviderAway | BadAnswer:
    """What a status above 399 means to the person. A code that is refused is theirs; everything else is not."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    word = told.get("error") if isinstance(told, dict) else None  # RFC 6749, 5.2
    reason = f"{answer.request.url} answers {answer.status_code} {word!r}"
    if word == "invalid_grant":
        return BadAnswer(reason)
    log.error("provider %s: %s", provider.name, reason)
    return ProviderAway(provider.display_name, reason)


def _login(claims: Mapping[str, Any]) -> str:
    return str(claims.get("preferred_username") or claims.get("sub") or "")
