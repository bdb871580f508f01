"""SAML 2.0 by social-core and python3-saml: signed requests, signed assertions, RSA-SHA256, and nothing unasked for.

A sign-out goes by the redirect binding. This module costs a process about 12 MB: it is imported where a provider speaks
SAML.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Words
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from social_core.backends.saml import SAML_RESPONSE_ERRORS, SAMLAuth, SAMLIdentityProvider
from social_core.exceptions import SocialAuthBaseException

from voice_portal.config.providers.model import Saml
from voice_portal.config.secretfile import UnreadableSecret
from voice_portal.federation import persons
from voice_portal.federation.answers import Answer
from voice_portal.federation.paths import Paths
from voice_portal.federation.refusals import BadAnswer, ProviderAway, ProviderSaysNo, Refused
from voice_portal.federation.social import Strategy
from voice_portal.federation.transactions import Transaction

log = logging.getLogger(__name__)

NAME_ID = "name_id"
STATUS = "status code of the Response was not Success"
WRONG = (*SAML_RESPONSE_ERRORS, OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError, SocialAuthBaseException)


class Protocol(SAMLAuth[HttpResponse]):
    """social-core's, for one provider and one sign-in."""

    def __init__(self, request: HttpRequest, provider: Saml, transaction: Transaction, paths: Paths) -> None:
        self.name = provider.name
        self._request, self._provider, self._transaction, self._paths = request, provider, transaction, paths
        self.auth: OneLogin_Saml2_Auth | None = None
        strategy = Strategy(request, settings.ENV.portal_url, {"ALLOW_IDP_INITIATED": False}, transaction)
        super().__init__(strategy, redirect_uri=paths.complete)

    def get_idp(self, idp_name: str | None = None) -> SAMLIdentityProvider:
        """The provider, whatever a browser says."""
        return SAMLIdentityProvider(self, self.name)

    def parse_relay_state(self, relay_state_str: str) -> dict[str, Any]:
        """Nothing that a browser sends decides where it goes next."""
        return {"idp": self.name}

    def generate_saml_config(self, idp: object = None) -> dict[str, Any]:
        """Everything that python3-saml is set to."""
        return _settings(self._provider, self._paths)

    def _saml_request_data(self) -> dict[str, Any]:
        return _request_data(self._request, self._paths.complete)

    def _create_saml_auth(self, idp: SAMLIdentityProvider) -> OneLogin_Saml2_Auth:
        self.auth = super()._create_saml_auth(idp)
        return self.auth

    def auth_url(self) -> str:
        """Where to send the browser; the request's number is remembered, which the answer must name."""
        auth = self._create_saml_auth(self.get_idp())
        begun = self._transaction
        url = auth.login(return_to=begun.number, is_passive=begun.silent, force_authn=begun.afresh)
        self.strategy.session_set(self._authn_request_id_session_key(self.name), auth.get_last_request_id())
        return str(url)


def begin(request: HttpRequest, provider: Saml, transaction: Transaction, paths: Paths) -> str:
    """The address at the provider to send the browser to; raises ProviderAway."""
    return Protocol(request, provider, transaction, paths).auth_url()


def returning(request: HttpRequest, provider: Saml, paths: Paths) -> HttpResponse | None:
    """A page that posts the answer again, from this portal: only so the browser brings its cookies. None: it did."""
    if Protocol.BROWSER_RETURN_FIELD in request.POST or "SAMLResponse" not in request.POST:
        return None
    protocol = Protocol(request, provider, Transaction(provider.name), paths)
    return protocol._browser_return(request.POST["SAMLResponse"], request.POST.get("RelayState"))


def complete(request: HttpRequest, provider: Saml, transaction: Transaction, paths: Paths) -> Answer:
    """What the provider says of who came back; raises NotSignedIn in one of its forms."""
    protocol = Protocol(request, provider, transaction, paths)
    try:
        told: object = protocol.auth_complete()  # type: ignore[no-untyped-call]
    except WRONG as error:
        if STATUS in str(error):
            raise ProviderSaysNo(provider.display_name, str(error)[:200]) from error
        raise BadAnswer(f"{type(error).__name__}: {error}") from error
    auth = protocol.auth
    if not isinstance(told, dict) or auth is None:
        raise BadAnswer("the answer is no form that was posted from here")
    attributes = _attributes(provider, told["attributes"], auth)
    found = persons.person(_by_name_id(provider), attributes)
    parting = {"name_id": str(auth.get_nameid()), "format": str(auth.get_nameid_format() or "")}
    parting |= {"session": str(auth.get_session_index() or "")}
    return Answer(found, once=f"{provider.name} {auth.get_last_assertion_id()}", parting=parting)


def parting(request: HttpRequest, provider: Saml, kept: Mapping[str, str], paths: Paths) -> str:
    """The address at the provider that ends the session there, with a signed request; empty: none."""
    if not provider.slo_url or not kept.get("name_id"):
        return ""
    auth = _auth(request, provider, paths)
    url = auth.logout(
        return_to="/",
        name_id=kept["name_id"],
        session_index=kept.get("session") or None,
        name_id_format=kept.get("format") or None,
    )
    return str(url)


