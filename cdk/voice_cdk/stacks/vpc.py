"""One VPC: its prefixes, its gateways, its subnets; what passes is logged, and its default security group is closed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.plan import Role
from voice_cdk.stacks.alarms import Alarms, Metric, Silence, add_alarm, too_much
from voice_cdk.stacks.defaultgroup import DefaultGroups
from voice_cdk.stacks.flowlogs import FlowLogs
from voice_cdk.stacks.routing import Family, Prefix, Target
from voice_cdk.stacks.subnet import Addresses, Subnet
from voice_cdk.stacks.waiting import await_resources


@dataclass(frozen=True, kw_only=True)
class Safeguards:
    """What a stack has for its VPCs: where flow logs go, what closes default security groups, who hears of trouble."""

    logs: FlowLogs
    default_groups: DefaultGroups
    alarms: Alarms


class Vpc(Construct):
    """One VPC with both families; AWS wants an IPv4 prefix, and gives a /56 of its own.

    Attributes:
        identity: its id.
        ipv6: its /56.
    """

    def __init__(self, scope: Construct, name: str, *, ipv4: IPv4Network, safeguards: Safeguards) -> None:
        super().__init__(scope, name)
        self._ipv4, self._alarms = ipv4, safeguards.alarms
        vpc = ec2.CfnVPC(self, "Vpc", cidr_block=str(ipv4), enable_dns_hostnames=True, enable_dns_support=True)
        block = ec2.CfnVPCCidrBlock(self, "Ipv6", vpc_id=vpc.ref, amazon_provided_ipv6_cidr_block=True)
        self.identity = vpc.ref
        self.ipv6 = Prefix(cidr=cdk.Fn.select(0, vpc.attr_ipv6_cidr_blocks), known_after=block)
        self.subnets: dict[tuple[Role, str], Subnet] = {}
        safeguards.logs.of_vpc(self, vpc.ref)
        safeguards.default_groups.close(self, vpc.attr_default_security_group)
        cdk.Tags.of(vpc).add("Name", name)

    def add_subnet(self, role: Role, zone: str, addresses: Addresses, *, dns64: bool = False) -> Subnet:
        """A subnet at the place that the address plan has for its role and zone."""
        letter = plan.letter(zone)
        ipv4, ipv6 = None, None
        if addresses is not Addresses.IPV6:
            ipv4 = plan.subnet_ipv4(self._ipv4, role, letter)
        if addresses is not Addresses.IPV4:
            ipv6 = self.numbered(plan.subnet_index(role, letter))
        name = f"{role.value.capitalize()}{letter.upper()}"
        subnet = Subnet(self, name, vpc=self.identity, zone=zone, ipv4=ipv4, ipv6=ipv6, dns64=dns64)
        self.subnets[role, zone] = subnet
        return subnet

    def numbered(self, index: int) -> Prefix:
        """The /64 with this number of the VPC's /56."""
        cidr = cdk.Fn.select(index, cdk.Fn.cidr(self.ipv6.cidr, plan.SUBNETS, "64"))
        return Prefix(cidr=cidr, known_after=self.ipv6.known_after)

    def add_edge(self, zone: str, internet: Target, *prefixes: Prefix) -> Subnet:
        """A subnet for what the internet reaches, or for what reaches it: `prefixes` of it."""
        edge = self.add_subnet(Role.EDGE, zone, Addresses.DUAL)
        for prefix in prefixes:
            edge.route("InternetIpv4" if prefix.family is Family.IPV4 else "Internet", prefix, internet)
        return edge

    def add_internet_gateway(self) -> Target:
        """A way to and from the internet, for both families."""
        gateway = ec2.CfnInternetGateway(self, "Internet")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "InternetAttachment", vpc_id=self.identity, internet_gateway_id=gateway.ref
        )
        cdk.Tags.of(gateway).add("Name", self.node.id)
        return Target(kind="gateway_id", identity=gateway.ref, usable_after=attached)

    def add_egress_only_gateway(self) -> Target:
        """A way to the internet by IPv6, and back for answers only."""
        gateway = ec2.CfnEgressOnlyInternetGateway(self, "EgressOnly", vpc_id=self.identity)
        return Target(kind="egress_only_internet_gateway_id", identity=gateway.ref)

    def add_nat_gateway(self, edge: Subnet, internet: Target) -> Target:
        """What translates to the internet's IPv4, for its zone, by an internet gateway that `edge` has a route to."""
        address = ec2.CfnEIP(edge, "NatAddress", domain="vpc")
        gateway = ec2.CfnNatGateway(edge, "Nat", subnet_id=edge.identity, allocation_id=address.attr_allocation_id)
        await_resources(address, internet.usable_after)  # and the gateway waits for its address
        return self.watched(edge, gateway)

    def watched(self, subnet: Subnet, gateway: ec2.CfnNatGateway) -> Target:
        """What routes to a NAT gateway lead to. Somebody is told if it has to refuse connections."""
        cdk.Tags.of(gateway).add("Name", subnet.node.path)
        refused = Metric(
            namespace="AWS/NATGateway",
            name="ErrorPortAllocation",
            dimensions={"NatGatewayId": gateway.ref},
            statistic="Sum",
        )
        meaning = f"The NAT gateway in {subnet.node.path} has no port left for new connections"
        add_alarm(subnet, self._alarms, refused, too_much(meaning, 0, Silence.RIGHT))
        return Target(kind="nat_gateway_id", identity=gateway.ref)
