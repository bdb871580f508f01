"""The two timers that keep a session fresh (RFC 4028): when we refresh it, and when it has run out."""

from collections.abc import Callable

from voice_sipapp.signalling.sip import sessiontimer
from voice_sipapp.signalling.sip.eventloop import Timer, later

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
        self._refresh_timer: Timer | None = None
        self._expiry_timer: Timer | None = None

    def renew(self, interval_s: int, *, ours: bool) -> None:
        """The session was refreshed just now, for `interval_s`; `ours`: the next time that is left to us."""
        self.stop()
        self.interval_s = interval_s
        if ours:
            self.refresh_in(interval_s / 2)
        patience_s = sessiontimer.patience_s(max(interval_s, SHORTEST_INTERVAL_S))
        self._expiry_timer = later(patience_s, self._expire)

    def refresh_in(self, seconds: float) -> None:
        """It is our turn after that time, or a little later where it is very short."""
        self.again_in(max(seconds, SHORTEST_REFRESH_S))

    def again_in(self, seconds: float) -> None:
        """It is our turn again after that time, whatever was tried before."""
        self._cancel_refresh()
        self._refresh_timer = later(seconds, self._due)

    def _cancel_refresh(self) -> None:
        if self._refresh_timer is not None:
            self._refresh_timer.cancel()
            self._refresh_timer = None

    def stop(self) -> None:
        """There is no session, or none that runs out."""
        self._cancel_refresh()
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None

    def _due(self) -> None:
        self._refresh_timer = None
        self._refresh()
