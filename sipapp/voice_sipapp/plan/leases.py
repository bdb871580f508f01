"""Who should call which probe, and how sure a host may be of what it holds. Pure: times come in as arguments.

Every host works out the same answer from the same list of hosts (rendezvous hashing), so that nobody has to lead. The
database says what is held (`voice_probe_lease`), by its own clock alone; a host measures on its own monotonic clock
only how long ago it asked.

A host that is cut off from the database goes on calling what it held, since the database may be away for everybody.
Where it is only this host's way that is cut, another host takes its probes after `TTL_S`, and until the way is back
both call them: twice as many calls, each with a record of its own, rather than none.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

TTL_S = 8
"""How long a lease lasts without being renewed, and how old the heartbeat of a host may be that counts as alive."""


CATCH_UP_S = 12
"""Of a probe that was nobody's for less than this, the start that fell into that time is made up for."""


class Lease(NamedTuple):
    """The right to be one `party` (`dialer` or `receiver`) of a probe's calls."""

    client: str
    probe: str
    party: str


@dataclass(frozen=True)
class Host:
    """A host that is alive, and what it may hold: its `parties`, and whose probes (`clients`; empty: everybody's)."""

    name: str
    parties: tuple[str, ...]
    clients: tuple[str, ...] = ()

    def may_hold(self, lease: Lease) -> bool:
        """Whether `lease` is one that this host was set up for."""
        return lease.party in self.parties and (not self.clients or lease.client in self.clients)


def holder(lease: Lease, hosts: Iterable[Host]) -> str | None:
    """The name of the one among `hosts` that should hold `lease`: the same on every host, and as even as chance.

    A host more or less moves only what it wins or held (highest random weight; Thaler and Ravishankar, 1996).
    """
    return max(
        (host.name for host in hosts if host.may_hold(lease)), key=lambda name: _weight(lease, name), default=None
    )


def _weight(lease: Lease, host: str) -> tuple[bytes, str]:
    return hashlib.sha256("/".join((*lease, host)).encode()).digest(), host


def share(own: str, hosts: Collection[Host], leases: Iterable[Lease]) -> frozenset[Lease]:
    """Those of `leases` that the host named `own` should hold."""
    return frozenset(lease for lease in leases if holder(lease, hosts) == own)


class Tenure:
    """What this host holds. Times are seconds of a monotonic clock; one thread tells, any thread asks."""

    def __init__(self, held: frozenset[Lease] = frozenset()) -> None:
        """`held`: what it held when it last ran, which counts only while the database can't be asked."""
        self.held = held
        self._sure_until = float("-inf")
        self._away = False

    def renewed(self, held: frozenset[Lease], asked_at: float) -> None:
        """The database said what this host holds, to a question that was sent at `asked_at`."""
        self.held, self._sure_until, self._away = held, asked_at + TTL_S, False

    def failed(self) -> None:
        """The database could not be asked."""
        self._away = True

    def may_call(self, now: float) -> bool:
        """Whether to call what is held: the lease lasts, or the database is away.

        Otherwise this process stood still for longer than its leases (a frozen virtual machine, say): somebody else
        may hold them by now, so it asks first.
        """
        return self._away or now < self._sure_until
