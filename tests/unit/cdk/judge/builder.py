"""Writes CloudFormation templates in memory: a few stacks, and references over them as exports and imports."""

from __future__ import annotations

import copy
from typing import Any

Json = Any


class Builder:
    """Stacks by name; what one names of another becomes an export and an import, as the CDK does it."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.homes: dict[str, str] = {}

    def add(self, stack: str, name: str, kind: str, /, *, after: list[str] | None = None, **properties: Json) -> str:
        """Add a resource; its name, which is unique over all stacks, is returned."""
        template = self.stacks.setdefault(stack, {"Resources": {}, "Outputs": {}})
        self.homes[name] = stack
        resource: dict[str, Any] = {"Type": f"AWS::{kind}", "Properties": self._placed(stack, properties)}
        if after:
            resource["DependsOn"] = [one for one in after if self.homes[one] == stack]
        template["Resources"][name] = resource
        return name

    def _placed(self, stack: str, value: Json) -> Json:
        if isinstance(value, list):
            return [self._placed(stack, part) for part in value]
        if not isinstance(value, dict):
            return value
        if set(value) in ({"Ref"}, {"Fn::GetAtt"}):
            name = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
            home = self.homes.get(name, stack)
            return value if home == stack else self._imported(home, value)
        return {name: self._placed(stack, part) for name, part in value.items()}

    def _imported(self, home: str, value: Json) -> Json:
        name = "Export" + "".join(part for part in str(value) if part.isalnum())
        self.stacks[home]["Outputs"][name] = {"Value": value, "Export": {"Name": f"{home}:{name}"}}
        return {"Fn::ImportValue": f"{home}:{name}"}

    def templates(self) -> dict[str, Any]:
        """All templates, to be changed as one likes."""
        return copy.deepcopy(self.stacks)


def ref(name: str) -> Json:
    """A reference."""
    return {"Ref": name}


def get(name: str, attribute: str) -> Json:
    """An attribute."""
    return {"Fn::GetAtt": [name, attribute]}


def block6(vpc: str) -> Json:
    """A VPC's IPv6 block."""
    return {"Fn::Select": [0, get(vpc, "Ipv6CidrBlocks")]}


def subnet6(vpc: str, number: int) -> Json:
    """A /64 of a VPC's block."""
    return {"Fn::Select": [number, {"Fn::Cidr": [block6(vpc), 256, "64"]}]}


def host6(vpc: str, number: int, host: str) -> Json:
    """A fixed address in a /64."""
    return {"Fn::Join": ["", [{"Fn::Select": [0, {"Fn::Split": ["::/", subnet6(vpc, number)]}]}, f"::{host}"]]}


def rule(ports: str, **peer: Json) -> Json:
    """A rule of a security group: `tcp/443`, `udp/20000-29998`; the peer as CidrIp, CidrIpv6, group."""
    protocol, _, span = ports.partition("/")
    first, _, last = span.partition("-")
    return {"IpProtocol": protocol, "FromPort": int(first), "ToPort": int(last or first), **peer}


NOBODY = {"CidrIp": "255.255.255.255/32", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86}
"""What the CDK writes for "no egress": without any rule AWS would let everything out."""
