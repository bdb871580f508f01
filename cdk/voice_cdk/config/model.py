"""The configuration of one platform, as it is once it was found to be right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class DbAccess(StrEnum):
    """How IPv6-only hosts reach the database."""

    NAT64 = "nat64"
    """Aurora has IPv4 only; NAT64 hosts of ours translate."""
    NATIVE = "native"
    """Aurora has IPv6 too."""
    MANAGED = "managed"
    """Aurora has IPv4 only; AWS's NAT gateways translate."""


class Nat64Prefix(StrEnum):
    """From which prefix the database's IPv6 address is made (RFC 6052)."""

    WELL_KNOWN = "well-known"
    """64:ff9b::/96, which AWS's DNS64 writes."""
    OWN = "own"
    """The first /96 of a /64 of VPC-B: for where AWS refuses routes to the well-known one."""


class Connection(StrEnum):
    """How a client's telephony is reached."""

    TUNNEL = "tunnel"
    """By IPsec, to the client's gateway."""
    TRUNK = "trunk"
    """By the internet, to the client's SBC."""


class SipFamily(StrEnum):
    """The address family of SIP and RTP with a client: session descriptions carry addresses, so NAT64 can't help."""

    IPV6 = "ipv6"
    IPV4 = "ipv4"


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client: a VPC-C with its SIP host, and for a tunnel its StrongSwan host.

    Attributes:
        name: the Kubernetes namespace and the `client` of its records.
        vpc: IPv4 prefix of its VPC: of what stands at its edge, and of its SIP host where that speaks IPv4.
        prefixes: where its telephony is, of either family.
        gateway: its IPsec gateway; None for a trunk.
        sip_family: of SIP and RTP.
    """

    name: str
    vpc: IPv4Network
    prefixes: tuple[Network, ...]
    connection: Connection
    gateway: IPv4Address | None
    sip_family: SipFamily


@dataclass(frozen=True, kw_only=True)
class Portal:
    """How people reach the portal: `domain` in the hosted `zone`, with the ACM `certificate`, from `allowed`."""

    domain: str
    zone: str
    zone_id: str
    certificate: str
    allowed: tuple[Network, ...]


@dataclass(frozen=True, kw_only=True)
class Database:
    """Aurora Serverless v2: its capacity in ACU, and for how many days backups are kept."""

    min_capacity: float
    max_capacity: float
    backup_days: int


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """EKS: version, managed nodes, and who may reach its public endpoint (nobody: it has none)."""

    version: str
    node_type: str
    min_nodes: int
    max_nodes: int
    allowed: tuple[Network, ...]


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Instance types."""

    sip: str
    strongswan: str
    nat64: str
    grafana: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """One platform.

    Attributes:
        name: what its stacks are called after.
        zones: availability zones of `region`, by their whole names, the first is where single hosts stand.
        shared: IPv4 prefix of VPC-A, shared services.
        communications: IPv4 prefix of VPC-B, unified communications.
        alarm_address: who gets mail of alarms.
    """

    name: str
    account: str
    region: str
    zones: tuple[str, ...]
    shared: IPv4Network
    communications: IPv4Network
    db_access: DbAccess
    nat64_prefix: Nat64Prefix
    alarm_address: str
    portal: Portal
    database: Database
    cluster: Cluster
    hosts: Hosts
    clients: tuple[Client, ...]
