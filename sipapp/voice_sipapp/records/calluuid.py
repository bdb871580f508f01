"""The identity of a call: a UUID that also says when the call started, and how its code is pressed and heard. Pure.

Version 7 (RFC 9562, section 5.7) because the receiver may run on another host: the UUID in the INVITE's header is all
that it is told, and with it it can write its part of the record under the right key (`uuid`, `started_at`). What is
secret about a call is in `callkey`.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from voice_sipapp.records.callkey import CODE_DIGITS

HEARD = "#"
"""The digit that the receiver presses once it has heard the code."""

BEFORE = timedelta(seconds=40)
"""How long before its INVITE arrives here a call may have started: name look-ups, ringing elsewhere, an IVR."""

AFTER = timedelta(seconds=5)
"""By how much the clocks of two SIP hosts may differ."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new(started_at: datetime) -> UUID:
    """A new UUID of a call that starts at `started_at` (with a time zone), to the millisecond."""
    milliseconds = (started_at - _EPOCH) // _MILLISECOND
    tail = secrets.randbits(74)
    high = milliseconds << 16 | 7 << 12 | tail >> 62
    return UUID(int=high << 64 | 0b10 << 62 | tail & (1 << 62) - 1)


def started_at(uuid: UUID) -> datetime:
    """When the call `uuid` started, in UTC. Raises ValueError for a UUID that is not of version 7."""
    if uuid.version != 7:
        raise ValueError(f"{uuid} is no call of ours")
    return _EPOCH + (uuid.int >> 80) * _MILLISECOND


def may_arrive(uuid: UUID, now: datetime) -> bool:
    """Whether an INVITE of the call `uuid`, which is of version 7, may arrive at the time `now`."""
    return now - BEFORE <= started_at(uuid) <= now + AFTER


def keys(code: str) -> str:
    """What is pressed for `code`: a star first, lest who begins to listen in its middle take the rest for another."""
    return f"*{code}"


def codes(digits: str) -> list[str]:
    """The codes in `digits`, in the order in which they were pressed, each once; others may come before and between
    them (a voice menu's, the end of the code itself).
    """
    return list(dict.fromkeys(re.findall(rf"(?<=\*)[0-9]{{{CODE_DIGITS}}}", digits)))
