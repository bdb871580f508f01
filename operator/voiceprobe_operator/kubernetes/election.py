"""Which of the replicas works: the one that holds the Lease. The others wait for it.

A leader that cannot renew stops being one before another may begin; one that ends in order hands over at once.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable

from voiceprobe_operator import names
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.kubernetes import lease
from voiceprobe_operator.kubernetes.api import Kubernetes

log = logging.getLogger(__name__)


def identity() -> str:
    """A name that no other replica has, nor this one after a restart: the pod's, and something random."""
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{secrets.token_hex(4)}"


class Election:
    """One replica's part in it. `lost` is called once if the Lease is lost, and should not return to any work."""

    def __init__(
        self,
        kubernetes: Kubernetes,
        namespace: str,
        lost: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kubernetes, self._namespace, self._lost, self._clock = kubernetes, namespace, lost, clock
        self.identity = identity()
        self._mine: lease.Body | None = None
        self._renewed = 0.0
        self._asked = clock()
        self.trouble = "starting: the Kubernetes API has not been asked yet which replica leads"

    @property
    def leads(self) -> bool:
        """Whether this replica holds the Lease, as far as it knows."""
        return self._mine is not None

    def seconds_since_asked(self) -> float:
        """How long ago the API server was last asked for the Lease, whatever it answered."""
        return self._clock() - self._asked

    async def acquire(self) -> None:
        """Return once this replica is the leader. No error of the API server ends the wait; `trouble` says it."""
        watched: lease.Watched | None = None
        told = ""
        while True:
            pause = float(lease.LOOK_EVERY_SECONDS)
            try:
                async with asyncio.timeout(lease.RENEW_DEADLINE_SECONDS):
                    found = await self._kubernetes.lease(self._namespace, names.LEASE)
                    now = self._clock()
                    if found is not None:
                        watched = watched.seen(found, now) if watched else lease.Watched(found, now)
                    if self._may_take(found, watched, now) and await self._take(found):
                        log.info("this replica, %s, is the leader", self.identity)
                        self.trouble = ""
                        return
                self.trouble = ""
                told = _tell(told, f"standing by: the leader is {lease.holder(found)}" if found else "standing by")
                if watched is not None:
                    pause = min(pause, max(watched.free_in(now), 0.05))
            except (OutsideError, TimeoutError) as error:
                self.trouble = _sentence(error)
                told = _tell(told, f"standing by: {self.trouble}", logging.WARNING)
            self._asked = self._clock()
            await asyncio.sleep(pause)

    async def hold(self) -> None:
        """Renew the Lease until it is lost; then call `lost`, and return."""
        while True:
            await asyncio.sleep(lease.RENEW_EVERY_SECONDS)
            reason = await self._renew()
            if reason:
                self._mine = None
                log.critical("this replica, %s, is the leader no more: %s", self.identity, reason)
                self._lost()
                return

    async def release(self) -> None:
        """Let another one take the Lease at once, once all work here has ended. Never fails: it expires as well."""
        mine, self._mine = self._mine, None
        if mine is None:
            return
        try:
            async with asyncio.timeout(lease.RENEW_EVERY_SECONDS):
                await self._kubernetes.put_lease(self._namespace, lease.released(names.LEASE, mine))
        except (OutsideError, TimeoutError) as error:
            log.warning("the Lease was not given back, and expires in %d s: %s", lease.LEASE_SECONDS, _sentence(error))
        else:
            log.info("this replica, %s, has given back the Lease", self.identity)

    def _may_take(self, found: lease.Body | None, watched: lease.Watched | None, now: float) -> bool:
        # Ours already: a request that seemed to fail was heard.
        is_mine = found is not None and lease.holder(found) == self.identity
        return found is None or is_mine or (watched is not None and watched.free_in(now) <= 0)

    async def _take(self, found: lease.Body | None) -> bool:
        """Write the Lease as ours; False: somebody was quicker."""
        # From before the request: nobody can have seen it renewed earlier.
        began = self._clock()
        now = datetime.datetime.now(datetime.UTC)
        mine = await self._kubernetes.put_lease(self._namespace, lease.taken(names.LEASE, found, self.identity, now))
        if mine is None:
            return False
        self._mine, self._renewed = mine, began
        return True

    async def _renew(self) -> str:
        """Renew, again and again until the deadline; why that is over, or empty."""
        deadline = self._renewed + lease.RENEW_DEADLINE_SECONDS
        fault = "nothing was done in time, was this process suspended?"
        while (left := deadline - self._clock()) > 0:
            try:
                async with asyncio.timeout(min(left, lease.LEASE_SECONDS / 3)):
                    if await self._take(self._mine):
                        return ""
                    found = await self._kubernetes.lease(self._namespace, names.LEASE)
            except (OutsideError, TimeoutError) as error:
                fault = _sentence(error)
                await asyncio.sleep(min(0.5, max(left, 0)))
                continue
            if found is not None and lease.holder(found) != self.identity:
                return f"the Lease is held by {lease.holder(found) or 'nobody'}"
            # Somebody edited or deleted it; it is still ours to write.
            self._mine = found
        return f"it could not renew its Lease for {lease.RENEW_DEADLINE_SECONDS} s: {fault}"


def _tell(told: str, sentence: str, level: int = logging.INFO) -> str:
    """Log what changed since it was last told."""
    if sentence != told:
        log.log(level, "%s", sentence)
    return sentence


def _sentence(error: OutsideError | TimeoutError) -> str:
    return error.sentence if isinstance(error, OutsideError) else "the Kubernetes API does not answer in time"
