"""How failed sign-ins are slowed and locked: the rule alone. `tallies` keeps the counts, `signin` applies them.

Four kinds of subject are counted. An address alone, and an account at an address, are locked: guessing ends there. An
account alone is only slowed, for otherwise any outsider could shut anybody out by guessing from many addresses. A
browser in which the account signed in before is counted by itself and by nothing else, so that no outsider's guesses
reach it (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

Kind = Literal["account-at-address", "address", "account", "browser"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From the `failures`-th failure on, each one is followed by a `wait`; after a quiet `memory` all are forgotten.

    A wait as long as the memory is a lock: when it is over, counting begins anew.
    """

    failures: int
    wait: timedelta
    memory: timedelta


LOCK = timedelta(minutes=15)
LIMITS: dict[Kind, Limit] = {
    "account-at-address": Limit(failures=5, wait=LOCK, memory=LOCK),
    # A whole call centre may be behind one address.
    "address": Limit(failures=30, wait=LOCK, memory=LOCK),
    "account": Limit(failures=20, wait=timedelta(seconds=10), memory=timedelta(hours=1)),
    "browser": Limit(failures=10, wait=LOCK, memory=LOCK),
}
# A tally that is older means nothing to any limit.
LONGEST_MEMORY = max(limit.memory for limit in LIMITS.values())


@dataclass(frozen=True)
class Tally:
    """What is known of one subject: its failures, and when the last attempt was (UTC)."""

    failures: int
    last_at: datetime


def wait(tally: Tally, limit: Limit, now: datetime) -> timedelta:
    """How long the subject must wait until its next attempt; nought if it need not."""
    if tally.failures < limit.failures:
        return timedelta(0)
    return max(tally.last_at + limit.wait - now, timedelta(0))


def counted(tally: Tally, limit: Limit, now: datetime) -> Tally:
    """The tally after one more attempt at `now`, which counts as failed until it is known better."""
    is_forgotten = tally.last_at + limit.memory <= now
    return Tally(1 if is_forgotten else tally.failures + 1, now)


def seconds(duration: timedelta) -> int:
    """Whole seconds that are long enough."""
    return math.ceil(duration.total_seconds())


def in_words(duration: timedelta) -> str:
    """A wait as a person is told it, never too short: 10 seconds, 15 minutes."""
    number, unit = seconds(duration), "second"
    if number > 90:
        number, unit = math.ceil(number / 60), "minute"
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
