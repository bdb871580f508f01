"""What every call of a host shares, and the times of one call."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from voice_sipapp.media.rtp import Engine
from voice_sipapp.records.callkey import CallKey, random_key
from voice_sipapp.signalling.credentials import Credentials, NoCredentials
from voice_sipapp.signalling.sip import stack


@dataclass(frozen=True)
class Station:
    """What every call of this host shares: its ports for SIP and media, its name and address.

    `edge`: address (an IPv6 literal in brackets) and port of the proxy that speaks TCP and TLS for this host.
    `key` proves
    whose a call is, also to the provider's other hosts. `unreachable` tells of probes (by client and name) why their
    receiver here can't be called.
    """

    dialer: stack.Endpoint
    receiver: stack.Endpoint
    engine: Engine
    sip_host: str
    address: str
    edge: tuple[str, int] | None = None
    credentials: Credentials = field(default_factory=NoCredentials)
    key: CallKey = field(default_factory=random_key)
    unreachable: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass
class Times:
    """When things happened. The start (when the call was drawn up, just before its address is looked up) is on the
    wall clock; the rest is in seconds on the stack's clock, None if it never happened.
    """

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=stack.now)
    wall_ns: int = 0
    invited: float = 0.0
    progress: float | None = None
    answered: float | None = None
    final: float | None = None
    ended: float | None = None

    def invite(self) -> None:
        """The INVITE is sent now."""
        self.invited, self.wall_ns = stack.now(), time.time_ns()

    def at(self, moment: float | None) -> datetime | None:
        """A `moment` of the stack's clock on the wall clock as it was when the call started."""
        return None if moment is None else self.started_at + timedelta(seconds=moment - self.started)

    def since_invite_ms(self, moment: float | None) -> int | None:
        """Whole milliseconds from the INVITE to `moment`."""
        return None if moment is None else max(0, round((moment - self.invited) * 1000))

    @property
    def ring_ms(self) -> int | None:
        """Whole milliseconds from the first 18x to the final answer, or to the CANCEL."""
        if self.progress is None or self.final is None:
            return None
        return max(0, round((self.final - self.progress) * 1000))
