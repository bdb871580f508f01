"""What templates leave open gets values: invented, and the same wherever they are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import from_templates

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Size": {"Type": "String", "Default": "large"},
        "Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/ami"},
        "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
    },
    "Mappings": {"Ports": {"db": {"mysql": 3306}}},
    "Conditions": {
        "Large": {"Fn::Equals": [{"Ref": "Size"}, "large"]},
        "Small": {"Fn::Not": [{"Condition": "Large"}]},
        "Both": {"Fn::And": [{"Condition": "Large"}, {"Fn::Or": [{"Condition": "Small"}, {"Condition": "Large"}]}]},
    },
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Six": {
            "Type": "AWS::EC2::VPCCidrBlock",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "AmazonProvidedIpv6CidrBlock": True},
        },
        "Gone": {"Type": "AWS::EC2::EIP", "Condition": "Small"},
    },
    "Outputs": {"Vpc": {"Value": {"Ref": "Vpc"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-vpc"}}}},
}
SIX = {"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}


def resolved(raw: Any, stack: str = "One") -> tuple[Any, list[str]]:
    other = {"Resources": {"Any": {"Type": "AWS::EC2::EIP"}}}
    resolver = Resolver(from_templates({"One": TEMPLATE, "Two": other}))
    value = resolver.value(resolver.assembly.stacks[stack], raw)
    return value, [fault.reason for fault in resolver.problems]


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ({"Ref": "Vpc"}, "id-One.Vpc"),
        ({"Ref": "Size"}, "large"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::GetAtt": ["Vpc", "VpcId"]}, "id-One.Vpc"),
        ({"Fn::GetAtt": "Vpc.CidrBlock"}, "10.0.0.0/16"),
        (SIX, "2001:db8:ffff::/56"),
        ({"Fn::Select": [2, {"Fn::Cidr": [SIX, 4, "64"]}]}, "2001:db8:ffff:2::/64"),
        ({"Fn::Cidr": ["10.0.0.0/24", "2", 5]}, ["10.0.0.0/27", "10.0.0.32/27"]),
        ({"Fn::Join": ["", [{"Fn::Select": [0, {"Fn::Split": ["::/", SIX]}]}, "::10"]]}, "2001:db8:ffff::10"),
        ({"Fn::Sub": "a-${Vpc}-${!kept}-${Vpc.CidrBlock}"}, "a-id-One.Vpc-${kept}-10.0.0.0/16"),
        ({"Fn::Sub": ["${x}", {"x": {"Ref": "Size"}}]}, "large"),
        ({"Fn::If": ["Large", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 1),
        ({"a": {"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
        ({"Fn::FindInMap": ["Ports", "db", "mysql"]}, 3306),
        ({"Fn::ImportValue": "One-vpc"}, "id-One.Vpc"),
        ({"Fn::Base64": "text"}, "text"),
        ("{{resolve:ssm:/name}}", "{{resolve:ssm:/name}}"),
    ],
)
def test_a_value_is_found(raw: Any, wanted: Any) -> None:
    assert resolved(raw) == (wanted, [])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"Ref": "Nobody"}, "Ref Nobody: the template has neither"),
        ({"Ref": "Gone"}, "Ref Gone"),
        ({"Fn::GetAtt": ["Nobody", "Id"]}, "has no resource of this name"),
        ({"Fn::ImportValue": "nothing"}, "no stack exports it"),
        ({"Fn::FindInMap": ["Ports", "db", "pg"]}, "there is no Ports.db.pg"),
        ({"Fn::If": ["Unknown", 1, 2]}, "condition Unknown"),
        ({"Fn::Select": [9, ["a"]]}, "number 9 of 1"),
        ({"Fn::Cidr": ["10.0.0.0/24", 9, 5]}, "can't cut 9 blocks"),
        ({"Fn::Cidr": ["2001:db8::/56", 1, "80"]}, "can't cut"),
        ({"Fn::Invented": 1}, "no function that CloudFormation has"),
        ({"Fn::Join": ["", 5]}, "no list to join"),
    ],
)
def test_what_cannot_be_known_is_told(raw: Any, words: str) -> None:
    _, problems = resolved(raw)
    assert any(words in problem for problem in problems), problems


def test_a_nested_stack_gets_parameters_and_gives_outputs() -> None:
    from voice_cdk.judge.keys import Key
    from voice_cdk.judge.templates import Assembly, Stack

    outer = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC"},
            "In": {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": {"Given": {"Ref": "Vpc"}}}},
        }
    }
    inner = {
        "Parameters": {"Given": {"Type": "String"}},
        "Resources": {"Any": {"Type": "AWS::EC2::EIP"}},
        "Outputs": {"Back": {"Value": {"Fn::Join": ["", ["x", {"Ref": "Given"}]]}}},
    }
    stacks = {"Out": Stack("Out", outer), "Out.In": Stack("Out.In", inner, parent=Key("Out", "In"))}
    resolver = Resolver(Assembly(stacks))
    assert resolver.value(stacks["Out"], {"Fn::GetAtt": ["In", "Outputs.Back"]}) == "xid-Out.Vpc"


def test_each_vpc_has_a_block_of_its_own() -> None:
    template = {"Resources": {}}
    for name in ("A", "B"):
        template["Resources"][name] = {"Type": "AWS::EC2::VPC"}
        template["Resources"][f"{name}Six"] = {
            "Type": "AWS::EC2::VPCCidrBlock",
            "Properties": {"VpcId": {"Ref": name}, "AmazonProvidedIpv6CidrBlock": True},
        }
    blocks = [block for found in Resolver(from_templates({"S": template})).blocks.values() for block in found]
    assert len(set(blocks)) == 2
    assert all(block.endswith("/56") for block in blocks)
