"""What a configuration would build, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config, Connection, DbAccess, SipFamily
from voice_cdk.config.plan import Host, Role

DEFAULT_QUOTA = 5
"""Of VPCs, Elastic IPs, egress-only internet gateways in a region, and of NAT gateways in a zone (VPC quotas)."""
MANY_CLIENTS = 44
"""More than these fill a route table in which there are a few others (VPC quotas)."""

_FAMILIES = {SipFamily.IPV4: ("IPv4", 4), SipFamily.IPV6: ("IPv6", 6)}

_Row = tuple[str, ...]


def summary(config: Config) -> str:
    """Return the VPCs, clients and hosts of a platform as tables, and what has to be asked of AWS before."""
    parts = [
        _head(config),
        _aligned([("VPC", "of", "IPv4", "subnets (…N::/64)"), *_vpcs(config)]),
        _aligned([("client", "connection", "gateway", "SIP", "prefixes"), *map(_client, config.clients)]),
        _aligned([("host", "VPC", "zone", "type", "IPv6", "IPv4"), *_hosts(config)]),
        "\n".join(_notes(config)),
    ]
    return "\n\n".join(parts)


def _head(config: Config) -> str:
    zones = ", ".join(map(plan.letter, config.zones))
    return f"{config.name}: {config.region}, zones {zones}, account {config.account}, https://{config.portal.domain}/"


def _vpcs(config: Config) -> Iterator[_Row]:
    everywhere, first = config.zones, config.zones[:1]
    shared = {Role.EDGE: everywhere, Role.APPS: everywhere, Role.HOSTS: first, Role.ATTACHMENT: everywhere}
    yield "A", "shared services", str(config.shared), _subnets(shared)
    translators = {Role.NAT64: everywhere} if plan.translates(config) else {}
    roles = {Role.DATABASE: everywhere, **translators, Role.ATTACHMENT: everywhere}
    yield "B", "unified communications", str(config.communications), _subnets(roles)
    for client in config.clients:
        edge = {Role.EDGE: first} if plan.has_edge(config, client) else {}
        here = {**edge, Role.HOSTS: first, Role.ATTACHMENT: first}
        yield f"C {client.name}", "client connectivity", str(client.vpc), _subnets(here)


def _subnets(roles: Mapping[Role, Sequence[str]]) -> str:
    """Return the numbers of subnets, by role and its zones, as they stand in addresses, in hexadecimal digits."""
    return ", ".join(
        f"{role} " + " ".join(f"{plan.subnet_index(role, plan.letter(zone)):02x}" for zone in zones)
        for role, zones in roles.items()
    )


def _client(client: Client) -> _Row:
    gateway = str(client.gateway or "-")
    return client.name, client.connection, gateway, client.sip_family, " ".join(map(str, client.prefixes))


def _hosts(config: Config) -> Iterator[_Row]:
    first = config.zones[0]
    if config.db_access is DbAccess.NAT64:
        for zone in config.zones:
            yield _host("B", Host.NAT64, Role.NAT64, zone, config.hosts.nat64, config.communications)
    yield _host("A", Host.GRAFANA, Role.HOSTS, first, config.hosts.grafana, None)
    for client in config.clients:
        vpc = f"C {client.name}"
        ipv4 = client.vpc if client.sip_family is SipFamily.IPV4 else None
        yield _host(vpc, Host.SIP, Role.HOSTS, first, config.hosts.sip, ipv4)
        if client.connection is Connection.TUNNEL:
            yield _host(vpc, Host.STRONGSWAN, Role.EDGE, first, config.hosts.strongswan, client.vpc)


def _host(vpc: str, host: Host, role: Role, zone: str, kind: str, block: IPv4Network | None) -> _Row:
    letter = plan.letter(zone)
    ipv6 = f"…{plan.subnet_index(role, letter):02x}::{plan.HOST_DIGITS[host]}"
    ipv4 = str(plan.host_ipv4(plan.subnet_ipv4(block, role, letter), host)) if block else "-"
    return host, vpc, letter, kind, ipv6, ipv4


def _notes(config: Config) -> Iterator[str]:
    if plan.has_own_prefix(config):
        yield f"The database: behind the NAT64 prefix of VPC-B, …{plan.PREFIX_SUBNET:02x}::/96."
    elif plan.translates(config):
        yield f"The database: in {plan.nat64_prefix(config)}, by NAT64."
    else:
        yield "The database: by its own IPv6 addresses."
    for client in config.clients:
        written, version = _FAMILIES[client.sip_family]
        others = [str(each) for each in client.prefixes if each.version != version]
        if others:
            yield f"{client.name}'s SIP is in {written}, so nothing leads to {', '.join(others)}."
    for what, count in _needed(config).items():
        if count > DEFAULT_QUOTA:
            yield f"It needs {count} {what}, and AWS gives {DEFAULT_QUOTA}: ask for more before."
    if len(config.clients) > MANY_CLIENTS:
        yield (
            f"It has {len(config.clients)} clients, each with a route and a rule in VPC-B, and AWS gives a table "
            "50 routes and a security group 60 rules: ask for more before."
        )


def _needed(config: Config) -> dict[str, int]:
    """Count what AWS gives few of: each VPC has its gateways, each zone of VPC-A a NAT gateway with an Elastic IP."""
    clients, zones = config.clients, len(config.zones)
    translated = len(clients) if plan.is_found_by_dns64(config) else 0
    called = sum(map(plan.has_elastic_ip, clients))
    return {
        "VPCs with the default one": 3 + len(clients),
        "Elastic IPs": zones + translated + called,
        "NAT gateways in the first zone": 1 + (config.db_access is DbAccess.MANAGED) + translated,
        "egress-only internet gateways": 1 + (config.db_access is DbAccess.NAT64) + called,
    }


def _aligned(rows: Sequence[_Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
