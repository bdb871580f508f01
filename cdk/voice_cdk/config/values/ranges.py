"""Ranges of addresses, of the IANA registries (RFC 6890) and of AWS: what no VPC, client or gateway can have."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from voice_cdk.config.model import Network

WELL_KNOWN = IPv6Network("64:ff9b::/96")
"""RFC 6052, section 2.1: the prefix that AWS's DNS64 and NAT gateways use."""

NAT64_POOL = IPv4Network("100.64.255.0/24")
"""What a NAT64 host lends to those whose packets it translates; it never leaves the host."""

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""RFC 1918."""
SHARED = IPv4Network("100.64.0.0/10")
"""RFC 6598; AWS takes it for a VPC."""
UNIQUE_LOCAL = IPv6Network("fd00::/8")
"""RFC 4193, as far as it is in use."""
GLOBAL = IPv6Network("2000::/3")
"""RFC 4291: what IANA gives out."""

RESERVED: tuple[tuple[Network, str], ...] = (
    (IPv4Network("0.0.0.0/8"), "this network itself, RFC 791"),
    (IPv4Network("127.0.0.0/8"), "loopback"),
    (IPv4Network("169.254.0.0/16"), "link-local, where AWS has its metadata, DNS, time and the pods' own addresses"),
    (IPv4Network("192.0.0.0/24"), "protocol assignments, RFC 6890"),
    (IPv4Network("192.88.99.0/24"), "the former 6to4 relays, RFC 7526"),
    (IPv4Network("198.18.0.0/15"), "benchmarks, RFC 2544"),
    (IPv4Network("224.0.0.0/4"), "multicast"),
    (IPv4Network("240.0.0.0/4"), "reserved, RFC 1112"),
    (NAT64_POOL, "the pool of the NAT64 hosts"),
    (WELL_KNOWN, "the NAT64 prefix, RFC 6052"),
    (IPv6Network("64:ff9b:1::/48"), "local NAT64 prefixes, RFC 8215"),
    (IPv6Network("::ffff:0:0/96"), "IPv4-mapped, RFC 4291"),
    (IPv6Network("::/8"), "reserved, RFC 4291"),
    (IPv6Network("100::/64"), "discard-only, RFC 6666"),
    (IPv6Network("2001::/23"), "protocol assignments, RFC 2928"),
    (IPv6Network("2002::/16"), "6to4, RFC 3056"),
    (IPv6Network("fd00:ec2::/32"), "AWS's metadata, DNS and time by IPv6"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("fec0::/10"), "the former site-local addresses, RFC 3879"),
    (IPv6Network("ff00::/8"), "multicast"),
)


def reserved(network: Network) -> str | None:
    """Return what a network, or a part of it, is reserved for, and the range; None: nothing."""
    for range_, what in RESERVED:
        if overlap(network, range_):
            return f"{range_} ({what})"
    return None


def overlap(one: Network, other: Network) -> bool:
    """Whether two networks have an address in common; those of two families never have."""
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def is_private(network: Network) -> bool:
    """Whether a network, or a part of it, is reachable inside an organisation only. Those for documentation are not."""
    ranges: tuple[Network, ...] = (*PRIVATE, SHARED, IPv6Network("fc00::/7"))
    return any(overlap(network, each) for each in ranges)


def is_inside(network: Network, ranges: Iterable[Network]) -> bool:
    """Whether a network lies in one of the ranges."""
    return any(overlap(network, each) and network.prefixlen >= each.prefixlen for each in ranges)


def usable(network: IPv6Network) -> bool:
    """Whether an IPv6 network is of those that are in use: global or unique local."""
    return network.subnet_of(GLOBAL) or network.subnet_of(UNIQUE_LOCAL)


def embedded(network: IPv4Network, prefix: IPv6Address) -> IPv6Network:
    """Return the IPv6 network that stands for an IPv4 network behind a NAT64 prefix of 96 bits (RFC 6052, 2.2)."""
    return IPv6Network((int(prefix) + int(network.network_address), 96 + network.prefixlen))
