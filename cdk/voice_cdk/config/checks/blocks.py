"""No two blocks of addresses overlap, and each is large enough for its plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses

from voice_cdk.config import plan, schema
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults
from voice_cdk.config.model import Network
from voice_cdk.config.values.ranges import overlap

SMALLEST_SHARED = 19
"""VPC-A: its subnets then are /27, the least that a load balancer takes (ELB guide, "application-load-balancers")."""
SMALLEST = 20
"""Other VPCs: their subnets then are /28, the least that AWS takes."""
FOR_OTHERS = 16
"""IPv4 addresses of an apps subnet for the cluster's interfaces, for endpoints, and for nodes that replace others."""


@dataclass(frozen=True)
class Block:
    """A block of the file: where it stands, and whose it is (`owner`: the client, empty for the platform's own)."""

    where: str
    network: Network
    owner: str
    is_vpc: bool

    def __str__(self) -> str:
        """How a sentence about another one names it."""
        return f"{self.network} ({self.where})"


def check(draft: Draft, faults: Faults) -> None:
    """Add what is wrong with the blocks among each other."""
    _check_sizes(draft, faults)
    blocks = list(_blocks(draft))
    free = _free([each.network for each in blocks if isinstance(each.network, IPv4Network)])
    for inner, outer in _overlaps(blocks):
        faults.add(inner.where, _sentence(inner, outer, next(free, None) if inner.is_vpc else None))


def repeated(networks: tuple[Network, ...]) -> Iterator[tuple[Network, Network]]:
    """Yield each network of a list that another one of it covers, with that one."""
    yield from (
        (inner.network, outer.network)
        for inner, outer in _overlaps([Block("", each, "", is_vpc=False) for each in networks])
    )


def _blocks(draft: Draft) -> Iterator[Block]:
    for which in (schema.SHARED, schema.COMMUNICATIONS):
        if network := draft.top.get(which):
            yield Block(draft.top.at(which), network, "", is_vpc=True)
    for name, client in draft.clients.items():
        if network := client.get(schema.CLIENT_VPC):
            yield Block(client.at(schema.CLIENT_VPC), network, name, is_vpc=True)
        for prefix in client.get(schema.PREFIXES) or ():
            yield Block(client.at(schema.PREFIXES), prefix, name, is_vpc=False)


def _overlaps(blocks: list[Block]) -> Iterator[tuple[Block, Block]]:
    """Yield each block that lies in another one, with one that it lies in; of two equal ones the later in the file."""
    # Blocks either nest or are apart: sorted, the one that a block lies in is the last that has not yet ended.
    ordered = sorted(blocks, key=lambda each: (each.network.version, int(each.network[0]), each.network.prefixlen))
    around: list[Block] = []
    for each in ordered:
        while around and not overlap(around[-1].network, each.network):
            around.pop()
        if around:
            yield each, around[-1]
        around.append(each)


def _sentence(inner: Block, outer: Block, free: IPv4Network | None) -> str:
    mend = f"; {free} is free" if free else ""
    if inner.is_vpc and outer.is_vpc:
        return f"{inner.network} overlaps {outer}: VPCs of one platform need blocks of their own{mend}"
    if inner.is_vpc or outer.is_vpc:
        said = f"{inner.network} overlaps {outer}"
        if not inner.is_vpc:
            return f"{said}: what is for the client would stay in the VPC; correct it, or give the VPC another block"
        return f"{said}: what is for {outer.network} would stay in {inner.network}; give the VPC another block{mend}"
    if inner.owner == outer.owner:
        return f"{inner.network} is in {outer.network} already, which stands in the same list; take one out"
    return f"{inner.network} overlaps {outer}: an address tells whose a call is, so two clients have none in common"


def _check_sizes(draft: Draft, faults: Faults) -> None:
    """A VPC's subnets are its 256 parts."""
    sizes = [(draft.top, schema.SHARED, SMALLEST_SHARED, "/27, as a load balancer's must be")]
    others = [(draft.top, schema.COMMUNICATIONS), *((each, schema.CLIENT_VPC) for each in draft.clients.values())]
    sizes += [(section, which, SMALLEST, "/28, AWS's smallest") for section, which in others]
    for section, which, length, why in sizes:
        network = section.get(which)
        if network and network.prefixlen > length:
            faults.add(
                section.at(which),
                f"{network} is too small for 256 subnets of {why}; write a block of /16 to /{length}",
            )
    _check_nodes(draft, faults)


def _check_nodes(draft: Draft, faults: Faults) -> None:
    """With all other zones gone, the nodes are in one subnet, and each has an IPv4 address of it."""
    network, nodes = draft.top.get(schema.SHARED), draft.cluster.get(schema.MAX_NODES)
    if network is None or nodes is None or network.prefixlen > SMALLEST_SHARED:
        return
    room = plan.usable_ipv4(network) - FOR_OTHERS
    if nodes > room:
        faults.add(
            draft.cluster.at(schema.MAX_NODES),
            f"{nodes} nodes find no IPv4 addresses in one zone's subnet of {network}; "
            f"write {room} at most, or give shared a block of /16",
        )


def _free(taken: list[IPv4Network]) -> Iterator[IPv4Network]:
    """Yield blocks of /16 in 10.0.0.0/8 that nothing has yet."""
    merged = list(collapse_addresses(taken))
    for candidate in IPv4Network("10.0.0.0/8").subnets(new_prefix=16):
        if not any(candidate.overlaps(each) for each in merged):
            yield candidate
