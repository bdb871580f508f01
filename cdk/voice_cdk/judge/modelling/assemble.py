"""Put the model together."""

from __future__ import annotations

from collections import defaultdict

from voice_cdk.judge.model import (
    WELL_KNOWN,
    Attachment,
    Member,
    Model,
    Network,
    Role,
    Rule,
    TgwRoute,
    Tunnel,
    Vpc,
)
from voice_cdk.judge.modelling import hosts, network, places, reader, roles, security, services, spares, transit
from voice_cdk.judge.resolve import Resolver


def model(resolver: Resolver) -> Model:
    """The model of resolved templates."""
    source = reader.Source(resolver)
    vpcs = network.vpcs(source)
    subnets = network.subnets(source)
    routes = tuple(network.routes(source, vpcs))
    groups = security.groups(source)
    rules = security.rules(source, groups)
    attachments = transit.attachments(source)
    tgw_routes = tuple(transit.routes(source))
    put = places.Places(subnets)
    served = services.members(source, put)
    signs = roles.Signs(
        _by_group(rules),
        routes,
        frozenset(one.vpc for one in served if one.role in {Role.CONTROL_PLANE, Role.PODS}) & vpcs.keys(),
        _communications(served, tgw_routes, attachments) & vpcs.keys(),
    )
    found = _hosts(hosts.hosts(source), put, signs)
    members = [*served, *(member for _, member in found)]
    databases = [member for member in members if member.role is Role.DATABASE]
    members += spares.spares(members, subnets, routes, attachments, put)
    return Model(
        vpcs=vpcs,
        subnets=subnets,
        tables=network.tables(source),
        table_vpcs=network.table_vpcs(source),
        routes=routes,
        tgw_tables=transit.tables(source),
        tgw_routes=tgw_routes,
        attachments=attachments,
        groups=groups,
        rules=tuple(rules),
        nat_gateways=network.nat_gateways(source, subnets),
        members=tuple(members),
        tunnels=_tunnels(found, vpcs, signs),
        shared=signs.shared - signs.communications,
        communications=signs.communications,
        native_database=any(database.ipv6 for database in databases),
        cluster_dns64=_cluster_dns64(source),
        target_ports=services.target_ports(source),
        problems=(*source.faults, *resolver.problems),
    )


def _communications(
    served: list[Member], routes: tuple[TgwRoute, ...], attachments: dict[str, Attachment]
) -> frozenset[str]:
    """VPCs of a database; while there is none, those that NAT64's prefix leads to."""
    found = frozenset(member.vpc for member in served if member.role is Role.DATABASE)
    nat64 = [route for route in routes if route.destination.version == 6 and route.destination.overlaps(WELL_KNOWN)]
    led = {route.attachment for route in nat64 if route.attachment in attachments}
    return found or frozenset(attachments[name or ""].vpc for name in led)


def _by_group(rules: list[Rule]) -> dict[str, list[Rule]]:
    found = defaultdict(list)
    for rule in rules:
        found[rule.group].append(rule)
    return found


def _hosts(all_hosts: list[hosts.Host], put: places.Places, signs: roles.Signs) -> list[tuple[hosts.Host, Member]]:
    of_vpc = defaultdict(list)
    for host in all_hosts:
        if host.subnet in put.subnets:
            of_vpc[put.subnets[host.subnet].vpc].append(host)
        else:
            host.reader.wrong("stands in no subnet of these templates")
    found = []
    for vpc, together in of_vpc.items():
        for host in together:
            member = put.put(
                host.reader, roles.role(host, vpc, together, signs), host.subnet, host.groups,
                forwards=host.forwards, asks_ipv6=host.asks_ipv6, ipv4=host.ipv4, ipv6=host.ipv6, ids=host.ids,
                public=host.public or put.subnets[host.subnet].public_ipv4, machines=host.machines,
            )  # fmt: skip
            if member:
                found.append((host, member))
    return found


def _tunnels(found: list[tuple[hosts.Host, Member]], vpcs: dict[str, Vpc], signs: roles.Signs) -> dict[str, Tunnel]:
    inside: list[Network] = [block for vpc in vpcs.values() for block in vpc.blocks]
    tunnels = {}
    for vpc in vpcs.values():
        sip = [host for host, member in found if member.vpc == vpc.id and member.role is Role.SIP]
        ends = [host for host, member in found if member.vpc == vpc.id and member.role is Role.STRONGSWAN]
        if sip or ends:
            tunnels[vpc.id] = roles.tunnel(vpc, sip, ends, signs, inside)
    return tunnels


def _cluster_dns64(source: reader.Source) -> bool:
    dns = [addon for addon in source.each("AWS::EKS::Addon") if addon.text("AddonName") == "coredns"]
    return any("dns64" in addon.text("ConfigurationValues") for addon in dns)
