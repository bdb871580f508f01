"""Who asks: the address of the client behind the proxies that are ours."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from voice_portal.config.env import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What one subscriber is given (RFC 6177): whoever has one address of it has them all.
IPV6_PREFIX = 64


def client_address(meta: Mapping[str, Any], trusted: Sequence[Network]) -> Address | None:
    """The address of whoever sent the request with this WSGI environment; None if it has none that can be read.

    The portal's own nginx adds the address that it was asked from at the end of X-Forwarded-For. Only where that one
    belongs to a `trusted` proxy does the entry before it count, which that proxy added; and so on. What stands before
    was written by whoever sent the request, and is worth nothing.
    """
    entries = str(meta.get("HTTP_X_FORWARDED_FOR") or meta.get("REMOTE_ADDR") or "").split(",")
    found: Address | None = None
    for entry in reversed(entries):
        address = parsed(entry)
        if address is None:
            break
        found = address
        if not any(address in network for network in trusted):
            break
    return found


def network_of(address: Address | None) -> str:
    """What is counted as one address: an IPv4 address, or an IPv6 network of 64 bits."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return "unknown" if address is None else str(address)


def parsed(text: str) -> Address | None:
    """The address that `text` is; an IPv4 address in IPv6's form is one of IPv4."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
