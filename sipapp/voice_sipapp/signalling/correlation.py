"""Tells the calls of our probes from others', although SBCs and carriers strip headers and rewrite numbers. Pure.

A leg is *genuine* where the header of its INVITE proves whose it is, or the code that is pressed later. Without a
header it is at most *presumed* to be of a probe whose number was called: of a call that is up here without its
receiver, or of one that is due from another host. Who came first proves nothing: where two may be meant, none is taken
for certain.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import chain
from uuid import UUID

from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey, Claim
from voice_sipapp.signalling.numbers import Directory, claimants
from voice_sipapp.signalling.openings import Opening
from voice_sipapp.signalling.sip.events import Invite

MOST_UNCONFIRMED = 3
"""How many legs of one call are listened to for its code at once."""


@dataclass(frozen=True)
class OwnCall:
    """A call that this host is the dialer of. `over`: the dialer's side is; `genuine`: it has its receiver for certain;
    `presumed`: how many legs may be its receiver.
    """

    uuid: UUID
    probe: Probe
    over: bool = False
    genuine: bool = False
    presumed: int = 0


@dataclass(frozen=True)
class Recognised:
    """A call of a probe of ours. `uuid` is None where only number and time tell; `here`: its dialer is this host."""

    probe: Probe
    uuid: UUID | None
    here: bool
    genuine: bool


@dataclass(frozen=True)
class Refused:
    """Nobody's, as far as is known. It may have been of one of the calls `contested` of this host, or of other hosts'
    calls of the probes `contested_elsewhere`, of which somebody else has the place. `unproven`: calls of this host the
    number of which was called, which proves nothing.
    """

    contested: tuple[UUID, ...] = ()
    contested_elsewhere: tuple[Probe, ...] = ()
    unproven: tuple[UUID, ...] = ()


Openings = Callable[[Probe], Opening]


def recognise(
    invite: Invite, calls: Collection[OwnCall], directory: Directory, openings: Openings, key: CallKey, now: datetime
) -> Recognised | Refused:
    """Whose call `invite` is. `openings` tells whether another host may just be calling a probe."""
    claim = key.claim(invite.header)
    called = directory.called((invite.request_user, invite.to_user))
    if claim is not None:
        # Whose number was called is likely to be whose call it is; it proves nothing.
        return _by_header(claim, calls, chain(called, directory.probes), key, now)
    probes = claimants(called)
    if not probes:
        return Refused(unproven=tuple(call.uuid for call in calls if call.probe in called and not call.over))
    return _by_number(probes, calls, openings)


def _by_header(
    claim: Claim, calls: Collection[OwnCall], probes: Iterable[Probe], key: CallKey, now: datetime
) -> Recognised | Refused:
    for call in calls:
        if call.uuid == claim.uuid:
            ours = not (call.over or call.genuine) and key.proves(claim, *call.probe.key)
            return Recognised(call.probe, call.uuid, here=True, genuine=True) if ours else Refused()
    if not calluuid.may_arrive(claim.uuid, now):
        return Refused()  # of a call that is long over: somebody repeats what was seen on the way
    owner = next((probe for probe in probes if key.proves(claim, *probe.key)), None)
    return Recognised(owner, claim.uuid, here=False, genuine=True) if owner else Refused()


class _Rank(IntEnum):
    """What may come of an INVITE without a header for one of the probes that were called; the least is preferred."""

    OWN = 0
    ELSEWHERE = 1
    CONTESTED = 2
    NOBODY = 3


def _by_number(probes: Collection[Probe], calls: Collection[OwnCall], openings: Openings) -> Recognised | Refused:
    ranked = [(*_rank(probe, calls, openings), probe) for probe in probes]
    rank, waiting, probe = min(ranked, key=lambda each: each[0])
    if rank is _Rank.OWN:
        return Recognised(waiting[0].probe, waiting[0].uuid, here=True, genuine=False)
    if rank is _Rank.ELSEWHERE:
        return Recognised(probe, None, here=False, genuine=False)
    contested = [(waiting, probe) for rank, waiting, probe in ranked if rank is _Rank.CONTESTED]
    return Refused(
        tuple(call.uuid for waiting, _ in contested for call in waiting),
        tuple(probe for waiting, probe in contested if not waiting),
    )


def _rank(probe: Probe, calls: Collection[OwnCall], openings: Openings) -> tuple[_Rank, list[OwnCall]]:
    own = [call for call in calls if call.probe.key == probe.key and not call.over]
    waiting = sorted((call for call in own if not call.genuine), key=lambda call: call.presumed)
    if waiting:
        room = waiting[0].presumed < (MOST_UNCONFIRMED if probe.confirm else 1)
        return (_Rank.OWN if room else _Rank.CONTESTED), waiting
    if own and not probe.allow_overlap:
        return _Rank.NOBODY, []
    opening = openings(probe)
    ranks = {Opening.OPEN: _Rank.ELSEWHERE, Opening.TAKEN: _Rank.CONTESTED, Opening.NONE: _Rank.NOBODY}
    return ranks[opening], []
