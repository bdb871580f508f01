"""Who somebody is, from what their provider says. It only computes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_portal.config.providers.model import Provider
from voice_portal.federation.refusals import Refused

LONGEST_UID = 255
# What `VoiceClient.spec.access` can name. A longer one opens nothing, so nothing is lost without it.
LONGEST_GROUP = 255
MOST_GROUPS = 10_000
# In place of the groups, where a token or an assertion has no room for them: Entra ID, above 200 and 150 groups.
LINK = "http://schemas.microsoft.com/claims/groups.link"
TOO_MANY = (
    "You are in more groups than {provider} can tell at once, so the portal cannot know which of them count. Ask"
    " whoever runs the sign-in at your company to have it tell app roles, or only the groups assigned to this portal."
)
UNKNOWN = (
    "{provider} does not say who you are in a way that lasts. Ask whoever runs the sign-in at your company to look at"
    " the portal's settings."
)


@dataclass(frozen=True)
class Person:
    """Somebody at a provider, as of now."""

    uid: str
    login: str
    name: str
    email: str
    groups: frozenset[str] = field(repr=False)


def person(provider: Provider, told: Mapping[str, Any], groups: list[str] | None = None) -> Person:
    """Who `told`, the provider's claims or attributes, is about; `groups`: those that were asked for in their place.

    Raises Refused where that is not told, or not wholly.
    """
    claims = provider.claims
    login = _text(told, claims.login) or _text(told, claims.email)
    uid = _text(told, claims.uid)
    if not uid or len(uid) > LONGEST_UID or uid != uid.strip() or not uid.isprintable():
        raise Refused(
            UNKNOWN.format(provider=provider.display_name),
            f"the claim {claims.uid!r} is missing, or no text of 1 to {LONGEST_UID} characters",
            login,
        )
    found = frozenset(_groups(provider, told, login) if groups is None else groups)
    if len(found) > MOST_GROUPS:
        raise Refused(TOO_MANY.format(provider=provider.display_name), f"{len(found)} groups", login)
    known = frozenset(one for one in found if len(one) <= LONGEST_GROUP)
    return Person(uid, login or uid, _text(told, claims.name), _text(told, claims.email), known)


def lacks_groups(provider: Provider, told: Mapping[str, Any]) -> bool:
    """Whether the groups were left out, as they are too many: then no list that is there is the whole one."""
    names = told.get("_claim_names") or {}
    left_out = provider.claims.groups in names if isinstance(names, Mapping) else True
    is_hidden = bool(told.get("hasgroups")) and provider.claims.groups == "groups"
    return left_out or is_hidden or LINK in told


def _groups(provider: Provider, told: Mapping[str, Any], login: str) -> list[str]:
    if lacks_groups(provider, told):
        raise Refused(TOO_MANY.format(provider=provider.display_name), "the groups were left out of the token", login)
    value = told.get(provider.claims.groups, [])
    # One alone may be told without a list around it.
    groups = [value] if isinstance(value, str) else value
    if not isinstance(groups, list) or not all(isinstance(one, str) and one for one in groups):
        raise Refused(
            f"{provider.display_name} does not say which groups you are in, in a way that the portal understands.",
            f"the claim {provider.claims.groups!r} is no list of texts",
            login,
        )
    return groups


def _text(told: Mapping[str, Any], name: str) -> str:
    """The claim, or the only value of the attribute, of that name; empty: there is none."""
    value = told.get(name) if name else None
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return value if isinstance(value, str) else ""
