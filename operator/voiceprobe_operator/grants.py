"""To whom a client is open in the portal, as its VoiceClient says. Nothing here does I/O.

A sign-in provider says which groups a person is in; `spec.access` says what a group may do here. Group names are
compared as exact text by whoever reads this, so nothing of them is changed: no case, no blank, no accent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from voiceprobe_operator.fingerprints import canonical

ROLES = ("Viewer", "Engineer")
"""From the lower to the higher one, which may all that the lower one may."""
LONGEST_GROUP = 255
_PROVIDER = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
# Control characters, and what ends a line or a paragraph.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def access_row(spec: Sequence[Mapping[str, Any]]) -> str | None:
    """What the column `voice_client.access` holds for `spec.access`; None: the client is open to nobody.

    JSON in the one spelling in which the same access is the same text: a list of `{"provider", "group", "role"}`,
    sorted, each provider's group once. Where two entries name the same group, the higher role holds. Raises KeyError
    for an entry that lacks something, ValueError for one that cannot work.
    """
    ranks: dict[tuple[str, str], int] = {}
    for entry in spec:
        provider, rank = _provider(entry["provider"]), _rank(entry["role"])
        for group in entry["groups"]:
            key = (provider, _group(group))
            ranks[key] = max(rank, ranks.get(key, rank))
    rows = [
        {"provider": provider, "group": group, "role": ROLES[rank].lower()}
        for (provider, group), rank in sorted(ranks.items())
    ]
    return canonical(rows) if rows else None


# The CRD says all of this too, but an older CRD may still be installed, and this opens a client to people.
def _provider(text: str) -> str:
    if not _PROVIDER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a sign-in provider, such as corp")
    return text


def _rank(role: str) -> int:
    if role not in ROLES:
        raise ValueError(f"{role!r} is not a role: Viewer or Engineer")
    return ROLES.index(role)


def _group(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_GROUP or _UNPRINTABLE.search(text):
        raise ValueError(f"{text[:40]!r} is not a group: a line of text with at most {LONGEST_GROUP} characters")
    return text
