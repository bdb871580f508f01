"""Security groups: who may begin to talk to whom, written on both sides; answers need no rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.stacks.routing import Family, Prefix
from voice_cdk.stacks.waiting import await_resources


@dataclass(frozen=True, kw_only=True)
class Ports:
    """A protocol and its ports, from the first to the last."""

    protocol: str
    first: int
    last: int

    @staticmethod
    def tcp(first: int, last: int | None = None) -> Ports:
        """One port of TCP, or a range."""
        return Ports(protocol="tcp", first=first, last=first if last is None else last)

    @staticmethod
    def udp(first: int, last: int | None = None) -> Ports:
        """One port of UDP, or a range."""
        return Ports(protocol="udp", first=first, last=first if last is None else last)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Traffic that a group lets pass: what for, with which addresses, at which ports."""

    purpose: str
    peer: Prefix
    ports: Ports


_NOTHING: dict[str, Any] = {
    # Without any rule AWS lets everything out. This lets out what doesn't exist; AWS CDK's own groups have the same.
    "description": "Disallow all traffic",
    "ip_protocol": "icmp",
    "from_port": 252,
    "to_port": 86,
    "cidr_ip": "255.255.255.255/32",
}


class Group(Construct):
    """One security group of a VPC. What it doesn't name it doesn't let pass.

    Attributes:
        identity: its id.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        vpc: str,
        purpose: str,
        inbound: Iterable[Rule] = (),
        outbound: Iterable[Rule] = (),
    ) -> None:
        super().__init__(scope, name)
        let_in, let_out = list(inbound), list(outbound)
        group = ec2.CfnSecurityGroup(
            self,
            "Group",
            group_description=purpose,
            vpc_id=vpc,
            security_group_ingress=[ec2.CfnSecurityGroup.IngressProperty(**_said(rule)) for rule in let_in] or None,
            security_group_egress=[ec2.CfnSecurityGroup.EgressProperty(**_said(rule)) for rule in let_out]
            or [ec2.CfnSecurityGroup.EgressProperty(**_NOTHING)],
        )
        await_resources(group, *{rule.peer.known_after for rule in (*let_in, *let_out)})
        cdk.Tags.of(group).add("Name", self.node.path)
        self.identity = group.attr_group_id

    def let_in(self, scope: Construct, name: str, rule: Rule) -> None:
        """One rule more, of the stack that knows its peer."""
        ingress = ec2.CfnSecurityGroupIngress(scope, name, group_id=self.identity, **_said(rule))
        await_resources(ingress, rule.peer.known_after)


def let_group_in(scope: Construct, name: str, *, purpose: str, into: str, group: str, ports: Ports) -> None:
    """What is in `group` may begin to talk to what is in the group `into`."""
    rule = {"group_id": into, "source_security_group_id": group, **_traffic(purpose, ports)}
    ec2.CfnSecurityGroupIngress(scope, name, **rule)


def let_group_out(scope: Construct, name: str, *, purpose: str, out_of: str, group: str, ports: Ports) -> None:
    """What is in the group `out_of` may begin to talk to what is in `group`."""
    rule = {"group_id": out_of, "destination_security_group_id": group, **_traffic(purpose, ports)}
    ec2.CfnSecurityGroupEgress(scope, name, **rule)


def _said(rule: Rule) -> dict[str, Any]:
    address = "cidr_ip" if rule.peer.family is Family.IPV4 else "cidr_ipv6"
    return {address: rule.peer.cidr, **_traffic(rule.purpose, rule.ports)}


def _traffic(purpose: str, ports: Ports) -> dict[str, Any]:
    return {
        "description": purpose,
        "ip_protocol": ports.protocol,
        "from_port": ports.first,
        "to_port": ports.last,
    }
