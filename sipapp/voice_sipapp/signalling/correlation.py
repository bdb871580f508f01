"""Tells the calls of our probes from strangers', although SBCs and carriers strip headers and rewrite numbers. Pure.

In this order: the header that the dialer sends, where it survived; then the called number together with a call that
is up here without its receiver; then the called number at a time when a call of that probe is due from another host.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from voice_sipapp.plan import schedule
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid

BEFORE = timedelta(seconds=40)
"""How long before its INVITE arrives here a call may have started: name look-ups, ringing elsewhere, an IVR."""

AFTER = timedelta(seconds=5)
"""By how much the clocks of two SIP hosts may differ."""

SHORTEST_NATIONAL = 7
"""A number of at least so many digits is taken for another one that ends with it: country codes come and go."""


@dataclass(frozen=True)
class Invite:
    """What is known of an INVITE that came in. `header` is the call header's text, None where there is none; `source`
    the sender's address and port; `description` the offer ("" where there is none).
    """

    header: str | None
    request_user: str | None
    to_user: str | None
    from_user: str | None
    source: str
    description: str


@dataclass(frozen=True)
class OwnCall:
    """A call that this host is the dialer of. `reached`: its receiver's leg came in already, or came and went."""

    uuid: UUID
    probe: Probe
    reached: bool


@dataclass(frozen=True)
class Recognised:
    """A call of a probe of ours. `uuid` is None where only number and time tell; `here`: its dialer is this host."""

    probe: Probe
    uuid: UUID | None
    here: bool
    by_header: bool


def recognise(
    invite: Invite,
    calls: Collection[OwnCall],
    probes: Iterable[Probe],
    expected: Callable[[Probe], bool],
    now: datetime,
) -> Recognised | None:
    """Whose call `invite` is, or None for a stranger's. `expected` tells whether another host may just be calling."""
    uuid = _uuid(invite.header)
    if uuid is not None:
        return _by_header(uuid, invite, calls, probes, expected, now)
    called = list(_called(invite, probes))
    waiting = {call.probe.key: call for call in calls if not call.reached}
    for probe in called:
        if probe.key in waiting:
            call = waiting[probe.key]
            return Recognised(call.probe, call.uuid, here=True, by_header=False)
    due = next((probe for probe in called if expected(probe)), None)
    return Recognised(due, None, here=False, by_header=False) if due else None


def is_due(probe: Probe, now: datetime) -> bool:
    """Whether the schedule of `probe` makes a host start a call at about `now`."""
    if probe.suspended:
        return False
    try:
        return schedule.next_start(probe, now - BEFORE) <= now + AFTER
    except (ValueError, OverflowError):  # a schedule without a next start
        return False


def _by_header(
    uuid: UUID,
    invite: Invite,
    calls: Collection[OwnCall],
    probes: Iterable[Probe],
    expected: Callable[[Probe], bool],
    now: datetime,
) -> Recognised | None:
    for call in calls:
        if call.uuid == uuid:
            return None if call.reached else Recognised(call.probe, uuid, here=True, by_header=True)
    if not now - BEFORE <= calluuid.started_at(uuid) <= now + AFTER:
        return None  # of a call that is long over: somebody repeats what was seen on the way
    # Several probes may call the same number; then the one that is due.
    called = sorted(_called(invite, probes), key=lambda probe: not expected(probe))
    return Recognised(called[0], uuid, here=False, by_header=True) if called else None


def _uuid(header: str | None) -> UUID | None:
    """The identity of a call in `header`; None where there is none, or what is there is none of ours."""
    try:
        uuid = UUID((header or "").strip())
    except ValueError:
        return None
    return uuid if uuid.version == 7 else None


def _called(invite: Invite, probes: Iterable[Probe]) -> Iterator[Probe]:
    """The probes whose receiver or destination was called; those that match to the letter come first."""
    users = [user for user in (invite.request_user, invite.to_user) if user]
    alike: list[Probe] = []
    for probe in probes:
        names = [name for name in (probe.receiver.user, probe.destination.user) if name]
        if any(user == name for user in users for name in names):
            yield probe
        elif any(same_number(user, name) for user in users for name in names):
            alike.append(probe)
    yield from alike


def same_number(one: str, other: str) -> bool:
    """Whether two users of SIP URIs are the same telephone number, written with or without "+", "00", country code,
    trunk prefix and separators; or the same name, whatever its case.
    """
    numbers = _number(one), _number(other)
    if not all(numbers):
        return one.lower() == other.lower()
    shorter, longer = sorted(numbers, key=len)
    return shorter == longer or (len(shorter) >= SHORTEST_NATIONAL and longer.endswith(shorter))


def _number(user: str) -> str:
    """The digits that matter of a telephone number; "" for what is none (RFC 3966: visual separators mean nothing)."""
    bare = re.sub(r"[-.() ]", "", user.split(";", maxsplit=1)[0])
    return bare.lstrip("+").lstrip("0") if re.fullmatch(r"\+?[0-9]+", bare) else ""
