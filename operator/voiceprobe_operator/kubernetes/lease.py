"""The Lease by which replicas agree on one leader (coordination.k8s.io/v1). Nothing here does I/O."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

# A leader that was not heard of for that long has none of the work any more: the others may take the Lease.
LEASE_SECONDS = 12
# A leader that could not renew for that long ends. The rest up to LEASE_SECONDS is for what it had under way.
RENEW_DEADLINE_SECONDS = 8
RENEW_EVERY_SECONDS = 2
# A waiting replica looks more often: what it has not seen renewed yet, it has to wait for longer.
LOOK_EVERY_SECONDS = 1

Body = dict[str, Any]


@dataclass(slots=True)
class Watched:
    """A Lease as one replica saw it, and when that replica, by its own clock, last saw it change.

    The times that stand in a Lease are the leader's. They are never compared with the clock here, only with
    themselves: clocks may differ as they like.
    """

    body: Body
    since: float

    def seen(self, body: Body, now: float) -> Watched:
        """The Lease as it is now, at `now` seconds of a clock that never goes back."""
        is_same = _mark(body) == _mark(self.body)
        return Watched(body, self.since if is_same else now)

    def free_in(self, now: float) -> float:
        """Seconds until it may be taken; 0 or less: it may."""
        spec = self.body.get("spec") or {}
        if not spec.get("holderIdentity"):
            return 0
        return self.since + float(spec.get("leaseDurationSeconds") or LEASE_SECONDS) - now


def _mark(body: Body) -> object:
    spec = body.get("spec") or {}
    return spec.get("holderIdentity"), spec.get("renewTime"), body["metadata"].get("resourceVersion")


def holder(body: Body) -> str:
    """Who holds the Lease; empty: nobody."""
    return str((body.get("spec") or {}).get("holderIdentity") or "")


def taken(name: str, before: Body | None, identity: str, now: datetime.datetime) -> Body:
    """The Lease that `identity` puts in place of `before` (None: there is none), to take it or to keep it."""
    spec = (before or {}).get("spec") or {}
    is_mine = spec.get("holderIdentity") == identity
    transitions = int(spec.get("leaseTransitions") or 0)
    return _body(name, before) | {
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": spec["acquireTime"] if is_mine else _time(now),
            "renewTime": _time(now),
            "leaseTransitions": transitions if is_mine or before is None else transitions + 1,
        }
    }


def released(name: str, before: Body) -> Body:
    """The Lease with nobody's name in it."""
    kept = {key: value for key, value in before["spec"].items() if key != "holderIdentity"}
    return _body(name, before) | {"spec": kept}


def _body(name: str, before: Body | None) -> Body:
    # With its resourceVersion, so that the API server refuses (409) if somebody else was quicker.
    metadata = before["metadata"] if before else {"name": name}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def _time(now: datetime.datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
