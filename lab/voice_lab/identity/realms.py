"""What Keycloak is to be: two realms, each an identity provider of its own, as Keycloak imports them.

`corp` signs in the people of the Active Directory domain. `partner` has people of its own, among them an impostor: it
is the provider of somebody else, whom the portal must not take for the first.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from voice_lab.identity import people
from voice_lab.identity.people import Person

Realm = dict[str, Any]

CORP, PARTNER = REALMS = ("corp", "partner")
OIDC, SAML = "oidc", "saml"

PROVIDERS = {
    "corp": (CORP, OIDC),
    "corp-saml": (CORP, SAML),
    "partner": (PARTNER, OIDC),
    "partner-saml": (PARTNER, SAML),
}
"""How the portal calls each way in: its realm and protocol."""

OIDC_CLIENT = "voice-portal"
LOGIN_PATH = "/login/"
START_PATH = "/login/{provider}/"
"""Where the portal's page is posted to that leads on to a provider."""
OIDC_REDIRECT_PATH = "/login/{provider}/complete/"
SAML_ENTITY_PATH = "/login/{provider}/metadata.xml"
"""The portal's own entity ID at a provider is the address of its metadata."""
SAML_ACS_PATH = "/login/{provider}/complete/"
SAML_SLS_PATH = "/login/{provider}/ended/"
POST_LOGOUT_PATH = "/"
UNSOLICITED = "voice-portal"
"""The last part of the address at which a provider sends a SAML response that nobody has asked for."""

GROUPS_CLAIM, UID_CLAIM = "groups", "oid"
"""Names of the claims, or SAML attributes, with the groups' plain names and the account's lasting identifier."""

TOKEN_SECONDS = 60
SESSION_SECONDS = 3600


@dataclass(frozen=True)
class Wiring:
    """What differs from lab to lab.

    Attributes:
        portal: the portal's public address.
        directory: the directory's LDAPS address.
        reader_password: of the account as which the directory is read.
        client_secrets: the OIDC client's, by realm.
        password_hash: of the people who are only in Keycloak, as `hash_of` makes it.
        certificate: with which the portal signs SAML requests (DER, base64).
    """

    portal: str
    directory: str
    reader_password: str
    client_secrets: dict[str, str]
    password_hash: str
    certificate: str


HASH_ROUNDS = 27_500
SALT = b"a lab's password"
"""Everybody's: what the lab draws is too long to be guessed, with or without."""


def hash_of(password: str) -> str:
    """A password as Keycloak keeps it: PBKDF2 with SHA-256, in base64."""
    return base64.b64encode(hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, HASH_ROUNDS)).decode()


BLANKS = Wiring(
    portal="http://portal.invalid",
    directory="ldaps://directory.invalid",
    reader_password="blank-reader",  # noqa: S106 - says itself that it is none
    client_secrets={realm: f"blank-secret-{realm}" for realm in REALMS},
    password_hash=hash_of("blank"),
    certificate="blank-certificate",
)
"""Stands where a lab's own belongs. Keycloak takes seconds to make a realm: it makes them once, with these."""


def fillings(wiring: Wiring) -> dict[str, str]:
    """What takes the place of each of `BLANKS`."""
    return {
        BLANKS.portal: wiring.portal,
        BLANKS.directory: wiring.directory,
        BLANKS.reader_password: wiring.reader_password,
        BLANKS.password_hash: wiring.password_hash,
        BLANKS.certificate: wiring.certificate,
        **{BLANKS.client_secrets[realm]: wiring.client_secrets[realm] for realm in REALMS},
    }


def realms(wiring: Wiring) -> list[Realm]:
    """Every realm, in Keycloak's own representation."""
    corp = _realm(CORP, wiring, uid=("oidc-usermodel-attribute-mapper", "saml-user-attribute-mapper", "LDAP_ID"))
    corp["components"] = {"org.keycloak.storage.UserStorageProvider": [_directory(wiring)]}
    partner = _realm(PARTNER, wiring, uid=("oidc-usermodel-property-mapper", "saml-user-property-mapper", "id"))
    partner["groups"] = [{"name": name} for name in sorted({each for one in people.FOREIGNERS for each in one.groups})]
    partner["users"] = [_user(person, wiring.password_hash) for person in people.FOREIGNERS]
    return [corp, partner]


