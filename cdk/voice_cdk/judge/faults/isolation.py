"""What a transit gateway's table lets its VPCs reach by routes alone, whatever security groups say."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Network

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import WELL_KNOWN, Attachment, Network, Role, TargetKind, TgwRoute


def check(context: Context) -> Iterator[Fault]:
    """Each attachment's table, route by route."""
    model = context.model
    for attachment in model.attachments.values():
        if len(attachment.tables) > 1:
            reason = "is associated with several tables of the transit gateway; AWS takes one"
            yield Fault(kind="refused", resource=str(attachment.key), reason=reason)
        for route in model.tgw_routes:
            if route.table in attachment.tables and route.attachment in model.attachments:
                yield from _route(context, attachment, route)
        yield from _leads_there(context, attachment)
    yield from _tables(context)


def _leads_there(context: Context, attachment: Attachment) -> Iterator[Fault]:
    """What a VPC routes to the transit gateway is what the table there knows, no more and no less of it."""
    model = context.model
    there = {route.destination for route in model.tgw_routes if route.table in attachment.tables}
    for route in model.routes:
        vpc = model.table_vpcs.get(route.table)
        if route.kind is TargetKind.TGW and vpc == attachment.vpc and route.destination not in there:
            known = ", ".join(map(str, sorted(there, key=str))) or "nothing"
            reason = f"leads {route.destination} to the transit gateway, whose table for this VPC knows {known}"
            yield Fault(kind="route", resource=str(route.key), reason=reason)


def _tables(context: Context) -> Iterator[Fault]:
    """One table a role."""
    model = context.model
    for table, key in model.tgw_tables.items():
        kinds = {_kind(context, one.vpc) for one in model.attachments.values() if table in one.tables}
        if len(kinds) > 1:
            reason = f"is shared by VPCs of {' and of '.join(sorted(kinds))}; each role has a table of its own"
            yield Fault(kind="isolation", resource=str(key), reason=reason)


def _kind(context: Context, vpc: str) -> str:
    if vpc in context.model.communications:
        return "the database"
    return "shared services" if vpc in context.model.shared else "clients"


def _route(context: Context, attachment: Attachment, route: TgwRoute) -> Iterator[Fault]:
    beyond = context.model.attachments[route.attachment or ""]
    source, target = _name(context, attachment.vpc), _name(context, beyond.vpc)
    needed = _needed(context, attachment.vpc, beyond.vpc)
    if route.destination in needed:
        return
    if not needed:
        reason = f"by the transit gateway, {source} could reach {target} at {route.destination}; it must never"
    else:
        told = ", ".join(str(network) for network in needed)
        reason = f"a route to {route.destination} in {target}; what {source} needs there is {told} and nothing else"
    yield Fault(kind="isolation", resource=str(route.key), source=source, destination=target, reason=reason)


def _needed(context: Context, source: str, target: str) -> list[Network]:
    """What one VPC has to reach in another."""
    model = context.model
    if source == target:
        return []
    if source in model.communications:
        return [block for block in model.vpcs[target].blocks if block.version == 6] if target in model.vpcs else []
    if target not in model.communications:
        return []
    own = [prefix for prefix in context.flows.world.prefixes if prefix != WELL_KNOWN]
    if own:
        return [IPv6Network((prefix.network_address, 64)) for prefix in own]
    if model.native_database:
        of_database = {member.subnet for member in model.of(Role.DATABASE)}
        subnets = [model.subnets[subnet].ipv6 for subnet in of_database]
        whole = [block for block in model.vpcs[target].blocks if block.version == 6]
        return [*(block for block in subnets if block), *whole]
    return list(nat64_blocks(context))


def nat64_blocks(context: Context) -> Iterator[IPv6Network]:
    """The database's VPC's IPv4 blocks as NAT64 writes them."""
    for vpc in context.model.communications:
        for block in context.model.vpcs[vpc].blocks:
            if block.version == 4:
                first = int(WELL_KNOWN.network_address) + int(block.network_address)
                yield IPv6Network((first, 96 + block.prefixlen))


def _name(context: Context, vpc: str) -> str:
    model = context.model
    if vpc in model.communications:
        return "the database's VPC"
    key = model.vpcs[vpc].key if vpc in model.vpcs else vpc
    return f"the shared services' VPC {key}" if vpc in model.shared else f"the client's VPC {key}"
