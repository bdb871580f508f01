"""What every call of a host shares, and the times of one call."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from voice_sipapp import stack
from voice_sipapp.rtp import Engine


@dataclass(frozen=True)
class Station:
    """What every call of this host shares: its ports for SIP and media, its name and address."""

    dialer: stack.Endpoint
    receiver: stack.Endpoint
    engine: Engine
    sip_host: str
    address: str


@dataclass
class Times:
    """When things happened: the start on the wall clock, the rest in seconds on the stack's clock, None if never."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    wall_ns: int = field(default_factory=time.time_ns)
    invited: float = field(default_factory=stack.now)
    progress: float | None = None
    answered: float | None = None
    ended: float | None = None

    def at(self, moment: float | None) -> datetime | None:
        """A `moment` of the stack's clock on the wall clock as it was when the call started."""
        return None if moment is None else self.started_at + timedelta(seconds=moment - self.invited)

    def since_invite_ms(self, moment: float | None) -> int | None:
        """Whole milliseconds from the INVITE to `moment`."""
        return None if moment is None else max(0, round((moment - self.invited) * 1000))
