"""Keeps Python's own pauses away from the media: packets must leave every 20 ms.

A full garbage collection stops all threads while it looks at every object there is: 25 ms with 100 calls up, 120 ms
with 250 (measured). So none happens by itself. What calls leave behind is little, and is cleared away while no call
is up; on a host that is never idle, now and then all the same, which may cost the calls of that moment their validity.
"""

import gc
import sys
import time
from collections.abc import Callable

IDLE_S = 10.0
"""How often garbage is collected while no call is up."""

LONGEST_S = 1200.0
"""How long it is left where there is always one."""

_SWITCH_S = 0.001
_NEVER = 1_000_000_000


def prepare() -> None:
    """Set Python up, once everything is imported."""
    # Threads of Python share one lock; the default is to leave it to another only after 5 ms.
    sys.setswitchinterval(_SWITCH_S)
    # The modules' own objects live as long as the process: no collection needs to look at them.
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


class Sweeper:
    """Collects garbage when that harms nobody; `active` tells how many calls are up."""

    def __init__(self, active: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._active = active
        self._clock = clock
        self._last = clock()

    def tick(self) -> None:
        """Collect now, if now is the time. To be called every second or so."""
        if self._clock() - self._last >= (LONGEST_S if self._active() else IDLE_S):
            gc.collect()
            self._last = self._clock()
