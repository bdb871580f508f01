"""When the things of one call happened. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class Times:
    """When things happened. `started_at` (when the call was drawn up, just before its address is looked up) is on the
    wall clock, and `started` the same moment on the event loop's clock, in seconds, as the rest is; None: it never
    happened. `wall_ns` is when the INVITE was sent, in nanoseconds of the wall clock.
    """

    started_at: datetime
    started: float
    wall_ns: int = 0
    invited: float = 0.0
    progress: float | None = None
    answered: float | None = None
    final: float | None = None
    ended: float | None = None

    def invite(self, moment: float, wall_ns: int) -> None:
        """The INVITE is sent at that `moment`, which is `wall_ns` on the wall clock."""
        self.invited, self.wall_ns = moment, wall_ns

    def at(self, moment: float | None) -> datetime | None:
        """A `moment` of the event loop's clock on the wall clock as it was when the call started."""
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

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds from the answer to the end; 0 without an answer."""
        if self.answered is None or self.ended is None:
            return 0
        return max(0, round((self.ended - self.answered) * 1000))
