"""What a configuration would build, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config, Connection, DbAccess, SipFamily
from voice_cdk.config.plan import Host, Role

DEFAULT_QUOTA = 5
"""VPCs of a region, and Elastic IPs of a region (VPC quotas)."""

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
    yield "A", "shared services", str(config.shared), _subnets(config.zones, Role.EDGE, Role.APPS)
    roles = [Role.DATABASE, *([Role.NAT64] if plan.translates(config) else [])]
    yield "B", "unified communications", str(config.communications), _subnets(config.zones, *roles)
    here = _subnets(config.zones[:1], Role.EDGE, Role.HOSTS)
    for client in config.clients:
        yield f"C {client.name}", "client connectivity", str(client.vpc), here


def _subnets(zones: Sequence[str], *roles: Role) -> str:
    """Return the numbers of subnets as they stand in addresses, in hexadecimal digits."""
    return ", ".join(
        f"{role} " + " ".join(f"{plan.subnet_index(role, plan.letter(zone)):02x}" for zone in zones)
        for role in (*roles, Role.ATTACHMENT)
    )


def _client(client: Client) -> _Row:
    gateway = str(client.gateway or "-")
    return client.name, client.connection, gateway, client.sip_family, " ".join(map(str, client.prefixes))


def _hosts(config: Config) -> Iterator[_Row]:
    first = config.zones[0]
    if config.db_access is DbAccess.NAT64:
        for zone in config.zones:
            yield _host("B", Host.NAT64, Role.NAT64, zone, config.hosts.nat64, config.communications)
    yield _host("A", Host.GRAFANA, Role.APPS, first, config.hosts.grafana, None)
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
    vpcs = 2 + len(config.clients)
    if vpcs > DEFAULT_QUOTA:
        yield f"It needs {vpcs} VPCs, and AWS gives an account {DEFAULT_QUOTA} a region: ask for more before."
    tunnels = sum(each.connection is Connection.TUNNEL for each in config.clients)
    if tunnels > DEFAULT_QUOTA:
        yield (
            f"It needs {tunnels} Elastic IPs for tunnels alone, and AWS gives an account {DEFAULT_QUOTA} a region: "
            "ask for more before."
        )


def _aligned(rows: Sequence[_Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