def entity_id(portal: str, provider: str) -> str:
    """The portal's SAML entity ID at one of `PROVIDERS`."""
    return portal + SAML_ENTITY_PATH.format(provider=provider)


def _realm(name: str, wiring: Wiring, uid: tuple[str, str, str]) -> Realm:
    oidc_uid, saml_uid, source = uid
    providers = {protocol: provider for provider, (realm, protocol) in PROVIDERS.items() if realm == name}
    return {
        "realm": name,
        "enabled": True,
        "sslRequired": "all",
        "registrationAllowed": False,
        "resetPasswordAllowed": False,
        "accessCodeLifespan": TOKEN_SECONDS,
        "accessTokenLifespan": TOKEN_SECONDS,
        "ssoSessionIdleTimeout": SESSION_SECONDS,
        "ssoSessionMaxLifespan": SESSION_SECONDS,
        "clients": [
            _oidc_client(wiring, name, providers[OIDC], _mapper(UID_CLAIM, OIDC, oidc_uid, source)),
            _saml_client(wiring, providers[SAML], _mapper(UID_CLAIM, SAML, saml_uid, source)),
        ],
    }


def _oidc_client(wiring: Wiring, realm: str, provider: str, uid: Realm) -> Realm:
    return {
        "clientId": OIDC_CLIENT,
        "protocol": "openid-connect",
        "publicClient": False,
        "secret": wiring.client_secrets[realm],
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,
        "redirectUris": [wiring.portal + OIDC_REDIRECT_PATH.format(provider=provider)],
        "webOrigins": [],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": wiring.portal + POST_LOGOUT_PATH,
        },
        "protocolMappers": [uid, _mapper(GROUPS_CLAIM, OIDC, "oidc-group-membership-mapper", **{"full.path": "false"})],
    }


def _saml_client(wiring: Wiring, provider: str, uid: Realm) -> Realm:
    acs = wiring.portal + SAML_ACS_PATH.format(provider=provider)
    return {
        "clientId": entity_id(wiring.portal, provider),
        "protocol": "saml",
        "frontchannelLogout": True,
        "fullScopeAllowed": False,
        "redirectUris": [acs],
        "attributes": {
            "saml.authnstatement": "true",
            "saml.server.signature": "true",
            "saml.assertion.signature": "true",
            "saml.client.signature": "true",
            "saml.signing.certificate": wiring.certificate,
            "saml.signature.algorithm": "RSA_SHA256",
            "saml.force.post.binding": "true",
            "saml_name_id_format": "persistent",
            "saml_force_name_id_format": "true",
            "saml_assertion_consumer_url_post": acs,
            "saml_single_logout_service_url_redirect": wiring.portal + SAML_SLS_PATH.format(provider=provider),
            "saml_idp_initiated_sso_url_name": UNSOLICITED,
        },
        "defaultClientScopes": [],
        "protocolMappers": [
            uid,
            *_persistent_name_id(uid),
            _mapper(GROUPS_CLAIM, SAML, "saml-group-membership-mapper", single="true", **{"full.path": "false"}),
            _mapper("email", SAML, "saml-user-property-mapper", "email"),
            _mapper("givenName", SAML, "saml-user-property-mapper", "firstName"),
            _mapper("sn", SAML, "saml-user-property-mapper", "lastName"),
        ],
    }


def _persistent_name_id(uid: Realm) -> list[Realm]:
    """The directory's identifier as NameID; Keycloak would draw one, which a fresh Keycloak would draw anew."""
    if uid["protocolMapper"] != "saml-user-attribute-mapper":
        return []
    wanted = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    config = {"user.attribute": uid["config"]["user.attribute"], "mapper.nameid.format": wanted}
    return [
        {"name": "name id", "protocol": "saml", "protocolMapper": "saml-user-attribute-nameid-mapper", "config": config}
    ]


