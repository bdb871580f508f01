"""Other people's tools say nothing of the templates that nobody accepted for a reason, and would say it if need be."""

import json
from typing import Any

import pytest

from tests.integration.cdk.proved import Change, change, new_findings, run
from tests.integration.cdk.synthesised import Assembly

TOOLS = ("cloudformation-validate", "guard rules", "cfn-lint", "checkov", "parliament", "moto")


@pytest.fixture(scope="module")
def said(platform: Assembly) -> dict[str, dict[str, Any]]:
    """What each tool says of the platform."""
    done = run("-m", "voice_cdk.proving", platform.folder)
    assert done.stderr == ""
    return {figures["tool"]: figures for figures in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_says_nothing_that_nobody_accepted_and_all_that_somebody_did(said: dict[str, Any], tool: str):
    assert said[tool]["left"] == []


# --- a tool that is not really asked says nothing either


def seen(platform: Assembly) -> dict[str, tuple[Change, str]]:
    """A thing that is wrong for each tool, one that others don't see where there is one; and its name for it."""
    association = next(iter(platform.of_type("EC2::SubnetRouteTableAssociation", "Network").values()))
    statement = "PolicyDocument.Statement.0"
    return {
        "a rule whose first port is beyond its last": (
            change(platform, "cloudformation-validate", "EC2::SecurityGroupIngress", "FromPort", 60000),
            "E9002",
        ),
        "an action that IAM hasn't got": (
            change(platform, "cfn-lint", "IAM::Policy", f"{statement}.Action", "ec2:DescribeSecurityGroop"),
            "W3037",
        ),
        "records that lie in the clear": (
            change(platform, "checkov", "RDS::DBCluster", "StorageEncrypted", False),
            "CKV_AWS_96",
        ),
        "a resource of another kind than the action is about": (
            change(platform, "parliament", "IAM::Policy", f"{statement}.Resource", "arn:aws:s3:::example"),
            "RESOURCE_MISMATCH",
        ),
        "a subnet where a route table belongs": (
            change(
                platform, "moto", "EC2::SubnetRouteTableAssociation", "RouteTableId", association["SubnetId"],
                stack="Network",
            ),
            "InvalidRouteTableID.NotFound",
        ),
        "a property that EC2 hasn't got": (
            change(platform, "moto", "EC2::NatGateway", "+ConectivityType", "public"),
            "ParamValidation",
        ),
        "a prefix that may not be there yet": (
            Change("moto", *in_need_of_the_vpcs_prefix(platform), other=[]),
            "Missing",
        ),
    }  # fmt: skip


def in_need_of_the_vpcs_prefix(platform: Assembly) -> tuple[str, list[str | int]]:
    """The DependsOn of a subnet that has a part of its VPC's IPv6 prefix."""
    subnets = platform.of_type("EC2::Subnet", "Network").items()
    place = next(place for place, properties in subnets if "Ipv6CidrBlock" in properties)
    return "Network", ["Resources", place.partition("/")[2], "DependsOn"]


@pytest.fixture(scope="module")
def findings(platform: Assembly) -> dict[str, list[list[str]]]:
    cases = seen(platform)
    return dict(zip(cases, new_findings(platform, [case for case, _ in cases.values()]), strict=True))


def test_each_tool_sees_what_it_is_there_for(platform: Assembly, findings: dict[str, list[list[str]]]):
    expected = {what: (case.path[1], rule) for what, (case, rule) in seen(platform).items()}
    found = {what: {(resource, rule) for rule, resource, _ in said} for what, said in findings.items()}
    assert {what: case for what, case in expected.items() if case not in found[what]} == {}