def ended(request: HttpRequest, provider: Saml, paths: Paths, end: Callable[[str], None]) -> str:
    """Answer the provider's own request to end a session, and call `end` with the NameID that it names.

    The address to send the browser to; empty: it is the answer to a request of ours, which has done all already. Raises
    BadAnswer.
    """
    if "SAMLRequest" not in request.GET:
        return ""
    auth = _auth(request, provider, paths)
    named: list[str] = []
    try:
        url = auth.process_slo(delete_session_cb=lambda: named.append(_named(provider, paths, auth)))
    except WRONG as error:
        raise BadAnswer(f"{type(error).__name__}: {error}") from error
    if auth.get_errors() or not url or not named:
        raise BadAnswer(f"the request to end a session is refused: {auth.get_errors()}")
    end(named[0])
    return str(url)


def metadata(provider: Saml, paths: Paths) -> bytes:
    """What the provider must know of this portal, as XML."""
    told = OneLogin_Saml2_Settings(_settings(provider, paths), sp_validation_only=True).get_sp_metadata()
    return told if isinstance(told, bytes) else str(told).encode()


def _auth(request: HttpRequest, provider: Saml, paths: Paths) -> OneLogin_Saml2_Auth:
    """For the messages of a sign-out, which must be signed themselves: they hold no assertion."""
    values = _settings(provider, paths)
    values["security"] |= {"wantMessagesSigned": True}
    return OneLogin_Saml2_Auth(_request_data(request, paths.ended), values)


def _named(provider: Saml, paths: Paths, auth: OneLogin_Saml2_Auth) -> str:
    key = _settings(provider, paths)["sp"]["privateKey"]
    return str(OneLogin_Saml2_Logout_Request.get_nameid(auth.get_last_request_xml(), key))


def _attributes(provider: Saml, told: Mapping[str, Any], auth: OneLogin_Saml2_Auth) -> dict[str, Any]:
    """The attributes, with the NameID among them; raises Refused if it is to be the uid, and does not last."""
    if not provider.claims.uid and auth.get_nameid_format() != Words.NAMEID_PERSISTENT:
        raise Refused(
            persons.UNKNOWN.format(provider=provider.display_name),
            f"the NameID is {auth.get_nameid_format()}, not persistent, and no uidClaim is set",
        )
    return {**told, NAME_ID: auth.get_nameid()}


def _by_name_id(provider: Saml) -> Saml:
    """The provider, with the NameID where no attribute is named."""
    claims = provider.claims
    return replace(provider, claims=replace(claims, uid=claims.uid or NAME_ID, login=claims.login or NAME_ID))


def _request_data(request: HttpRequest, path: str) -> dict[str, Any]:
    """The request as it was sent to the portal's public address. Signatures of the redirect binding are of its very
    text.
    """
    origin = settings.ENV.portal_url
    scheme, _, host = origin.partition("://")
    return {
        "https": "on" if scheme == "https" else "off",
        "http_host": host,
        "script_name": path,
        "get_data": request.GET.dict(),
        "post_data": request.POST.dict(),
        "validate_signature_from_qs": True,
        "query_string": request.META.get("QUERY_STRING", ""),
    }


def _settings(provider: Saml, paths: Paths) -> dict[str, Any]:
    """python3-saml's; raises ProviderAway if the portal's own key cannot be read."""
    own = settings.ENV.providers.service_provider
    assert own is not None  # noqa: S101 - no provider by SAML is read without it
    try:
        key, certificate = own.key.read(), own.certificate.read()
    except UnreadableSecret as error:
        log.error("provider %s: %s", provider.name, error)  # noqa: TRY400 - the sentence says all
        raise ProviderAway(provider.display_name, str(error)) from error
    origin = settings.ENV.portal_url
    described: dict[str, Any] = {
        "entityId": provider.entity_id,
        "singleSignOnService": {"url": provider.sso_url, "binding": Words.BINDING_HTTP_REDIRECT},
        "x509certMulti": {"signing": list(provider.certificates), "encryption": list(provider.certificates[:1])},
    }
    if provider.slo_url:
        described["singleLogoutService"] = {"url": provider.slo_url, "binding": Words.BINDING_HTTP_REDIRECT}
    return {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": origin + paths.metadata,
            "assertionConsumerService": {"url": origin + paths.complete, "binding": Words.BINDING_HTTP_POST},
            "singleLogoutService": {"url": origin + paths.ended, "binding": Words.BINDING_HTTP_REDIRECT},
            "NameIDFormat": Words.NAMEID_UNSPECIFIED if provider.claims.uid else Words.NAMEID_PERSISTENT,
            "x509cert": certificate,
            "privateKey": key,
        },
        "idp": described,
        "security": {
            "authnRequestsSigned": True,
            "logoutRequestSigned": True,
            "logoutResponseSigned": True,
            # AD FS signs the assertion alone unless it is told otherwise; what is outside of it decides nothing.
            "wantAssertionsSigned": True,
            "wantMessagesSigned": False,
            "wantNameId": True,
            "wantAttributeStatement": False,
            "requestedAuthnContext": False,
            "allowRepeatAttributeName": True,
            "allowSingleLabelDomains": True,
            "signatureAlgorithm": Words.RSA_SHA256,
            "digestAlgorithm": Words.SHA256,
            "rejectDeprecatedAlgorithm": True,
        },
    }
