"""Sets of traffic: protocols with ranges of ports, and what is common to two of them or missing from one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from voice_cdk.judge.keys import Json

PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "esp", "other")
NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "50": "esp"}
LAST = 65535
LAST_PROTOCOL = 255


class Span(NamedTuple):
    """A range of ports of one protocol; of protocols without ports, all of it."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        if self.protocol not in {"tcp", "udp"} or (self.first, self.last) == (0, LAST):
            return self.protocol
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol}/{ports}"


Traffic = tuple[Span, ...]
ALL: Traffic = tuple(Span(protocol, 0, LAST) for protocol in PROTOCOLS)


def tcp(*ports: int) -> Traffic:
    """TCP to some ports."""
    return tuple(Span("tcp", port, port) for port in ports)


def udp(first: int, last: int | None = None) -> Traffic:
    """UDP to a port, or a range of them."""
    return (Span("udp", first, first if last is None else last),)


def of_rule(protocol: Json, first: Json, last: Json) -> Traffic:
    """What a security group's rule speaks of (IpProtocol, FromPort, ToPort).

    Raises:
        ValueError: AWS would refuse it; the message says why.
    """
    name = NUMBERS.get(str(protocol).lower(), str(protocol).lower())
    if name in {"-1", "all"}:
        return ALL
    if name not in PROTOCOLS and not (name.isdigit() and int(name) <= LAST_PROTOCOL):
        raise ValueError(f"{protocol} is no protocol")
    if name in {"icmp", "icmpv6"} and (first is None or last is None):
        raise ValueError(f"{name} without FromPort and ToPort, which say type and code; -1 is all of them")
    if name not in {"tcp", "udp"}:
        return (Span(name if name in PROTOCOLS else "other", 0, LAST),)
    if first is None or last is None:
        raise ValueError(f"{name} without FromPort and ToPort")
    span = Span(name, int(first), int(last))
    if not 0 <= span.first <= span.last <= LAST:
        raise ValueError(f"ports {first} to {last} are no range of ports")
    return (span,)


def union(parts: Iterable[Traffic]) -> Traffic:
    """What any of them holds."""
    joined: list[Span] = []
    for span in sorted({span for part in parts for span in part}):
        before = joined[-1] if joined else None
        if before and before.protocol == span.protocol and span.first <= before.last + 1:
            joined[-1] = before._replace(last=max(before.last, span.last))
        else:
            joined.append(span)
    return tuple(joined)


def common(one: Traffic, other: Traffic) -> Traffic:
    """What both hold."""
    if one is ALL or other is ALL:
        return other if one is ALL else one
    return tuple(
        Span(a.protocol, max(a.first, b.first), min(a.last, b.last))
        for a in one
        for b in other
        if a.protocol == b.protocol and a.first <= b.last and b.first <= a.last
    )


def without(one: Traffic, other: Traffic) -> Traffic:
    """What `one` holds and `other` doesn't."""
    left = list(one)
    for gone in other:
        left = [part for span in left for part in _cut(span, gone)]
    return tuple(left)


def _cut(span: Span, gone: Span) -> list[Span]:
    if span.protocol != gone.protocol or gone.last < span.first or span.last < gone.first:
        return [span]
    parts = []
    if span.first < gone.first:
        parts.append(span._replace(last=gone.first - 1))
    if gone.last < span.last:
        parts.append(span._replace(first=gone.last + 1))
    return parts


def told(traffic: Traffic, most: int = 4) -> str:
    """A few of them, as a person reads it."""
    names = [str(span) for span in traffic]
    return " ".join(names[:most]) + (" …" if len(names) > most else "")