def _mapper(name: str, protocol: str, kind: str, source: str = "", **config: str) -> Realm:
    """Tell of something of a person as the claim, or SAML attribute, `name`."""
    taken = {"user.attribute": source} if source else {}
    if protocol == SAML:
        told = {"attribute.name": name, "attribute.nameformat": "Basic"}
    else:
        places = ("id.token.claim", "access.token.claim", "userinfo.token.claim")
        told = {"claim.name": name, **dict.fromkeys(places, "true")}
        told |= {"jsonType.label": "String"} if source else {}
    protocol_name = "saml" if protocol == SAML else "openid-connect"
    return {"name": name, "protocol": protocol_name, "protocolMapper": kind, "config": {**taken, **told, **config}}


def _user(person: Person, password_hash: str) -> Realm:
    how = {"algorithm": "pbkdf2-sha256", "hashIterations": HASH_ROUNDS}
    kept = {"value": password_hash, "salt": base64.b64encode(SALT).decode()}
    return {
        "username": person.name,
        "enabled": True,
        "email": person.mail,
        "emailVerified": True,
        "firstName": person.given,
        "lastName": person.surname,
        "credentials": [
            {"type": "password", "secretData": json.dumps(kept), "credentialData": json.dumps(how)},
        ],
        "groups": [f"/{group}" for group in person.groups],
    }


def _directory(wiring: Wiring) -> Realm:
    """Where the realm's people are. Nothing of them is kept: each sign-in reads the directory."""
    mappers = [
        _attribute("username", "sAMAccountName", "username", mandatory=True),
        _attribute("first name", "givenName", "firstName"),
        _attribute("last name", "sn", "lastName"),
        _attribute("email", "mail", "email"),
        {
            "name": "account controls",
            "providerId": "msad-user-account-control-mapper",
            "config": {"always.read.enabled.value.from.ldap": ["true"]},
        },
        _groups(),
    ]
    config = {
        "enabled": "true",
        "vendor": "ad",
        "editMode": "READ_ONLY",
        "importEnabled": "true",
        "syncRegistrations": "false",
        "cachePolicy": "NO_CACHE",
        "trustEmail": "true",
        "connectionUrl": wiring.directory,
        "useTruststoreSpi": "always",
        "connectionTimeout": "5000",
        "readTimeout": "5000",
        "authType": "simple",
        "bindDn": f"CN={people.READER},CN=Users,{people.BASE}",
        "bindCredential": wiring.reader_password,
        "usersDn": people.PEOPLE,
        "searchScope": "2",
        "usernameLDAPAttribute": "sAMAccountName",
        "rdnLDAPAttribute": "cn",
        "uuidLDAPAttribute": "objectGUID",
        "userObjectClasses": "person, organizationalPerson, user",
        "pagination": "true",
        "fullSyncPeriod": "-1",
        "changedSyncPeriod": "-1",
    }
    return {
        "name": "active directory",
        "providerId": "ldap",
        "config": _lists(config),
        "subComponents": {"org.keycloak.storage.ldap.mappers.LDAPStorageMapper": mappers},
    }


def _attribute(name: str, directory: str, keycloak: str, *, mandatory: bool = False) -> Realm:
    config = {
        "ldap.attribute": directory,
        "user.model.attribute": keycloak,
        "read.only": "true",
        "always.read.value.from.ldap": str(not mandatory).lower(),
        "is.mandatory.in.ldap": str(mandatory).lower(),
    }
    return {"name": name, "providerId": "user-attribute-ldap-mapper", "config": _lists(config)}


def _groups() -> Realm:
    config = {
        "groups.dn": people.GROUPS,
        "groups.path": "/",
        "group.name.ldap.attribute": "cn",
        "group.object.classes": "group",
        "preserve.group.inheritance": "false",
        "membership.ldap.attribute": "member",
        "membership.attribute.type": "DN",
        "membership.user.ldap.attribute": "sAMAccountName",
        "memberof.ldap.attribute": "memberOf",
        "mode": "READ_ONLY",
        "user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE_RECURSIVELY",
        "drop.non.existing.groups.during.sync": "false",
    }
    return {"name": "groups", "providerId": "group-ldap-mapper", "config": _lists(config)}


def _lists(config: dict[str, str]) -> dict[str, list[str]]:
    """A component's settings as Keycloak has them: each may have several values."""
    return {name: [value] for name, value in config.items()}
