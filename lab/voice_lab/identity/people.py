"""Who there is to sign in: names, mail addresses, groups. Data alone; everybody has the lab's demo password."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "corp.example"
"""The domain's DNS name."""
BASE = "DC=corp,DC=example"
PEOPLE, GROUPS = f"OU=People,{BASE}", f"OU=Groups,{BASE}"
READER = "identity"
"""Name of the account as which Keycloak reads the directory."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account.

    Attributes:
        name: what they type to sign in (`sAMAccountName`).
        given, surname: as people call them.
        mail: its domain chooses the provider at the portal.
        groups: those that they are in directly.
    """

    name: str
    given: str
    surname: str
    mail: str
    groups: tuple[str, ...] = ()


NESTED = {
    "acme-telephony": ("acme-voice-engineers",),
    "acme-voice-engineers": (),
    "acme-voice-viewers": (),
    "globex-voice-engineers": (),
    "globex-voice-viewers": (),
    "voice-staff": (),
}
"""Every group of the domain, with those of which it is a member itself."""

STAFF = (
    Person("alice", "Alice", "Ames", "alice@acme.example", ("acme-telephony",)),
    Person("bob", "Bob", "Baker", "bob@acme.example", ("acme-voice-viewers",)),
    Person("carol", "Carol", "Costa", "carol@globex.example", ("globex-voice-engineers",)),
    Person("dave", "Dave", "Diaz", "dave@provider.example", ("acme-voice-viewers", "globex-voice-engineers")),
    Person("erin", "Erin", "Evans", "erin@provider.example", ("voice-staff",)),
    Person("mallory", "Mallory", "Moss", "mallory@acme.example"),
)
"""The people of the domain."""

FOREIGNERS = (
    Person("grace", "Grace", "Gray", "grace@partner.example", ("partner-voice-viewers",)),
    Person("alice", "Not", "Alice", "alice@acme.example", ("acme-voice-engineers", "voice-staff")),
)
"""The people of the second provider. One has taken the name, the address and the groups of somebody of the domain."""

EVERYBODY = {person.name: person for person in (*FOREIGNERS, *STAFF)}
"""People by name; where two have one, the domain's."""


def groups_of(person: Person) -> set[str]:
    """Every group that a person of the domain is in, directly or because a group of theirs is in it."""
    found: set[str] = set()
    waiting = list(person.groups)
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.add(group)
            waiting.extend(NESTED.get(group, ()))
    return found
