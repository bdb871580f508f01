"""The address plan: where everything is, by a fixed map, so that whatever comes in between renumbers nothing.

A VPC is cut into 256 subnets of equal size: its IPv6 block of /56, which AWS chooses, into the /64 number 0 to 255, and
its IPv4 block in the same way. A subnet's number follows from what it is for and its zone's letter. In a VPC of /16 the
number is the third part of the IPv4 address: 10.20.48.0/24 and …30::/64 are both subnet 48 (0x30) of VPC-B.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from voice_cdk.config.model import Client, Config, Connection, DbAccess, Nat64Prefix, SipFamily
from voice_cdk.config.values.ranges import WELL_KNOWN, embedded

SUBNETS = 256
"""Of a VPC: as many /64 as a /56 has."""
ZONE_LETTERS = "abcdefghijklmnop"
"""A role has room for so many zones; AWS's regions have up to f."""
RESERVED_BY_AWS = 5
"""IPv4 addresses of a subnet that AWS keeps: the first four and the last (VPC guide, "subnet-sizing")."""


class Role(StrEnum):
    """What a subnet is for; there is one in each zone."""

    EDGE = "edge"
    """By IPv4 in the internet: load balancer and NAT gateways (VPC-A), StrongSwan and a NAT gateway (VPC-C)."""
    APPS = "apps"
    """Nodes and pods (VPC-A)."""
    DATABASE = "database"
    """Aurora (VPC-B)."""
    NAT64 = "nat64"
    """NAT64 hosts or private NAT gateways (VPC-B)."""
    HOSTS = "hosts"
    """Grafana (VPC-A), SIP host (VPC-C): in the first zone alone."""
    ATTACHMENT = "attachment"
    """Interfaces of the Transit Gateway (every VPC)."""


FIRST_SUBNET = {
    Role.EDGE: 0,
    Role.APPS: 16,
    Role.DATABASE: 32,
    Role.NAT64: 48,
    Role.HOSTS: 64,
    Role.ATTACHMENT: 240,
}
"""The number of a role's subnet in zone a. Never change one: each subnet of that role would be replaced."""

PREFIX_SUBNET = 224
"""The number of the empty subnet of VPC-B whose first /96 is the NAT64 prefix if `nat64_prefix` is `own`."""


class Host(StrEnum):
    """A machine with a fixed address."""

    NAT64 = "nat64"
    STRONGSWAN = "strongswan"
    SIP = "sip"
    GRAFANA = "grafana"


HOST_DIGITS = {Host.NAT64: "10", Host.STRONGSWAN: "11", Host.SIP: "12", Host.GRAFANA: "13"}
"""The end of a host's address: `::10` by IPv6, the tenth address of the subnet by IPv4 (one that a /28 has too)."""


def letter(zone: str) -> str:
    """Return the letter of a zone: eu-west-1a has a."""
    return zone[-1]


def subnet_index(role: Role, zone_letter: str) -> int:
    """Return the number of a subnet, from 0 to 255."""
    return FIRST_SUBNET[role] + ZONE_LETTERS.index(zone_letter)


def subnet_ipv4(vpc: IPv4Network, role: Role, zone_letter: str) -> IPv4Network:
    """Return the IPv4 block of a dual-stack subnet of a VPC: the VPC's length and eight bits more."""
    length = vpc.prefixlen + 8
    size = 2 ** (vpc.max_prefixlen - length)
    return IPv4Network((int(vpc.network_address) + subnet_index(role, zone_letter) * size, length))


def subnet_ipv6(vpc: IPv6Network, role: Role, zone_letter: str) -> IPv6Network:
    """Return the /64 of a subnet, once the VPC's /56 is known."""
    return _numbered(vpc, subnet_index(role, zone_letter))


def usable_ipv4(vpc: IPv4Network) -> int:
    """Return how many IPv4 addresses a subnet of a VPC has for others than AWS."""
    return int(2 ** (vpc.max_prefixlen - vpc.prefixlen - 8)) - RESERVED_BY_AWS


def host_number(host: Host) -> int:
    """Return the number of a host in its /64: 0x10 for `::10`."""
    return int(HOST_DIGITS[host], 16)


def host_ipv6(subnet: IPv6Network, host: Host) -> IPv6Address:
    """Return a host's IPv6 address in its subnet."""
    return subnet.network_address + host_number(host)


def host_ipv4(subnet: IPv4Network, host: Host) -> IPv4Address:
    """Return a host's IPv4 address in its dual-stack subnet."""
    return subnet.network_address + int(HOST_DIGITS[host])


def nat64_prefix(config: Config) -> IPv6Network:
    """Return the part of 64:ff9b::/96 that stands for VPC-B's IPv4 block (RFC 6052): what goes to the NAT64 hosts.

    For `nat64_prefix = "well-known"`; one's own prefix is known once VPC-B has its /56: `own_nat64_prefix`.
    """
    return embedded(config.communications, WELL_KNOWN.network_address)


def own_nat64_prefix(communications: IPv6Network) -> IPv6Network:
    """Return the NAT64 prefix of 96 bits in VPC-B's own /56."""
    return IPv6Network((int(_numbered(communications, PREFIX_SUBNET).network_address), 96))


def translates(config: Config) -> bool:
    """Whether the database is reached through NAT64."""
    return config.db_access is not DbAccess.NATIVE


def has_own_prefix(config: Config) -> bool:
    """Whether VPC-B has the empty subnet of the NAT64 prefix."""
    return config.nat64_prefix is Nat64Prefix.OWN


def is_found_by_dns64(config: Config) -> bool:
    """Whether AWS's resolver makes the database's IPv6 address: it does so from the well-known prefix alone."""
    return translates(config) and not has_own_prefix(config)


def has_edge(config: Config, client: Client) -> bool:
    """Whether a client's VPC has an edge: for the StrongSwan host of a tunnel, or for a NAT gateway."""
    return client.connection is Connection.TUNNEL or is_found_by_dns64(config)


def has_elastic_ip(client: Client) -> bool:
    """Whether a client calls a public IPv4 address: of its StrongSwan host, or of the SIP host itself."""
    return client.connection is Connection.TUNNEL or client.sip_family is SipFamily.IPV4


def _numbered(vpc: IPv6Network, number: int) -> IPv6Network:
    return IPv6Network((int(vpc.network_address) + (number << 64), 64))
