"""What machines are told at their first start: addresses that are theirs, and of their platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network, ip_network

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import MACHINES, mentions, user_data
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import WELL_KNOWN, Address, Member, Network, Role

WORD = re.compile(r"(?<![\w.:/-])([0-9a-fA-F:.]{3,})(/\d{1,3})?(?![\w.:/-])")
"""Whatever could be an address or a block."""
NAME = re.compile(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
GIVEN = tuple(map(IPv6Network, ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8", "64:ff9b::/96", "64:ff9b:1::/48")))
ROLES = 3
"""Of so many other roles hosts must be alike, for one that differs to be at fault."""
TOLD = {
    "AWS::SecretsManager::Secret": "secret",
    "AWS::EC2::Volume": "volume",
    "AWS::EC2::NetworkInterface": "interface of its own",
    "AWS::RDS::DBCluster": "database",
    "AWS::EC2::RouteTable": "route table",
}


def check(context: Context) -> Iterator[Fault]:
    """Each instance and launch template."""
    machines = {key: user_data(context, key) for key in context.resolver.of_type(*MACHINES)}
    told = {key: _kinds(context, text) for key, text in machines.items()}
    for key, text in machines.items():
        yield from _addresses(context, key, text)
        yield from _own(context, key, text)
    yield from _alike(context, told)


def literals(text: str) -> Iterator[Network]:
    """Addresses and blocks in a text; an address counts as a block of one."""
    for match in WORD.finditer(text):
        try:
            yield ip_network(match[1] + (match[2] or ""))
        except ValueError:
            continue


def no_host(address: Address) -> bool:
    """Whether an IPv6 address is in none of the blocks that addresses are given from (IANA, RFC 4291)."""
    plain = address.version == 6 and address not in {IPv6Address("::"), IPv6Address("::1")}
    return plain and not any(address in block for block in GIVEN)


def _addresses(context: Context, key: Key, text: str) -> Iterator[Fault]:
    model = context.model
    blocks = [block for vpc in model.vpcs.values() for block in vpc.blocks] + [WELL_KNOWN]
    known: set[Network] = {*blocks, *context.flows.world.prefixes, *(route.destination for route in model.routes)}
    for subnet in model.subnets.values():
        known |= {block for block in (subnet.ipv4, subnet.ipv6) if block}
    for network in dict.fromkeys(literals(text)):
        ours = any(block.version == network.version and block.overlaps(network) for block in blocks)
        alone = network.num_addresses == 1
        somebody = alone and network.network_address in context.flows.world.at
        if network.version == 6 and alone and no_host(network.network_address):
            told = "the end of an address alone" if int(network.network_address) < 1 << 64 else "which nobody can have"
            yield _fault(key, f"its user data names {network.network_address}, {told}")
        if ours and network not in known and not somebody:
            what = str(network.network_address) if alone else str(network)
            yield _fault(key, f"its user data names {what}, a part of this platform that nobody has")


def _own(context: Context, key: Key, text: str) -> Iterator[Fault]:
    """A machine that is told addresses of its VPC is told its own; an end of a tunnel, where the other end is."""
    given = {network.network_address for network in literals(text) if network.num_addresses == 1}
    for member in context.model.members:
        if member.spare or member.role is Role.MANAGEMENT or not any(mentions(text, one) for one in member.ids):
            continue
        blocks = [block for vpc in context.model.vpcs.values() for block in vpc.blocks]
        inside = [one for one in given if any(one in block for block in blocks if block.version == one.version)]
        others = [
            one for one in inside if (m := context.flows.world.at.get(one)) and m.role is member.role and m != member
        ]
        if others:
            told = ", ".join(map(str, others))
            yield _fault(key, f"its user data names {told}, the address of another {member.role}")
        elif inside and not {member.ipv4, member.ipv6} & {*inside}:
            told = ", ".join(map(str, sorted(inside, key=str)))
            yield _fault(key, f"its user data names {told}, and not the address of its interface ({member.key})")
        if member.role is Role.NAT64:
            yield from _prefix(context, key, member, text)
        if member.role is Role.STRONGSWAN:
            yield from _gateway(context, key, member, given, text)


def _prefix(context: Context, key: Key, member: Member, text: str) -> Iterator[Fault]:
    """What moves routes is told which: a destination that leads to it."""
    tables = [f"id-{one.stack}.{one.logical_id}" for one in context.model.tables.values()]
    if any(mentions(text, one) for one in tables):
        led = [route.destination for route in context.model.routes if route.target in member.ids]
        given = [network for network in literals(text) if network.num_addresses > 1]
        if not any(one.version == other.version and one.overlaps(other) for one in led for other in given):
            yield _fault(key, "its user data names route tables, and no destination of a route that leads to it")


def _gateway(context: Context, key: Key, member: Member, given: set[Address], text: str) -> Iterator[Fault]:
    tunnel = context.model.tunnels.get(member.vpc)
    gateways = tunnel.gateways if tunnel else ()
    reached = {one for one in given if any(one in network for network in gateways if network.version == one.version)}
    if gateways and "SECRET" in text and not reached:
        yield _fault(key, "its user data names a secret, and not the gateway that it is for")
    outside = {one for one in given if not one.is_private or str(one).startswith(("192.0.2.", "198.51.100.", "203."))}
    for one in sorted(outside, key=str):
        if gateways and not any(one in network for network in gateways if network.version == one.version):
            named = ", ".join(map(str, sorted(gateways, key=str)))
            yield _fault(key, f"its user data names {one}, and its security groups let {named} in")


def _kinds(context: Context, text: str) -> frozenset[str]:
    """Of what kinds of resources a text speaks."""
    own = {str(one) for member in context.model.members for one in (member.ipv6, member.ipv4) if one and member.fixed}
    names = {f"setting {name}" for name in NAME.findall(text)}
    found = names | {"address of its own"} if own & {str(one.network_address) for one in literals(text)} else names
    return frozenset(found | {
        word for kind, word in TOLD.items()
        for one in context.resolver.of_type(kind) if mentions(text, f"id-{one.stack}.{one.logical_id}") or
        f"id-{one.stack}.{one.logical_id}.Endpoint" in text
    })  # fmt: skip


def _alike(context: Context, told: dict[Key, frozenset[str]]) -> Iterator[Fault]:
    """Hosts of one role are told of the same kinds of things."""
    of_role: dict[Role, set[Key]] = {}
    for member in context.model.members:
        for key in told:
            if any(mentions(user_data(context, key), one) for one in member.ids):
                of_role.setdefault(member.role, set()).add(key)
    everywhere = {key for keys in of_role.values() for key in keys if "interface of its own" in told[key]}
    without = {key for key in everywhere if "address of its own" not in told[key]}
    for key in sorted(without) if len(without) * 2 < len(everywhere) else ():
        yield _fault(key, "its user data names no address of its own, as that of other hosts does")
    for key in sorted(everywhere):
        others = [told[one] for one in everywhere if one != key]
        # What two roles have in common may be theirs alone.
        if sum(bool(keys & everywhere - {key}) for keys in of_role.values()) < ROLES:
            continue
        for missing in sorted(frozenset.intersection(*others) - told[key]):
            yield _fault(key, f"its user data has no {missing}, as that of every other host has")
    for role, keys in of_role.items():
        everything = frozenset(kind for key in keys for kind in told[key])
        for key in sorted(keys):
            for missing in sorted(everything - told[key]):
                yield _fault(key, f"its user data names no {missing}, as that of the other {role} does")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="user data", resource=str(key), reason=reason)
