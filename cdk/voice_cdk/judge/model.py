"""The network that templates would build: frozen, resolved, read by every check, table, diagram and driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.traffic import Traffic

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

WELL_KNOWN = IPv6Network("64:ff9b::/96")
"""NAT64's well-known prefix (RFC 6052), the only one that AWS's DNS64 writes."""


class TargetKind(StrEnum):
    """What a route leads to."""

    LOCAL = "local"
    TGW = "transit gateway"
    INTERNET = "internet gateway"
    EGRESS_ONLY = "egress-only internet gateway"
    NAT = "NAT gateway"
    INTERFACE = "network interface"
    INSTANCE = "instance"
    OTHER = "something that is not followed"


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC with its blocks, and the internet gateways that are attached."""

    key: Key
    id: str
    blocks: tuple[Network, ...]
    dns: bool
    internet: frozenset[str]
    egress_only: frozenset[str]


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet; `table` is its route table, None where the template associates none; `association` says so."""

    key: Key
    id: str
    vpc: str
    zone: str
    ipv4: IPv4Network | None
    ipv6: IPv6Network | None
    native: bool
    dns64: bool
    assign_ipv6: bool
    public_ipv4: bool
    table: str | None
    associations: tuple[Key, ...]

    def block(self, version: int) -> Network | None:
        """Its block of one family."""
        return self.ipv4 if version == 4 else self.ipv6


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a route table; `local` ones have the VPC's key."""

    key: Key
    table: str
    destination: Network
    kind: TargetKind
    target: str


@dataclass(frozen=True, slots=True)
class TgwRoute:
    """A route of a transit gateway's table; `attachment` is None for a black hole."""

    key: Key
    table: str
    destination: Network
    attachment: str | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A VPC's attachment to a transit gateway. `tables` of associations, normally one."""

    key: Key
    id: str
    vpc: str
    gateway: str
    subnets: tuple[str, ...]
    ipv6: bool
    appliance: bool
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a security group, in one direction; the peer is a network or a group."""

    key: Key
    group: str
    ingress: bool
    traffic: Traffic
    network: Network | None
    peer_group: str | None
    place: str
    """Where it stands in its resource, for the fault's sentence."""


@dataclass(frozen=True, slots=True)
class Group:
    """A security group. `key` is None for the one that EKS makes."""

    key: Key
    id: str
    vpc: str


class Role(StrEnum):
    """What something is for."""

    PODS = "pods"
    CONTROL_PLANE = "EKS control plane"
    GRAFANA = "Grafana host"
    BALANCER = "load balancer"
    DATABASE = "database"
    NAT64 = "NAT64 host"
    MANAGEMENT = "host's first interface"
    """What a machine starts with, before it attaches the interface that its address is at."""
    SIP = "SIP host"
    STRONGSWAN = "StrongSwan host"
    ENDPOINT = "VPC endpoint"
    FUNCTION = "Lambda function"
    HOST = "host"
    SITE = "client's site"
    GATEWAY = "client's gateway"
    BROWSER = "browser"
    INTERNET = "internet"


@dataclass(frozen=True, slots=True)
class Member:
    """Something with an address in one subnet.

    Attributes:
        key: its resource; `instance` is the resource that it is attached to, where that is another.
        groups: identifiers of its security groups.
        forwards: whether the source/destination check is off.
        public: whether it has a public IPv4 address.
        spare: it does not stand there, but would if its host were moved to this zone.
        fixed: whether its template fixes its IPv6 address.
        ids: identifiers that routes and addresses name it by.
        ports: that it listens at, where its template says so.
        machines: what starts a machine with it: an instance, a group of them.
    """

    key: Key
    role: Role
    name: str
    subnet: str
    zone: str
    vpc: str
    groups: tuple[str, ...]
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None
    forwards: bool = False
    public: bool = False
    spare: bool = False
    fixed: bool = False
    ids: frozenset[str] = frozenset()
    ports: tuple[int, ...] = ()
    machines: frozenset[Key] = frozenset()

    def address(self, version: int) -> Address | None:
        """Its address of one family."""
        return self.ipv4 if version == 4 else self.ipv6

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Outside:
    """Somebody outside of AWS: at one address, standing for a network. `vpc` is that of the client whose it is."""

    role: Role
    name: str
    address: Address
    vpc: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway, which does NAT64 for 64:ff9b::/96 too."""

    key: Key
    id: str
    subnet: str
    public: bool
    ipv4: IPv4Address | None


@dataclass(frozen=True)
class Tunnel:
    """A client's telephony: its prefixes, its gateway if it has a tunnel."""

    vpc: str
    prefixes: frozenset[Network]
    gateways: frozenset[Network]


@dataclass(frozen=True)
class Model:
    """Everything."""

    vpcs: Mapping[str, Vpc]
    subnets: Mapping[str, Subnet]
    tables: Mapping[str, Key]
    table_vpcs: Mapping[str, str]
    routes: tuple[Route, ...]
    tgw_tables: Mapping[str, Key]
    tgw_routes: tuple[TgwRoute, ...]
    attachments: Mapping[str, Attachment]
    groups: Mapping[str, Group]
    rules: tuple[Rule, ...]
    nat_gateways: Mapping[str, NatGateway]
    members: tuple[Member, ...]
    tunnels: Mapping[str, Tunnel]
    shared: frozenset[str]
    """VPCs of shared services (EKS)."""
    communications: frozenset[str]
    """VPCs of the database."""
    native_database: bool
    """Whether the database has IPv6."""
    cluster_dns64: bool
    """Whether the cluster's own DNS makes addresses of NAT64."""
    target_ports: frozenset[int]
    """Ports at which load balancers ask pods."""
    problems: tuple[Fault, ...]

    @property
    def clients(self) -> list[str]:
        """VPCs of clients: all others that telephony or an attachment stands in."""
        others = {m.vpc for m in self.members} | {a.vpc for a in self.attachments.values()}
        return sorted(others - self.shared - self.communications)

    def of(self, *roles: Role) -> list[Member]:
        """All members of some roles, spares too."""
        return [member for member in self.members if member.role in roles]
