"""No two blocks of addresses overlap, and each is large enough for its plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses

from voice_cdk.config import plan, schema
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults
from voice_cdk.config.model import Connection, Network
from voice_cdk.config.values.ranges import is_private, overlap

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
    taken = [*_vpcs(draft), *(each for client in draft.clients for each in _prefixes(draft, client))]
    free = _free([each.network for each in taken if isinstance(each.network, IPv4Network)])
    for gateway, prefix in _behind_gateways(draft):
        faults.add(
            gateway.where,
            f"{gateway.network[0]} is in {prefix}, so what is behind it could call {prefix.owner}'s SIP host by its "
            "trunk; correct one of them, or name the addresses of the carrier's SBCs alone",
        )
    for inner, outer in _too_near(draft):
        faults.add(inner.where, _sentence(inner, outer, next(free, None) if inner.is_vpc else None))


def repeated(networks: tuple[Network, ...]) -> Iterator[tuple[Network, Network]]:
    """Yield each network of a list that another one of it covers, with that one."""
    yield from (
        (inner.network, outer.network)
        for inner, outer in _overlaps([Block("", each, "", is_vpc=False) for each in networks])
    )


def _too_near(draft: Draft) -> Iterator[tuple[Block, Block]]:
    """Yield each block with one that it lies in and may not.

    Private addresses of two clients may be the same: each client's packets are in a VPC of its own, and what joins the
    VPCs carries none of these.
    """
    vpcs = list(_vpcs(draft))
    of_clients = [list(_prefixes(draft, client)) for client in draft.clients]
    prefixes = [each for client in of_clients for each in client]
    yield from _overlaps(vpcs)
    yield from _between(vpcs, prefixes)
    for client in of_clients:
        yield from _overlaps(client)
    for inner, outer in _overlaps([each for each in prefixes if not is_private(each.network)]):
        if inner.owner != outer.owner and not (_is_trunk(draft, inner) and _is_trunk(draft, outer)):
            yield inner, outer


def _behind_gateways(draft: Draft) -> Iterator[tuple[Block, Block]]:
    """Yield each client's gateway with the prefix of another one's trunk that it is in."""
    gateways = [
        Block(client.at(schema.GATEWAY), IPv4Network(address), name, is_vpc=False)
        for name, client in draft.clients.items()
        if (address := client.get(schema.GATEWAY))
    ]
    prefixes = [each for name in draft.clients for each in _prefixes(draft, name) if _is_trunk(draft, each)]
    yield from ((inner, outer) for inner, outer in _between(prefixes, gateways) if inner.owner != outer.owner)


def _vpcs(draft: Draft) -> Iterator[Block]:
    for which in (schema.SHARED, schema.COMMUNICATIONS):
        if network := draft.top.get(which):
            yield Block(draft.top.at(which), network, "", is_vpc=True)
    for name, client in draft.clients.items():
        if network := client.get(schema.CLIENT_VPC):
            yield Block(client.at(schema.CLIENT_VPC), network, name, is_vpc=True)


def _prefixes(draft: Draft, name: str) -> Iterator[Block]:
    client = draft.clients[name]
    for prefix in client.get(schema.PREFIXES) or ():
        yield Block(client.at(schema.PREFIXES), prefix, name, is_vpc=False)


def _is_trunk(draft: Draft, block: Block) -> bool:
    """Whether a client's prefixes are a carrier's, who may serve several."""
    return draft.clients[block.owner].get(schema.CONNECTION) is Connection.TRUNK


def _overlaps(blocks: list[Block]) -> Iterator[tuple[Block, Block]]:
    """Yield each block that lies in another one, with one that it lies in; of two equal ones the later in the file."""
    around: list[Block] = []
    for each in _ordered(blocks):
        _leave(around, each)
        if around:
            yield each, around[-1]
        around.append(each)


def _between(ones: list[Block], others: list[Block]) -> Iterator[tuple[Block, Block]]:
    """Yield each block of one list that lies in one of the other list, with that one; of two equal ones the other."""
    of_ones = set(map(id, ones))
    around: dict[bool, list[Block]] = {True: [], False: []}
    for each in _ordered([*ones, *others]):
        for blocks in around.values():
            _leave(blocks, each)
        is_one = id(each) in of_ones
        if outer := around[not is_one]:
            yield each, outer[-1]
        around[is_one].append(each)


def _ordered(blocks: list[Block]) -> list[Block]:
    """Blocks either nest or are apart: in this order, what one lies in is the last before it that has not yet ended."""
    return sorted(blocks, key=lambda each: (each.network.version, int(each.network[0]), each.network.prefixlen))


def _leave(around: list[Block], block: Block) -> None:
    """Take out what has ended before `block`."""
    while around and not overlap(around[-1].network, block.network):
        around.pop()


def _sentence(inner: Block, outer: Block, free: IPv4Network | None) -> str:
    mend = f"; {free} is free" if free else ""
    if inner.is_vpc and outer.is_vpc:
        return f"{inner.network} overlaps {outer}: VPCs of one platform need blocks of their own{mend}"
    if inner.is_vpc or outer.is_vpc:
        vpc, prefix = (inner, outer) if inner.is_vpc else (outer, inner)
        why = f"what is for {prefix.network} would stay in the VPC"
        if vpc.owner != prefix.owner:
            why = "an address in logs and SIP messages has to tell whether it is the platform's or a client's"
        correct = "" if inner.is_vpc else "correct it, or "
        return f"{inner.network} overlaps {outer}: {why}; {correct}give the VPC another block{mend}"
    if inner.owner == outer.owner:
        return f"{inner.network} is in {outer.network} already, which stands in the same list; take one out"
    return (
        f"{inner.network} overlaps {outer}: public addresses are one organisation's, so two clients have none in "
        "common, but for trunks to one carrier; correct one of them"
    )


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
