"""The one loop that serves SIP and timers (the stack's), and its clock. Everything of calls runs in its thread."""

import logging
from collections.abc import Callable
from typing import Protocol

from sippy.Core.EventDispatcher import ED2
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout

log = logging.getLogger(__name__)


class Timer(Protocol):
    """What is to be done later."""

    def cancel(self) -> None:
        """Do it no more."""


def now() -> float:
    """The time in seconds on the clock that stamps the stack's events, which is not Python's monotonic clock."""
    return float(MonoTime().monot)


def later(seconds: float, action: Callable[[], None]) -> Timer:
    """Run `action` in the loop's thread after `seconds`."""
    timer: Timer = Timeout(guarded(action), seconds)
    return timer


def every(seconds: float, action: Callable[[], None]) -> Timer:
    """Run `action` in the loop's thread again and again."""
    timer: Timer = Timeout(guarded(action), seconds, -1)
    return timer


def run_loop(timeout_s: float | None = None) -> None:
    """Serve SIP and timers in this thread, the one that first imported this module, until `end_loop` or time-out."""
    ED2.loop(timeout=timeout_s, freq=200.0)


def end_loop() -> None:
    """Make `run_loop` return."""
    ED2.breakLoop()


def on_signal(number: int, action: Callable[[], None]) -> None:
    """Run `action` in the loop's thread when the process gets the signal `number`."""
    ED2.regSignal(number, guarded(action))


def guarded(action: Callable[..., None]) -> Callable[..., None]:
    """`action`, with its errors in our log: the stack would write them to standard output and lose them."""

    def run(*arguments: object) -> None:
        try:
            action(*arguments)
        except Exception:
            log.exception("an event of a call could not be handled")

    return run
