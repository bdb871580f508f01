"""Which probes a called number may be of. Pure.

SBCs and carriers rewrite numbers, so one that is written in another way counts as the same. What a number is worth as
a proof is another matter: a client writes the addresses of its probes as it likes, so without the call's header only a
number that the provider allotted tells whose call it is, and one that is not must be confirmed by the call's code.
"""

import re
from collections.abc import Iterable
from enum import IntEnum
from urllib.parse import unquote

from voice_sipapp.plan.probe import Probe

SHORTEST_NATIONAL = 7
"""A number of at least so many digits is taken for another one that ends with it: country codes come and go."""


class Worth(IntEnum):
    """What it is worth that a probe has the number that was called; the least is worth most."""

    ALLOTTED = 0
    """The provider allotted this very number to the probe's client."""
    ALLOTTED_ALIKE = 1
    """The provider allotted it, written with another country code or without one."""
    TO_BE_CONFIRMED = 2
    """The client wrote it, and its calls press a code."""
    WRITTEN = 3
    """The client wrote it: worth nothing."""


class Directory:
    """The probes of a plan by their numbers: made once a plan, for strangers may ask many times a second."""

    def __init__(self, probes: Iterable[Probe] = ()) -> None:
        self.probes = list(probes)
        self._exact: dict[str, list[tuple[Probe, Worth]]] = {}
        self._tails: dict[str, list[tuple[str, Probe, Worth]]] = {}
        for probe in self.probes:
            allotted = {comparable(name) for name in probe.allotted_numbers}
            for name in {comparable(user) for user in (probe.receiver.user, probe.destination.user) if user} | allotted:
                own = Worth.TO_BE_CONFIRMED if probe.confirm else Worth.WRITTEN
                worth = Worth.ALLOTTED if name in allotted else own
                self._exact.setdefault(name, []).append((probe, worth))
                if _is_number(name) and len(name) >= SHORTEST_NATIONAL:
                    self._tails.setdefault(name[-SHORTEST_NATIONAL:], []).append((name, probe, worth))

    def called(self, users: Iterable[str | None]) -> dict[Probe, Worth]:
        """The probes that one of `users`, the user parts of an INVITE's addresses, may mean, and how well."""
        found: dict[Probe, Worth] = {}
        for user in {comparable(user) for user in users if user}:
            for probe, worth in self._of(user):
                found[probe] = min(worth, found.get(probe, worth))
        return found

    def _of(self, user: str) -> Iterable[tuple[Probe, Worth]]:
        yield from self._exact.get(user, ())
        if not _is_number(user) or len(user) < SHORTEST_NATIONAL:
            return
        for name, probe, worth in self._tails.get(user[-SHORTEST_NATIONAL:], ()):
            if name != user and (name.endswith(user) or user.endswith(name)):
                yield probe, Worth.ALLOTTED_ALIKE if worth is Worth.ALLOTTED else worth


def claimants(called: dict[Probe, Worth]) -> list[Probe]:
    """The probes of which a call without a header may be one, all of one client: those whose number is worth most.
    None where it is worth nothing, or worth as much to two clients.
    """
    best = min(called.values(), default=Worth.WRITTEN)
    if best is Worth.WRITTEN:
        return []
    found = [probe for probe, worth in called.items() if worth is best]
    return found if len({probe.client for probe in found}) == 1 else []


def comparable(user: str) -> str:
    """The user part of a SIP URI in the one form in which it is compared: of a telephone number the digits that matter,
    without "+", "00", trunk prefix, separators (RFC 3966: visual separators mean nothing), escapes and telephone
    parameters; a name in small letters.
    """
    user = unquote(user.split(";", maxsplit=1)[0] or user)
    bare = re.sub(r"[-.() ]", "", user)
    digits = bare.lstrip("+").lstrip("0") if re.fullmatch(r"\+?[0-9]+", bare) else ""
    return digits or user.lower()


def _is_number(user: str) -> bool:
    """Whether `user`, in comparable form, is a telephone number: one begins with no zero."""
    return user.isascii() and user.isdecimal() and not user.startswith("0")


def same_number(one: str, other: str) -> bool:
    """Whether two users of SIP URIs are the same telephone number, however written, or the same name."""
    shorter, longer = sorted((comparable(one), comparable(other)), key=len)
    is_tail = _is_number(shorter) and _is_number(longer) and len(shorter) >= SHORTEST_NATIONAL
    return shorter == longer or (is_tail and longer.endswith(shorter))
