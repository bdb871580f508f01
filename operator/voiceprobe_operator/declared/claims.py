"""Whose numbers the probes name: two claims to one number are settled here. Nothing here does I/O.

A number by itself decides whose a call is only where the provider allotted it. Of the probes whose receivers have one
number, the one whose client it is allotted to keeps it; if it is allotted to nobody, the eldest. Claims are kept by the
number's key: a change costs what else claims that number, however many probes there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from voiceprobe_operator import numbers
from voiceprobe_operator.declared.allotments import Allotments, Standing
from voiceprobe_operator.model import Allotment, Probe
from voiceprobe_operator.numbers import NumberRights

Verdict = Literal["own", "free", "taken"]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """That a probe, by (client, name), names `user`: as its receiver's, or as what it calls."""

    probe: Name
    user: str
    is_receiver: bool
    created: str
    uid: str

    @property
    def client(self) -> str:
        """Whose probe it is."""
        return self.probe[0]


class Claims:
    """What every probe claims, and what came of it. Nothing is worked out before somebody asks."""

    def __init__(self) -> None:
        self.allotments = Allotments()
        self._declared: dict[str, Allotment] = {}
        self._anew = False
        self._of: dict[Name, tuple[Claim, ...]] = {}
        self._by_key: dict[str, set[Claim]] = defaultdict(set)
        self._verdicts: dict[Claim, Verdict] = {}
        self._unsettled: set[str] = set()
        # An ordered set: those who lost something come first, so that nobody is given what another still has.
        self._changed: dict[str, None] = {}

    def put_probe(self, probe: Probe) -> None:
        """A probe as it is declared now."""
        name = (probe.ref.namespace, probe.ref.name)
        ends = ((probe.receiver_address, True), (probe.destination, False))
        claims = tuple(Claim(name, numbers.user_part(a), is_r, probe.created, probe.ref.uid) for a, is_r in ends)
        if self._of.get(name) != claims:
            self.drop_probe(name)
            self._of[name] = claims
            for claim in claims:
                self._touch(claim).add(claim)

    def drop_probe(self, name: Name) -> None:
        """A probe is declared no more."""
        for claim in self._of.pop(name, ()):
            self._touch(claim).discard(claim)
            self._verdicts.pop(claim, None)

    def _touch(self, claim: Claim) -> set[Claim]:
        key = numbers.key(claim.user)
        self._unsettled.add(key)
        return self._by_key[key]

    def put_allotment(self, allotment: Allotment) -> None:
        """An allotment as it is declared now."""
        if self._declared.get(allotment.ref.name) != allotment:
            self._declared[allotment.ref.name] = allotment
            self._anew = True

    def drop_allotment(self, name: str) -> None:
        """An allotment is declared no more."""
        self._anew = self._declared.pop(name, None) is not None or self._anew

    def rights(self, name: Name) -> NumberRights:
        """What came of the claims of a probe."""
        self.settle()
        claims = self._of.get(name, ())
        own = [claim.user for claim in claims if self._verdicts[claim] == "own"]
        taken = next((claim.user for claim in claims if self._verdicts[claim] == "taken"), None)
        return NumberRights(tuple(dict.fromkeys(own)), taken)

    def standing(self, client: str, user: str) -> Standing:
        """Whose a number is, as `client` sees it."""
        self.settle()
        return self.allotments.standing(client, user)

    def take_changed(self) -> list[str]:
        """The clients to whose probes something came or went since this was asked last, the losers first."""
        self.settle()
        changed, self._changed = list(self._changed), {}
        return changed

    def settle(self) -> None:
        """Work out what is not up to date."""
        if self._anew:
            self._anew = False
            before, self.allotments = self.allotments.entries, Allotments(self._declared.values())
            self._unsettle(entry.text for entry in before ^ self.allotments.entries)
        if not self._unsettled:
            return
        losers: dict[str, None] = {}
        winners: dict[str, None] = {}
        for key in self._unsettled:
            claims = self._by_key.get(key, set())
            if not claims:
                self._by_key.pop(key, None)
            for claim, verdict in evaluate(claims, self.allotments).items():
                before_it = self._verdicts.get(claim, "free")
                self._verdicts[claim] = verdict
                if verdict != before_it:
                    (winners if _better(verdict, before_it) else losers)[claim.client] = None
        self._unsettled.clear()
        self._changed = self._changed | losers | winners

    def _unsettle(self, entries: Iterable[str]) -> None:
        for text in entries:
            if numbers.is_range(text):
                self._unsettled.update(self._by_key)
            else:
                self._unsettled.add(numbers.key(text))


def evaluate(claims: Iterable[Claim], allotments: Allotments) -> dict[Claim, Verdict]:
    """What comes of claims to numbers of one key, all that there are.

    In the end no two clients have one number for their own, and no two clients' receivers have one number.
    """
    standings = {claim: allotments.standing(claim.client, claim.user) for claim in claims}
    is_contested = len({claim.client for claim in standings}) > 1
    admitted = _Admitted()
    result: dict[Claim, Verdict] = {}
    for claim in sorted(standings, key=lambda claim: _rank(claim, standings[claim])):
        standing = standings[claim]
        if standing == "nobody" and not claim.is_receiver:
            result[claim] = "free"  # anybody may call any number
        elif standing == "other" or (is_contested and admitted.by_another(claim)):
            result[claim] = "taken" if claim.is_receiver else "free"
        else:
            if is_contested:
                admitted.add(claim)
            result[claim] = "own" if standing == "own" else "free"
    return result


def _rank(claim: Claim, standing: Standing) -> tuple[bool, bool, str, str, bool]:
    """The lower, the better; of two that are allotted, the one that is written in full."""
    is_own = standing == "own"
    is_in_full = is_own and numbers.is_international(claim.user)
    return (not is_own, not is_in_full, claim.created, claim.uid, not claim.is_receiver)


def _better(verdict: Verdict, before: Verdict) -> bool:
    order = ("taken", "free", "own")
    return order.index(verdict) > order.index(before)


class _Admitted:
    """Numbers that are somebody's by now, so that one look tells whether another is the same."""

    def __init__(self) -> None:
        self._whole: dict[str, set[str]] = defaultdict(set)
        self._endings: dict[str, set[str]] = defaultdict(set)

    def add(self, claim: Claim) -> None:
        self._whole[numbers.comparable(claim.user)].add(claim.client)
        for ending in numbers.endings(claim.user):
            self._endings[ending].add(claim.client)

    def by_another(self, claim: Claim) -> bool:
        mine = {claim.client}
        longer = self._endings.get(numbers.comparable(claim.user), mine) - mine
        return bool(longer) or any(self._whole.get(ending, mine) - mine for ending in numbers.endings(claim.user))
