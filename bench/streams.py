"""What is known of one direction of a call of `make truth`: by its record, by tshark, and by the far end."""

from __future__ import annotations

from dataclasses import dataclass

from bench.capture import Seen
from bench.plan import Row
from bench.trunks import Trunk


@dataclass(frozen=True)
class Injected:
    """One direction of a call as the far end sent it: `packets` (all that were due; none of them got lost), when
    it was answered, when the first and the last packet left (ns since 1970), and how long the call was held in between.
    """

    packets: int
    answered_ns: int
    first_ns: int
    last_ns: int
    held_s: float
    late_ms: float

    @property
    def first_ms(self) -> float:
        """From the answer to the first sound."""
        return (self.first_ns - self.answered_ns) / 1e6

    @property
    def sound_s(self) -> float:
        """How long it sent, without the time on hold."""
        return (self.last_ns - self.first_ns) / 1e9 - self.held_s


@dataclass(frozen=True)
class Stream:
    """One direction of one call: its record, what tshark saw of it (None: no packet), and what it says of the `same`
    packets as the record: without those that came when the listener had hung up. `injected` is what the far end says
    that it did, where the trunk has one.
    """

    trunk: Trunk
    direction: str
    record: Row
    seen: Seen | None
    same: Seen | None = None
    injected: Injected | None = None
