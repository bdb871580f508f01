"""What is made before what: all that CloudFormation has to be told, and nothing that it sees by itself."""

import pytest

from tests.integration.cdk.configurations import CONFIGURATIONS
from tests.integration.cdk.synthesised import Assembly, refers
from voice_cdk.judge.keys import Key
from voice_cdk.judge.order import Order, listed, references
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import read


def order_of(platform: Assembly) -> Order:
    return Order(Resolver(read(platform.folder)))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_dependency_is_said_that_follows_from_others(platforms: dict[str, Assembly], name: str):
    """Neither from what a resource names, nor from what is waited for by another one that it waits for."""
    order = order_of(platforms[name])
    surplus, number = [], 0
    for key in order.resolver.keys:
        raw = order.resolver.raw(key)
        said = {Key(key.stack, each) for each in listed(raw.get("DependsOn"))}
        seen = {Key(key.stack, each) for each in references(raw.get("Properties"))}
        number += len(said)
        for one in said:
            if one in seen or any(one in order.before(other) for other in (said | seen) - {one}):
                surplus.append(f"{key}: {one.logical_id}")
    assert number > 50
    assert surplus == []


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_whatever_needs_a_vpcs_ipv6_prefix_waits_for_it(platforms: dict[str, Assembly], name: str):
    """CloudFormation doesn't see it: the attribute is of the VPC, and there before the prefix is."""
    order = order_of(platforms[name])
    for block in order.resolver.of_type("AWS::EC2::VPCCidrBlock"):
        vpc = order.resolver.raw(block)["Properties"]["VpcId"]["Ref"]
        asking = [
            key
            for key in order.resolver.keys
            if key.stack == block.stack and refers(order.resolver.raw(key), f'["{vpc}", "Ipv6CidrBlocks"]')
        ]
        assert asking
        assert [key for key in asking if block not in order.before(key)] == []


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_route_by_the_transit_gateway_waits_for_the_attachment_of_its_vpc(platforms: dict[str, Assembly], name: str):
    order = order_of(platforms[name])
    attachments = set(order.resolver.of_type("AWS::EC2::TransitGatewayAttachment"))
    routes = [
        key
        for key in order.resolver.of_type("AWS::EC2::Route")
        if "TransitGatewayId" in order.resolver.raw(key)["Properties"]
        # The tables of another stack are of VPCs that it has attached.
        and not refers(order.resolver.raw(key)["Properties"]["RouteTableId"], "ImportValue")
    ]
    assert routes
    assert [key for key in routes if not attachments & order.before(key)] == []


def led_to(order: Order, key: Key) -> set[Key]:
    """What a resource names, and what that names, and so on."""
    found: set[Key] = set()
    open_ends = [key]
    while open_ends:
        named = {Key(key.stack, each) for each in references(order.resolver.raw(open_ends.pop()).get("Properties"))}
        open_ends += (named & set(order.resolver.keys)) - found
        found |= named
    return found


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("EC2::FlowLog", 6),
        ("SSM::Association", 5),
        ("AutoScaling::AutoScalingGroup", 8),
        ("EKS::PodIdentityAssociation", 2),
    ],
)
def test_whoever_acts_by_a_role_waits_for_its_rights(platform: Assembly, kind: str, number: int):
    """Their policy names the role, and nothing names the policy."""
    order = order_of(platform)
    acting = order.resolver.of_type(f"AWS::{kind}")
    assert len(acting) == number
    for key in acting:
        roles = led_to(order, key) & set(order.resolver.of_type("AWS::IAM::Role"))
        policies = {each for each in order.resolver.of_type("AWS::IAM::Policy") if roles & order.direct(each)}
        assert policies, key
        assert policies <= order.before(key), key


def test_nodes_are_made_after_what_they_need_and_before_what_needs_them(platform: Assembly):
    order = order_of(platform)
    addons = {order.resolver.property(key, "AddonName"): key for key in order.resolver.of_type("AWS::EKS::Addon")}
    (nodes,) = order.resolver.of_type("AWS::EKS::Nodegroup")
    for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
        assert addons[name] in order.before(nodes)
    for name in ("coredns", "metrics-server"):
        assert nodes in order.before(addons[name])
