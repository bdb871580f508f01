"""A queue of keys that need work: each key at most once in it, one worker at a key, back-off after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from voiceprobe_operator.backoff import delay

Work = Callable[[str], Awaitable[None]]
OnError = Callable[[str, Exception, float], None]


class WorkQueue:
    """Hands each key to `work`. A key added while it is worked on is worked on once more afterwards."""

    def __init__(self, work: Work, on_error: OnError, *, workers: int = 4, base: float = 1, cap: float = 120) -> None:
        self._work, self._on_error = work, on_error
        self._base, self._cap, self._workers = base, cap, workers
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, keys: Iterable[str]) -> None:
        """Say that `keys` need work now, whatever back-off they were in; the next begins anew."""
        for key in keys:
            if timer := self._timers.pop(key, None):
                timer.cancel()
            self._failures.pop(key, None)
            self._enqueue(key)

    def _enqueue(self, key: str) -> None:
        if key in self._running:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def start(self) -> None:
        """Start the workers in the running loop, unless they run."""
        if self._tasks:
            return
        self._tasks = [asyncio.create_task(self._serve(), name=f"worker-{n}") for n in range(self._workers)]

    async def stop(self) -> None:
        """End the workers, in the middle of their work if need be."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._queued)

    @property
    def backing_off(self) -> int:
        """How many keys failed and wait for another try."""
        return len(self._timers)

    async def idle(self) -> None:
        """Return once nothing is queued and nothing runs. Keys that wait for their back-off do not count."""
        await self._ready.join()

    async def _serve(self) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._running.add(key)
            try:
                await self._attempt(key)
            finally:
                self._running.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add([key])
                self._ready.task_done()

    async def _attempt(self, key: str) -> None:
        try:
            await self._work(key)
        except Exception as error:
            self._failures[key] = failures = self._failures.get(key, 0) + 1
            seconds = delay(failures, base=self._base, cap=self._cap)
            self._on_error(key, error, seconds)
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._return, key)
        else:
            self._failures.pop(key, None)

    def _return(self, key: str) -> None:
        self._timers.pop(key, None)
        self._enqueue(key)
