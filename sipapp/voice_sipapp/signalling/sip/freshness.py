"""The two timers that keep a session fresh (RFC 4028): when we refresh it, and when it has run out."""

from collections.abc import Callable
from typing import Any

from sippy.Time.Timeout import Timeout

from voice_sipapp.signalling.sip import sessiontimer

SHORTEST_REFRESH_S = 20.0
"""A far end that wants its session refreshed ever so often is not followed below this."""

SHORTEST_INTERVAL_S = 90.0
"""No session is ended because a shorter interval than this went by (RFC 4028, section 4)."""


class Freshness:
    """Those of one dialog: `refresh` is called when that is left to us, `expire` when nobody refreshed it in time."""

    def __init__(self, refresh: Callable[[], None], expire: Callable[[], None]) -> None:
        self.interval_s = 0
        """What was agreed on last."""
        self._refresh = refresh
        self._expire = expire
        self._refresh_timer: Any = None
        self._expiry_timer: Any = None

    def renew(self, interval_s: int, *, ours: bool) -> None:
        """The session was refreshed just now, for `interval_s`; `ours`: the next time that is left to us."""
        self.stop()
        self.interval_s = interval_s
        if ours:
            self.refresh_in(interval_s / 2)
        patience_s = sessiontimer.patience_s(max(interval_s, SHORTEST_INTERVAL_S))
        self._expiry_timer = Timeout(self._expire, patience_s)

    def refresh_in(self, seconds: float | None) -> None:
        """It is our turn after that time; None: it is not."""
        if self._refresh_timer is not None:
            self._refresh_timer.cancel()
            self._refresh_timer = None
        if seconds is not None:
            self._refresh_timer = Timeout(self._due, max(seconds, SHORTEST_REFRESH_S))

    def stop(self) -> None:
        """There is no session, or none that runs out."""
        self.refresh_in(None)
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None

    def _due(self) -> None:
        self._refresh_timer = None
        self._refresh()
