"""What a provider's own metadata say of it (saml-metadata-2.0-os), such as FederationMetadata.xml of AD FS."""

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException, ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


class NoMetadata(Exception):
    """The text is no metadata of a provider; in words."""


@dataclass(frozen=True)
class Metadata:
    """Of one provider; `slo_url` may be empty."""

    entity_id: str
    sso_url: str
    slo_url: str
    certificates: tuple[str, ...]


def read(text: str) -> Metadata:
    """What the document says; raises NoMetadata."""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise NoMetadata(f"is no XML: {error}") from error
    entities = [one for one in root.iter(f"{MD}EntityDescriptor") if one.find(f"{MD}IDPSSODescriptor") is not None]
    if len(entities) != 1:
        raise NoMetadata(f"must describe one provider of identity, and describes {len(entities)}")
    described = entities[0].find(f"{MD}IDPSSODescriptor")
    assert described is not None  # noqa: S101 - chosen so
    sso_url = _location(described, "SingleSignOnService")
    if not sso_url:
        raise NoMetadata("names no SingleSignOnService with the binding HTTP-Redirect")
    certificates = tuple(_certificates(described))
    if not certificates:
        raise NoMetadata("holds no certificate that assertions are signed with")
    return Metadata(entities[0].get("entityID", ""), sso_url, _location(described, "SingleLogoutService"), certificates)


def _location(described: "Element", service: str) -> str:
    services = described.iter(f"{MD}{service}")
    return next((one.get("Location", "") for one in services if one.get("Binding") == REDIRECT), "")


def _certificates(described: "Element") -> list[str]:
    keys = [key for key in described.iter(f"{MD}KeyDescriptor") if key.get("use", "signing") == "signing"]
    texts = ["".join((one.text or "").split()) for key in keys for one in key.iter(f"{DS}X509Certificate")]
    return [_pem(text) for text in dict.fromkeys(texts)]


def _pem(base64: str) -> str:
    return "\n".join(("-----BEGIN CERTIFICATE-----", *wrap(base64, 64), "-----END CERTIFICATE-----"))
