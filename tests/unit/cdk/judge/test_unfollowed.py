"""What is not followed is said to be so in a line; prefix lists and pools are followed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cdk.judge.builder import Builder, get, ref, rule
from tests.unit.cdk.judge.reference import NAT64, NETWORK, SHARED, platform
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates


def told(build: Builder) -> list[str]:
    return [str(fault) for fault in judge(from_templates(build.templates()))]


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("EC2::NetworkAclEntry", {"NetworkAclId": "acl-1", "RuleNumber": 1, "Protocol": -1, "RuleAction": "deny"}),
    ("EC2::SubnetNetworkAclAssociation", {"SubnetId": ref("AAppsA"), "NetworkAclId": "acl-1"}),
    ("EC2::VPCPeeringConnection", {"VpcId": ref("A"), "PeerVpcId": ref("B")}),
    ("EC2::TransitGatewayPeeringAttachment", {"TransitGatewayId": ref("Tgw")}),
    ("EC2::VPNConnection", {"Type": "ipsec.1", "TransitGatewayId": ref("Tgw")}),
    ("EC2::ClientVpnEndpoint", {"VpcId": ref("A")}),
    ("EC2::RouteServer", {"AmazonSideAsn": 65000}),
    ("EC2::SomethingOfTomorrow", {"VpcId": ref("A")}),
    ("EC2::VPCEndpoint", {"VpcId": ref("A"), "VpcEndpointType": "GatewayLoadBalancer", "ServiceName": "x",
                          "SubnetIds": [ref("AAppsA")]}),
    ("NetworkFirewall::Firewall", {"VpcId": ref("A")}),
    ("VpcLattice::ServiceNetworkVpcAssociation", {"VpcIdentifier": ref("A")}),
    ("EFS::MountTarget", {"FileSystemId": "fs-1", "SubnetId": ref("AAppsA"), "SecurityGroups": []}),
    ("ECS::Service", {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [ref("AAppsA")]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "properties"), OTHERS, ids=[kind for kind, _ in OTHERS])
def test_what_is_not_followed_is_said_in_one_line(kind: str, properties: dict[str, Any]) -> None:
    build = platform()
    build.add(NETWORK, "Other", kind, **properties)
    lines = [line for line in told(build) if line.startswith("not judged") and line.endswith("[Network/Other]")]
    assert len(lines) == 1
    assert kind.replace("::", " ") in lines[0]


@pytest.mark.parametrize("kind", ["EC2::KeyPair", "EC2::PlacementGroup", "EC2::DHCPOptions", "SSM::Parameter"])
def test_what_no_packet_depends_on_is_passed_over(kind: str) -> None:
    build = platform()
    build.add(NETWORK, "Other", kind, Type="String", Value="x")
    assert told(build) == []


def listed(build: Builder, *blocks: str) -> None:
    build.add(SHARED, "List", "EC2::PrefixList", PrefixListName="database", AddressFamily="IPv6", MaxEntries=5,
              Entries=[{"Cidr": block} for block in blocks])  # fmt: skip
    group = build.stacks[SHARED]["Resources"]["GrafanaGroup"]["Properties"]
    group["SecurityGroupEgress"][0] = rule("tcp/3306", DestinationPrefixListId=get("List", "PrefixListId"))


def test_a_prefix_list_is_the_blocks_in_it() -> None:
    build = platform()
    listed(build, NAT64)
    assert told(build) == []


def test_a_prefix_list_without_the_block_keeps_it_back() -> None:
    build = platform()
    listed(build, "2001:db8:aaaa::/48")
    assert any("blocked: Grafana host" in line and "database" in line for line in told(build))


def test_a_prefix_list_of_somebody_else_is_not_followed() -> None:
    build = platform()
    group = build.stacks[SHARED]["Resources"]["GrafanaGroup"]["Properties"]
    group["SecurityGroupEgress"].append(rule("tcp/443", DestinationPrefixListId="pl-12345678"))
    assert any("pl-12345678 is no prefix list of these templates" in line for line in told(build))


def test_a_block_of_a_pool_has_the_size_that_is_asked_for() -> None:
    build = platform()
    six = build.stacks[NETWORK]["Resources"]["BSix"]["Properties"]
    del six["AmazonProvidedIpv6CidrBlock"]
    six |= {"Ipv6IpamPoolId": "ipam-pool-1", "Ipv6NetmaskLength": 60}
    build.add(NETWORK, "Many", "EC2::Subnet", VpcId=ref("B"), AvailabilityZone="eu-west-1a", Ipv6Native=True,
              AssignIpv6AddressOnCreation=True, Ipv6CidrBlock={"Fn::Select": [0, {"Fn::Cidr": [
                  {"Fn::Select": [0, get("B", "Ipv6CidrBlocks")]}, 256, "64"]}]})  # fmt: skip
    assert any("can't cut 256 blocks of /64" in line for line in told(build))
