"""Security groups and their rules, which EC2 takes one after the other and in another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voice_cdk.judge.keys import Json
from voice_cdk.proving.emulating.requests import Client

PEERS = {
    "CidrIp": "IpRanges",
    "CidrIpv6": "Ipv6Ranges",
    "SourcePrefixListId": "PrefixListIds",
    "DestinationPrefixListId": "PrefixListIds",
    "SourceSecurityGroupId": "UserIdGroupPairs",
    "DestinationSecurityGroupId": "UserIdGroupPairs",
}
_NAMES = {"PrefixListIds": "PrefixListId", "UserIdGroupPairs": "GroupId"}
OF_A_RULE = frozenset({"IpProtocol", "FromPort", "ToPort", "Description", "GroupId", *PEERS})


def create_group(ec2: Client, name: str, properties: Mapping[str, Json]) -> dict[str, Json]:
    """Make a group with its rules; that everything may go out, which EC2 begins with, ends."""
    answer = ec2.create_security_group(
        GroupName=name, Description=properties["GroupDescription"], VpcId=properties["VpcId"]
    )
    group = answer["GroupId"]
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    _add(ec2.authorize_security_group_ingress, group, properties.get("SecurityGroupIngress", []))
    _add(ec2.authorize_security_group_egress, group, properties.get("SecurityGroupEgress", []))
    return {"Ref": group}


def create_ingress(ec2: Client, properties: Mapping[str, Json]) -> dict[str, Json]:
    """Let something in by a rule that is a resource of its own."""
    _add(ec2.authorize_security_group_ingress, properties["GroupId"], [properties])
    return {}


def create_egress(ec2: Client, properties: Mapping[str, Json]) -> dict[str, Json]:
    """Let something out by a rule that is a resource of its own."""
    _add(ec2.authorize_security_group_egress, properties["GroupId"], [properties])
    return {}


def _add(method: Client, group: str, rules: Sequence[Mapping[str, Json]]) -> None:
    for rule in rules:
        method(GroupId=group, IpPermissions=[_permission(rule)])


def _permission(rule: Mapping[str, Json]) -> dict[str, Json]:
    """A template's rule as EC2 takes it; a property that no rule has is handed on, for EC2 to refuse."""
    permission: dict[str, Json] = {name: rule[name] for name in ("FromPort", "ToPort") if name in rule}
    permission["IpProtocol"] = str(rule["IpProtocol"])
    for name in PEERS.keys() & rule.keys():
        permission[PEERS[name]] = [{_NAMES.get(PEERS[name], name): rule[name]}]
    return permission | {name: value for name, value in rule.items() if name not in OF_A_RULE}
