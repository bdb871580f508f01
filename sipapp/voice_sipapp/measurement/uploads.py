"""Chooses which recordings go to the database too, for the portal to play: a few of each probe, however bad it is."""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.recordings import QueuedRecording

HOUR_S = 3600.0

Probe = tuple[str, str]


class Uploads:
    """Has the recordings of `per_hour` calls of each probe queued in any hour. The first of a run of bad calls, which
    often explains the others, goes even beyond that, but of no more than `per_hour` runs in an hour.

    Used by one thread. It remembers nothing of before the application started.
    """

    def __init__(
        self, queue: Callable[[QueuedRecording], None], per_hour: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._hourly: defaultdict[Probe, deque[float]] = defaultdict(lambda: deque(maxlen=per_hour))
        self._of_runs: defaultdict[Probe, deque[float]] = defaultdict(lambda: deque(maxlen=per_hour))
        self._bad: set[Probe] = set()

    def call_over(self, cdr: Cdr, *, is_bad: bool) -> None:
        """A call is over, its recordings kept. One that does not count, or in which nothing was measured, neither ends
        a run nor is sent.
        """
        if not cdr.call.valid:
            return
        probe = cdr.call.client, cdr.call.probe
        if not is_bad:
            if any(stream.mos_cq is not None for stream in cdr.streams):
                self._bad.discard(probe)
            return
        is_first = probe not in self._bad
        self._bad.add(probe)
        recorded = [stream for stream in cdr.streams if stream.recording]
        if not recorded or not (self._may(self._hourly[probe]) or (is_first and self._may(self._of_runs[probe]))):
            return
        for stream in recorded:
            self._queue(
                QueuedRecording(
                    name=stream.recording or "",
                    direction=stream.direction,
                    client=stream.client,
                    probe=stream.probe,
                    started_at=stream.started_at,
                )
            )

    def _may(self, times: deque[float]) -> bool:
        """Whether one more is allowed, which then counts: `times` holds when the last ones were, as many as may be."""
        now = self._clock()
        if len(times) == times.maxlen and now - times[0] < HOUR_S:
            return False
        times.append(now)
        return True
