"""VPCs, subnets, route tables, routes and NAT gateways."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Network, IPv6Network, ip_network

from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import NatGateway, Network, Route, Subnet, TargetKind, Vpc
from voice_cdk.judge.modelling import prefixlists
from voice_cdk.judge.modelling.reader import Reader, Source

ROUTE_TARGETS = {
    "TransitGatewayId": (TargetKind.TGW, ("AWS::EC2::TransitGateway",)),
    "GatewayId": (TargetKind.INTERNET, ("AWS::EC2::InternetGateway",)),
    "EgressOnlyInternetGatewayId": (TargetKind.EGRESS_ONLY, ("AWS::EC2::EgressOnlyInternetGateway",)),
    "NatGatewayId": (TargetKind.NAT, ("AWS::EC2::NatGateway",)),
    "NetworkInterfaceId": (TargetKind.INTERFACE, ("AWS::EC2::NetworkInterface",)),
    "InstanceId": (TargetKind.INSTANCE, ("AWS::EC2::Instance",)),
    "VpcPeeringConnectionId": (TargetKind.OTHER, ("AWS::EC2::VPCPeeringConnection",)),
    "VpcEndpointId": (TargetKind.OTHER, ("AWS::EC2::VPCEndpoint",)),
    "CarrierGatewayId": (TargetKind.OTHER, ("AWS::EC2::CarrierGateway",)),
    "CoreNetworkArn": (TargetKind.OTHER, ()),
}
DESTINATIONS = ("DestinationIpv6CidrBlock", "DestinationCidrBlock", "DestinationPrefixListId")


def vpcs(source: Source) -> dict[str, Vpc]:
    """VPCs by identifier."""
    gateways = defaultdict(set)
    for attachment in source.each("AWS::EC2::VPCGatewayAttachment"):
        gateways[attachment.text("VpcId")].add(attachment.text("InternetGatewayId"))
    egress = defaultdict(set)
    for gateway in source.each("AWS::EC2::EgressOnlyInternetGateway"):
        egress[gateway.text("VpcId")].add(gateway.id)
    extra = defaultdict(list)
    for block in source.each("AWS::EC2::VPCCidrBlock"):
        extra[block.text("VpcId")].append(block.network("CidrBlock"))
    found = {}
    for vpc in source.each("AWS::EC2::VPC"):
        ipv6 = [ip_network(text) for text in source.resolver.blocks.get(vpc.key, ())]
        blocks: list[Network | None] = [vpc.network("CidrBlock"), *extra[vpc.id], *ipv6]
        found[vpc.id] = Vpc(
            key=vpc.key,
            id=vpc.id,
            blocks=tuple(block for block in blocks if block),
            dns=vpc.flag("EnableDnsSupport", default=True) and vpc.flag("EnableDnsHostnames"),
            internet=frozenset(gateways[vpc.id]),
            egress_only=frozenset(egress[vpc.id]),
        )
    return found


def subnets(source: Source) -> dict[str, Subnet]:
    """Subnets by identifier, each with its route table."""
    associations: dict[str, list[tuple[Key, str]]] = defaultdict(list)
    for association in source.each("AWS::EC2::SubnetRouteTableAssociation"):
        subnet, table = association.text("SubnetId"), association.text("RouteTableId")
        known(association, "SubnetId", "AWS::EC2::Subnet")
        known(association, "RouteTableId", "AWS::EC2::RouteTable")
        associations[subnet].append((association.key, table))
    return {subnet.id: _subnet(subnet, associations[subnet.id]) for subnet in source.each("AWS::EC2::Subnet")}


def _subnet(subnet: Reader, associations: list[tuple[Key, str]]) -> Subnet:
    known(subnet, "VpcId", "AWS::EC2::VPC")
    ipv4, ipv6 = subnet.network("CidrBlock"), subnet.network("Ipv6CidrBlock")
    return Subnet(
        key=subnet.key,
        id=subnet.id,
        vpc=subnet.text("VpcId"),
        zone=subnet.text("AvailabilityZone") or subnet.text("AvailabilityZoneId"),
        ipv4=ipv4 if isinstance(ipv4, IPv4Network) else None,
        ipv6=ipv6 if isinstance(ipv6, IPv6Network) else None,
        native=subnet.flag("Ipv6Native"),
        dns64=subnet.flag("EnableDns64"),
        assign_ipv6=subnet.flag("AssignIpv6AddressOnCreation"),
        public_ipv4=subnet.flag("MapPublicIpOnLaunch"),
        table=associations[0][1] if associations else None,
        associations=tuple(key for key, _ in associations),
    )


def known(reader: Reader, name: str, *kinds: str) -> None:
    """Note a property that names something else than it should."""
    value = reader.text(name)
    owner = reader.source.resolver.owners.get(value)
    wanted = kinds[0].rsplit("::", 1)[-1] if kinds else ""
    if not value:
        reader.wrong(f"has no {name}")
    elif owner and reader.source.resolver.kind(owner) not in kinds:
        reader.wrong(f"{name} is {owner}, a {reader.source.resolver.kind(owner)}; a {wanted} is wanted")


def tables(source: Source) -> dict[str, Key]:
    """Route tables by identifier."""
    return {table.id: table.key for table in source.each("AWS::EC2::RouteTable")}


def table_vpcs(source: Source) -> dict[str, str]:
    """The VPC of each route table."""
    return {table.id: table.text("VpcId") for table in source.each("AWS::EC2::RouteTable")}


def routes(source: Source, of_vpcs: dict[str, Vpc]) -> list[Route]:
    """Routes as written, and each table's local ones."""
    found = []
    for table in source.each("AWS::EC2::RouteTable"):
        known(table, "VpcId", "AWS::EC2::VPC")
        vpc = of_vpcs.get(table.text("VpcId"))
        for block in vpc.blocks if vpc else ():
            found.append(Route(table.key, table.id, block, TargetKind.LOCAL, vpc.id if vpc else ""))
    for route in source.each("AWS::EC2::Route"):
        known(route, "RouteTableId", "AWS::EC2::RouteTable")
        kind, target = _target(route)
        of_table = route.text("RouteTableId")
        found += [Route(route.key, of_table, destination, kind, target) for destination in _destinations(route)]
    return found


