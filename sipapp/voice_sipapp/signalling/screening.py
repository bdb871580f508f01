"""How many requests are looked at that nothing proves to be ours, so that floods of them cost next to nothing. Pure.

What is beyond the limits is dropped before it is parsed. What bears a header that a host of ours made, or belongs to a
dialog that is up, does not count into them: each such call, and each such dialog, has a small limit of its own. INVITEs
and everything else that is no answer (other requests, what can't be read) are counted apart, with the same limits.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from voice_sipapp.edge import CALL_HEADER
from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey

MOST_SOURCES = 4096
"""How many sources are remembered: the one that was silent for longest is forgotten first."""

_FOLD = r"(?:[ \t]|\r*+\n[ \t])*+"
_CALL_HEADER = re.compile(
    rf"^{CALL_HEADER}[ \t]*:{_FOLD}([-.0-9a-f]+)[ \t]*\r*$".encode(), re.MULTILINE | re.IGNORECASE
)
_CALLED = re.compile(
    rf"(?:\A\s*+INVITE[ \t]++|^(?:To|t)[ \t]*+:{_FOLD}[^\r\n]*?)".encode()
    + rb"(?:sips?:([^@;:>\s\"]{1,64})[@;:]|tel:([^@;:>\s\"]{1,64}))",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Rate:
    """So many a second in the long run, and up to `burst` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of INVITEs that nothing proves to be ours (in all, of one source), likewise of other requests; of those of
    one call or dialog of ours; and of how many legs may be up that nothing proves (in all, of one source).
    """

    total: Rate = Rate(60, 120)
    source: Rate = Rate(15, 40)
    known: Rate = Rate(5, 20)
    legs: int = 100
    source_legs: int = 50


def limits_for(max_calls: int, calls_per_second: float) -> Limits:
    """The limits of a host that may have so many calls of its own: the one SBC that all of its calls come back from
    must be able to bring every one of them without its header.
    """
    source = Rate(max(15.0, 3 * calls_per_second), max(40.0, 6 * calls_per_second))
    total = Rate(4 * source.per_second, 3 * source.burst)
    return Limits(total=total, source=source, legs=max_calls, source_legs=max_calls)


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """Token buckets of one `rate` each, for a bounded number of names."""

    def __init__(self, rate: Rate, most: int = MOST_SOURCES) -> None:
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: Hashable, now: float) -> bool:
        """Take one token of the bucket of `name` at the time `now` (s); False if there is none."""
        found = self._buckets.pop(name, None)
        bucket = _Bucket(self._rate.burst, now) if found is None else found
        elapsed = max(0.0, now - bucket.filled_at)
        bucket.tokens = min(self._rate.burst, bucket.tokens + elapsed * self._rate.per_second)
        bucket.filled_at = now
        self._buckets[name] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


@dataclass
class Screen:
    """What of the datagrams that come to this host's SIP ports is worth parsing."""

    key: CallKey
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self._known = Buckets(self.limits.known)
        self._sources = Buckets(self.limits.source)
        self._total = Buckets(self.limits.total)

    def admits(self, datagram: bytes, source: str, dialog: str | None, now: float, today: datetime) -> bool:
        """Whether `datagram` from the address `source` is to be handled; an answer always is. `dialog` is the Call-ID
        of the dialog of this host that it belongs to, None where it belongs to none. `now` (s) and `today` are the
        time.
        """
        if is_answer(datagram):
            return True
        invites = is_invite(datagram)
        ours = dialog or (self._call(datagram, today) if invites else None)
        if ours is not None:
            return self._known.take((ours, invites), now)
        # The source's bucket first: one that floods must not empty that of all.
        return self._sources.take((network(source), invites), now) and self._total.take(invites, now)

    def _call(self, datagram: bytes, today: datetime) -> str | None:
        """The call of ours that the header of `datagram` is of, if it is of these moments."""
        found = _CALL_HEADER.search(datagram)
        claim = self.key.claim(found[1].decode()) if found else None
        return str(claim.uuid) if claim is not None and calluuid.may_arrive(claim.uuid, today) else None


def is_answer(datagram: bytes) -> bool:
    """Whether the SIP stack would take `datagram` for an answer, and for nothing else."""
    return datagram.lstrip(b"\r\n")[:8].upper() in (b"SIP/2.0 ", b"SIP/2.0\t")


def is_invite(datagram: bytes) -> bool:
    """Whether the SIP stack would take `datagram` for an INVITE."""
    return datagram.lstrip()[:7] in (b"INVITE ", b"INVITE\t")


def called(datagram: bytes) -> list[str]:
    """The users that the INVITE `datagram` calls, as far as a look at it tells: it is not parsed."""
    return [unquote((user or number).decode("latin-1")) for user, number in _CALLED.findall(datagram)]


def network(source: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, which is a single site's."""
    try:
        address = ip_address(source.strip("[]").partition("%")[0])
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(IPv6Address(int(address) >> 64 << 64) if address.ipv4_mapped is None else address.ipv4_mapped)
