"""Slips of the hand: each changes one thing, and nothing that is its author's to choose."""

from typing import Any

from voice_cdk.judge.templates import from_templates
from voice_cdk.proving.slips import slips

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                "IpProtocol": "tcp",
                "FromPort": 443,
                "Tags": [{"Key": "Name", "Value": "any"}],
            },
        },
        "Policy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {"PolicyDocument": {"Statement": [{"Action": "ec2:DescribeVpcs"}]}},
        },
    }
}


def changed(kind: str) -> list[Any]:
    """The properties of what slips of a kind change."""
    assembly = from_templates({"stack": TEMPLATE})
    found = [one for one in slips(assembly) if one.kind == kind]
    return [one.assembly.stacks["stack"].resources[one.key.logical_id]["Properties"] for one in found]


RULE = TEMPLATE["Resources"]["Rule"]["Properties"]


def test_a_name_has_its_last_letter_twice_and_keeps_its_value():
    assert {"GroupIdd", "IpProtocoll", "FromPortt"} <= {name for each in changed("property misspelt") for name in each}
    assert all(
        set(map(str, each.values())) == set(map(str, RULE.values()))
        for each in changed("property misspelt")
        if "Tags" in each
    )


def test_values_get_another_type_or_become_words_that_nobody_knows():
    assert {**RULE, "FromPort": "many"} in changed("another type")
    assert changed("unknown word") == [{**RULE, "IpProtocol": "tcpx"}]
    assert changed("unknown action") == [{"PolicyDocument": {"Statement": [{"Action": "ec2:DescribeVpc"}]}}]


def test_tags_and_references_are_left_alone():
    for kind in ("property misspelt", "another type"):
        for each in changed(kind):
            assert each.get("Tags", RULE["Tags"]) == RULE["Tags"]
            assert {"Fn::GetAtt": ["Group", "GroupId"]} in each.values() or "PolicyDocument" in str(each)
