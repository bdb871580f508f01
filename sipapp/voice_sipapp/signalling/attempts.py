"""Where one call goes on when it can't where it is: the next address of a host (RFC 3263, section 4.3), or the next
target of a redirect (RFC 3261, section 8.1.3.4).
"""

from collections.abc import Sequence
from enum import Enum

from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.redirect import Targets
from voice_sipapp.signalling.sip.addresses import check_uri
from voice_sipapp.signalling.sip.nexthop import NextHop

UNABLE = frozenset({0, 408, 503})
"""What one server of a host says, or does not say, while another one may be able to: nothing, and 503."""

GLOBAL = 600
"""Answers from here on are for all targets (RFC 3261, section 21.6)."""


class Goes(Enum):
    """Where a call goes on: at the next address of the same host, or at another target."""

    HERE = "here"
    ELSEWHERE = "elsewhere"


class Attempts:
    """Those of one call, which begins at `target`. `number` is that of the one under way, `hop` where it went."""

    def __init__(self, target: SipUri) -> None:
        self.target = target
        self.number = 0
        self.hop: NextHop | None = None
        self.targets = Targets()
        self._hops: list[NextHop] = []

    @property
    def waits(self) -> bool:
        """Whether there is anywhere else to go."""
        return bool(self._hops) or self.targets.waits

    def found(self, hops: Sequence[NextHop]) -> None:
        """The target is at `hops`."""
        self._hops = list(hops)
        self.targets.tries(self.target)

    def begin(self) -> NextHop:
        """The next attempt begins: where it goes."""
        self.number += 1
        self.hop = self._hops.pop(0)
        return self.hop

    def abandon(self) -> None:
        """Nothing of the attempt that is under way matters any more."""
        self.number += 1

    def after(self, code: int, reason: str | None) -> Goes | None:
        """Where the call goes on after that answer (0: none came), which is noted; None: nowhere."""
        told = f"{code or 408} {reason or ''}".rstrip()
        if self._hops and code in UNABLE:
            host, port = self.hop.address if self.hop else ("", 0)
            self.targets.notes.append(f"{self.target.text} at {host}:{port}: {told}")
            return Goes.HERE
        if code >= GLOBAL or not self.targets.waits:
            return None
        self.targets.notes.append(f"{self.target.text}: {told}")
        return self.next_target()

    def next_target(self) -> Goes | None:
        """The call goes to the next target that a request can be made of; None: there is none."""
        while (target := self.targets.next()) is not None:
            try:
                check_uri(target)
            except ValueError as error:
                self.targets.notes.append(str(error))
                continue
            self.target, self._hops = target, []
            return Goes.ELSEWHERE
        return None
