"""The VPC CNI's role: without one of its rights, or with them in another VPC, no pod gets an address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cdk.judge.builder import get, ref
from tests.unit.cdk.judge.operated import allow, operated, role
from tests.unit.cdk.judge.reference import CLUSTER
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

LOOKS = ["DescribeInstanceTypes", "DescribeInstances", "DescribeNetworkInterfaces", "DescribeTags"]
SINCE_1_22 = ["DescribeSecurityGroups", "DescribeSubnets"]
CHANGES = ["AssignIpv6Addresses", "CreateTags", "ModifyNetworkInterfaceAttribute"]


def faults(*statements: Any) -> list[str]:
    """What is said of a platform whose vpc-cni may do just that."""
    build = operated()
    role(build, CLUSTER, "CniRole", "pods.eks.amazonaws.com", *statements, pods=True)
    association = {"ServiceAccount": "aws-node", "RoleArn": get("CniRole", "Arn")}
    add_on = build.stacks[CLUSTER]["Resources"]["Cni"]
    add_on["Properties"]["PodIdentityAssociations"] = [association]
    add_on["DependsOn"].append("CniRolePolicy")
    return [str(fault) for fault in judge(from_templates(build.templates()))]


def actions(*names: str) -> list[str]:
    return [f"ec2:{name}" for name in names]


def any_of(kind: str) -> str:
    return f"arn:aws:ec2:eu-west-1:111111111111:{kind}/*"


def within(vpc: str) -> dict[str, Any]:
    """A condition: of this VPC."""
    arn = {"Fn::Join": ["", ["arn:aws:ec2:eu-west-1:111111111111:vpc/", ref(vpc)]]}
    return {"ArnEquals": {"ec2:Vpc": arn}}


LOOKING = allow(actions(*LOOKS, *SINCE_1_22), "*")


def test_its_rights_may_be_for_interfaces_and_groups_alone() -> None:
    interfaces = allow(actions(*CHANGES), any_of("network-interface"))
    groups = allow(actions("ModifyNetworkInterfaceAttribute"), any_of("security-group"))
    assert faults(LOOKING, interfaces, groups) == []


@pytest.mark.parametrize("name", [*LOOKS, *SINCE_1_22])
def test_it_has_to_see_what_it_asks_about(name: str) -> None:
    left = [each for each in (*LOOKS, *SINCE_1_22) if each != name]
    (fault,) = faults(allow(actions(*left), "*"), allow(actions(*CHANGES), [any_of("*")]))
    assert f"may not ec2:{name}: nodes get no addresses for pods" in fault


@pytest.mark.parametrize("name", CHANGES)
def test_it_has_to_change_interfaces(name: str) -> None:
    left = [each for each in CHANGES if each != name]
    told = faults(LOOKING, allow(actions(*left), [any_of("*")]))
    assert any(f"ec2:{name} on a network-interface of its VPC" in fault for fault in told)


def test_an_interface_is_put_into_groups() -> None:
    (fault,) = faults(LOOKING, allow(actions(*CHANGES), any_of("network-interface")))
    assert "may not ec2:ModifyNetworkInterfaceAttribute on a security-group of its VPC" in fault


@pytest.mark.parametrize(("vpc", "enough"), [("A", True), ("B", False)])
def test_rights_in_another_vpc_are_none(vpc: str, enough: bool) -> None:
    told = faults(LOOKING, allow(actions(*CHANGES), [any_of("*")], Condition=within(vpc)))
    assert any("nodes get no addresses for pods" in fault for fault in told) is not enough
