"""Filling in what AWS gave to resources before: the same functions as CloudFormation's, and no guessing."""

from typing import Any

import pytest

from voice_cdk.judge.keys import Key
from voice_cdk.judge.templates import Stack, from_templates
from voice_cdk.proving.emulating.values import MissingError, Values

TEMPLATE = {
    "Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}, "Table": {"Type": "AWS::EC2::RouteTable"}},
    "Outputs": {"One": {"Value": {"Ref": "Vpc"}, "Export": {"Name": "shared:Vpc"}}},
}
ASSEMBLY = from_templates({"network": TEMPLATE, "client": {"Resources": {"Other": {"Type": "AWS::EC2::VPC"}}}})
NETWORK, CLIENT = ASSEMBLY.stacks["network"], ASSEMBLY.stacks["client"]
MADE = {Key("network", "Vpc"): {"Ref": "vpc-1", "Ipv6CidrBlocks": lambda: ["2001:db8:1::/56"]}}


@pytest.mark.parametrize(
    ("stack", "raw", "filled"),
    [
        (NETWORK, {"Ref": "Vpc"}, "vpc-1"),
        (NETWORK, {"Ref": "AWS::Region"}, "eu-west-1"),
        (CLIENT, {"Fn::ImportValue": "shared:Vpc"}, "vpc-1"),
        (NETWORK, {"Fn::Sub": "${Vpc}/${AWS::Region}"}, "vpc-1/eu-west-1"),
        (
            NETWORK,
            {
                "Fn::Select": [
                    1,
                    {"Fn::Cidr": [{"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}, 4, "64"]},
                ]
            },
            "2001:db8:1:1::/64",
        ),
        (NETWORK, {"Kept": 1, "Gone": {"Ref": "AWS::NoValue"}}, {"Kept": 1}),
    ],
)
def test_references_and_functions_are_filled_in(stack: Stack, raw: Any, filled: Any):
    assert Values(ASSEMBLY, MADE).fill(stack, raw) == filled


@pytest.mark.parametrize(
    ("stack", "raw", "sentence"),
    [
        (NETWORK, {"Ref": "Table"}, "network/Table isn't there when it is needed"),
        (CLIENT, {"Ref": "Vpc"}, "client/Vpc isn't there when it is needed"),
        (CLIENT, {"Fn::ImportValue": "shared:Table"}, "no stack exports shared:Table"),
    ],
    ids=["not made yet", "of another stack", "never exported"],
)
def test_what_is_not_there_is_missed(stack: Stack, raw: Any, sentence: str):
    with pytest.raises(MissingError, match=sentence):
        Values(ASSEMBLY, MADE).fill(stack, raw)