def _destinations(route: Reader) -> tuple[Network, ...]:
    """The block that a route is for, or those of its prefix list."""
    given = [name for name in DESTINATIONS if route.has(name)]
    if len(given) != 1:
        route.wrong(f"a route has one destination, this one has {len(given)}")
    for name in given:
        if "Cidr" not in name:
            return prefixlists.blocks(route.source, route, name)
        network = route.network(name)
        if network and (network.version == 6) != ("Ipv6" in name):
            route.wrong(f"{name} {network} is of the other family")
        if network:
            return (network,)
    return ()


def _target(route: Reader) -> tuple[TargetKind, str]:
    given = [name for name in ROUTE_TARGETS if route.has(name)]
    if len(given) != 1:
        route.wrong(f"a route has one target, this one has {len(given)} ({', '.join(given) or 'none'})")
    if not given:
        return TargetKind.OTHER, ""
    kind, kinds = ROUTE_TARGETS[given[0]]
    known(route, given[0], *kinds)
    return kind, route.text(given[0])


def nat_gateways(source: Source, of_subnets: dict[str, Subnet]) -> dict[str, NatGateway]:
    """NAT gateways by identifier; each takes an address in the middle of its subnet."""
    found = {}
    for gateway in source.each("AWS::EC2::NatGateway"):
        known(gateway, "SubnetId", "AWS::EC2::Subnet")
        subnet = of_subnets.get(gateway.text("SubnetId"))
        public = gateway.text("ConnectivityType") != "private"
        if public and not gateway.has("AllocationId"):
            gateway.wrong("a public NAT gateway needs an Elastic IP (AllocationId)")
        address = subnet.ipv4[subnet.ipv4.num_addresses // 2] if subnet and subnet.ipv4 else None
        if address is None:
            gateway.wrong("a NAT gateway needs a subnet with IPv4")
        found[gateway.id] = NatGateway(gateway.key, gateway.id, gateway.text("SubnetId"), public, address)
    return found
