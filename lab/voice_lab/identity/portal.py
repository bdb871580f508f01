"""The identity providers as the portal is told of them: the chart's values, and what its Secret and ConfigMap hold."""

from __future__ import annotations

from typing import Any

from voice_lab.context import Lab
from voice_lab.identity import login, realms
from voice_lab.services import identity

SECRET, AUTHORITY = "voice-portal-providers", "voice-providers-ca"
DOMAINS = {
    "corp": ["acme.example", "globex.example", "provider.example"],
    "partner": ["partner.example"],
}
"""Whose addresses lead to which provider; to the others leads a button alone."""
STAFF_GROUPS = {"corp": ["voice-staff"], "corp-saml": ["voice-staff"]}
NAMES = {"corp": "Corp", "corp-saml": "Corp (SAML)", "partner": "Partner", "partner-saml": "Partner (SAML)"}


def is_there(lab: Lab) -> bool:
    """Whether the lab has an identity provider, which not every lab starts."""
    return (lab.folder / identity.NAME).exists()


def values(lab: Lab) -> dict[str, Any]:
    """Return the chart's values below `portal`; none where there is no provider."""
    if not is_there(lab):
        return {}
    providers = [_provider(lab, name, *of) for name, of in realms.PROVIDERS.items()]
    return {"providers": providers, "providersSecret": SECRET, "providersCaConfigMap": AUTHORITY}


def secret(lab: Lab) -> dict[str, str]:
    """Return what the Secret of `values` holds."""
    keys = lab.folder / "pki"
    oidc = {name: realm for name, (realm, protocol) in realms.PROVIDERS.items() if protocol == realms.OIDC}
    return {
        **{name: identity.client_secret_file(lab, realm).read_text() for name, realm in oidc.items()},
        "saml.key": (keys / f"{identity.PORTAL_KEY}.key").read_text(),
        "saml.crt": (keys / f"{identity.PORTAL_KEY}.pem").read_text(),
    }


def _provider(lab: Lab, name: str, realm: str, protocol: str) -> dict[str, Any]:
    told = {
        "name": name,
        "displayName": NAMES[name],
        "protocol": protocol,
        "emailDomains": DOMAINS.get(name, []),
        "staffGroups": STAFF_GROUPS.get(name, []),
        "groupsClaim": realms.GROUPS_CLAIM,
        "uidClaim": realms.UID_CLAIM,
    }
    if protocol == realms.SAML:
        return {**told, "metadata": _metadata(lab, realm), "loginClaim": "email", "nameClaim": "givenName"}
    return {**told, "issuer": identity.issuer(lab, realm), "clientId": realms.OIDC_CLIENT}


def _metadata(lab: Lab, realm: str) -> str:
    with login.browser(identity.authority(lab), seconds=10) as client:
        return client.get(f"{identity.issuer(lab, realm)}/protocol/saml/descriptor").raise_for_status().text
