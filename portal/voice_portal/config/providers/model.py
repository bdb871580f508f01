"""The providers as settings, typed. Nothing here asks anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voice_portal.config.secretfile import SecretValue


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Under which names a provider tells who somebody is: claims of OpenID Connect, attributes of SAML.

    Attributes:
        uid: what stays the same for ever, and is never given to somebody else. Empty, with SAML: the persistent NameID.
        groups: groups or app roles.
    """

    uid: str
    groups: str
    login: str
    name: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider of either protocol.

    Attributes:
        name: as `VoiceClient.spec.access` names it, a DNS label.
        email_domains: whose addresses lead to it, in lower case.
        staff_groups: the members of one of these see every client.
        ca_file: the authority of its certificate; None: those that are usual.
    """

    name: str
    display_name: str
    email_domains: frozenset[str]
    staff_groups: frozenset[str]
    claims: Claims
    ca_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Oidc(Provider):
    """A provider by OpenID Connect: AD FS, Microsoft Entra ID, Keycloak, any other.

    Attributes:
        tenants: the only values of the claim `tid` that are let in; empty: the issuer has no tenants.
        graph_url: where to ask for the groups of somebody who has too many for a token; empty: refuse them.
    """

    issuer: str
    client_id: str
    client_secret: SecretValue
    tenants: frozenset[str]
    scopes: tuple[str, ...]
    graph_url: str


@dataclass(frozen=True, kw_only=True)
class Saml(Provider):
    """A provider by SAML 2.0. Requests go to it by the redirect binding.

    Attributes:
        slo_url: where sessions are ended; empty: they are not.
        certificates: with one of which its assertions are signed; in PEM.
    """

    entity_id: str
    sso_url: str
    slo_url: str
    certificates: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ServiceProvider:
    """What the portal itself signs with, and decrypts, with every provider by SAML."""

    key: SecretValue
    certificate: SecretValue


@dataclass(frozen=True, kw_only=True)
class Providers:
    """All of them, by name, in the order of the file."""

    by_name: Mapping[str, Oidc | Saml]
    service_provider: ServiceProvider | None = None

    def of_address(self, address: str) -> Oidc | Saml | None:
        """The provider whose people have e-mail addresses like this one; None: nobody's."""
        local, _, domain = address.strip().rpartition("@")
        if not local:
            return None
        found = (one for one in self.by_name.values() if domain.lower() in one.email_domains)
        return next(found, None)


NONE = Providers(by_name={})
