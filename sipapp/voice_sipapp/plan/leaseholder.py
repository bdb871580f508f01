"""Takes, renews and gives back this host's leases: the one place where `leases` meets the database."""

import time
from collections.abc import Callable, Collection

import pyodbc

from voice_sipapp.plan import plandb
from voice_sipapp.plan.leases import Host, Lease, Tenure, share

LetGo = Callable[[frozenset[Lease]], tuple[frozenset[Lease], float]]


def clock() -> float:
    """Seconds of a clock that nobody sets and that counts the time in which the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leaseholder:
    """The leases of the host `own`. `let_go` is asked before leases are given back: it stops calling them and returns
    those of which no call is up or about to start, with the `clock()` of that moment; the others are kept until the
    next time.
    """

    def __init__(self, own: Host, let_go: LetGo) -> None:
        self.own = own
        self.tenure = Tenure()
        self.free_since: dict[Lease, float] = {}
        """Of leases that were taken of late: the `clock()` since which nobody had called their probes."""
        self.others: tuple[str, ...] = ()
        """The names of the other hosts that may hold leases."""
        self._let_go = let_go
        self._known: tuple[Collection[Host], frozenset[Lease]] | None = None
        self._share: frozenset[Lease] = frozenset()

    def remember(self, held: frozenset[Lease]) -> None:
        """What this host held when it last ran; what it was set up for may have changed since."""
        self.tenure = Tenure(frozenset(lease for lease in held if self.own.may_hold(lease)))

    def exchange(self, connection: pyodbc.Connection, leases: frozenset[Lease]) -> None:
        """Renew what is held, take what is this host's share of `leases` and free, give back what is another's.

        Raises pyodbc.Error; what was let go is then no longer called although it is held, until the caller is told.
        """
        asked_at = clock()
        held = self.tenure.held
        if plandb.renew(connection, self.own.name) != len(held):
            held = plandb.held(connection, self.own.name)
        wanted = self._wanted(plandb.live_hosts(connection), leases)
        unwanted, taking = held - wanted, wanted - held
        giving, left_at = self._let_go(unwanted) if unwanted else (unwanted, asked_at)
        if giving or taking:
            free_for, looked_at = plandb.free_for(connection) if taking else {}, clock()
            plandb.exchange(connection, self.own.name, taking, giving, clock() - left_at)
            held = plandb.held(connection, self.own.name)
            self.free_since |= {lease: looked_at - free_for[lease] for lease in taking & held & free_for.keys()}
        self.tenure.renewed(held, asked_at)

    def stop_holding(self) -> None:
        """This host is not to call: another one has its name."""
        self.tenure.renewed(frozenset(), clock())

    def _wanted(self, hosts: Collection[Host], leases: frozenset[Lease]) -> frozenset[Lease]:
        self.others = tuple(host.name for host in hosts if host.name != self.own.name)
        if self._known != (hosts, leases):
            self._known, self._share = (hosts, leases), share(self.own.name, hosts, leases)
        return self._share
