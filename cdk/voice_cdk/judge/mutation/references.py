"""References led elsewhere: to another resource of the same type, to a neighbour's place, two exchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.mutation.parts import Mutant, Part, at, changed, mutant, parts, properties, rewritten
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly

REFERENCES = ("Ref", "Fn::GetAtt", "Fn::ImportValue")
EXCHANGED = frozenset({
    "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::TransitGatewayRouteTableAssociation", "AWS::EC2::Route",
    "AWS::EC2::TransitGatewayRoute", "AWS::EC2::NetworkInterface", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SecurityGroupEgress", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::NatGateway",
})  # fmt: skip
"""Types of which two exchange what they refer to."""


@dataclass(frozen=True)
class _Meant:
    """A resource, the attribute that is asked of it, and whether an export joins a list of it."""

    owner: Key
    attribute: str | None
    listed: bool = False


class Elsewhere:
    """Other targets for references of one assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.resolver = Resolver(assembly)

    def of_resource(self, key: Key, found: list[Part]) -> Iterator[Mutant]:
        """Each reference of a resource, also those inside of functions, and each selector."""
        for part in found:
            value = part.value
            if not isinstance(value, dict) or len(value) != 1:
                continue
            name = next(iter(value))
            if name in REFERENCES:
                yield from self._swapped(key, part)
            elif name == "Fn::Select" and "Fn::Cidr" in json.dumps(value):
                yield from self._selected(key, part)

    def _selected(self, key: Key, part: Part) -> Iterator[Mutant]:
        index, blocks = part.value["Fn::Select"]
        if isinstance(blocks, dict) and "Fn::Cidr" in blocks:
            for step in (1, -1):
                if int(index) + step >= 0:
                    other = {"Fn::Select": [int(index) + step, blocks]}
                    yield mutant("selector moved", self.assembly, key, part, other, f"= {int(index) + step}")

    def _swapped(self, key: Key, part: Part) -> Iterator[Mutant]:
        """The next and the last resource of the same type."""
        meant = self._meant(key.stack, part.value)
        if meant is None:
            return
        others = sorted(self.resolver.of_type(self.resolver.kind(meant.owner)))
        number = others.index(meant.owner)
        for step in dict.fromkeys((1, len(others) - 1)):
            other = others[(number + step) % len(others)]
            if other not in (meant.owner, key):
                yield self._led(key, part, other, meant)

    def _meant(self, stack: str, value: Json) -> _Meant | None:
        """What a reference leads to, also by way of an export."""
        ((name, argument),) = value.items()
        if name == "Fn::ImportValue":
            exporter = self.resolver.exporter(str(argument))
            raw = self._exported(exporter, argument)
            listed = isinstance(raw, dict) and raw.get("Fn::Join")
            inner = listed[1] if listed else raw
            found = self._meant(exporter, inner) if exporter and isinstance(inner, dict) else None
            return _Meant(found.owner, found.attribute, bool(listed)) if found else None
        path = argument if isinstance(argument, list) else str(argument).split(".", 1)
        owner = Key(stack, str(path[0]))
        return _Meant(owner, path[1] if name == "Fn::GetAtt" else None) if self.resolver.stands(owner) else None

    def _exported(self, exporter: str | None, name: Json) -> Json:
        outputs = self.assembly.stacks[exporter].template.get("Outputs", {}) if exporter else {}
        return next((one["Value"] for one in outputs.values() if one.get("Export", {}).get("Name") == name), None)

    def _led(self, key: Key, part: Part, other: Key, meant: _Meant) -> Mutant:
        """A reference led to another resource; to another stack by an export of its own."""
        raw: Json = {"Ref": other.logical_id}
        if meant.attribute is not None:
            raw = {"Fn::GetAtt": [other.logical_id, meant.attribute]}
        if meant.listed:
            raw = {"Fn::Join": ["||", raw]}
        assembly = self.assembly
        if other.stack != key.stack:
            assembly, raw = _with_export(assembly, other, raw), {"Fn::ImportValue": "swap:swap"}
        return mutant("swapped", assembly, key, part, raw, f"= {other}")

    def exchanged(self) -> Iterator[Mutant]:
        """Two resources of one stack and type, each with what the other one refers to under one name."""
        for kind in sorted(EXCHANGED):
            for one, other in combinations(sorted(self.resolver.of_type(kind)), 2):
                if one.stack == other.stack:
                    yield from self._exchanged(one, other)

    def _exchanged(self, one: Key, other: Key) -> Iterator[Mutant]:
        mine, theirs = self.resolver.raw(one), self.resolver.raw(other)
        for name in sorted(properties(mine).keys() & properties(theirs).keys() - {"Tags", "VpcId", "Description"}):
            first, second = properties(mine)[name], properties(theirs)[name]
            others = [{**properties(one), name: None, "Tags": None, "Description": None} for one in (mine, theirs)]
            if first != second and isinstance(first, dict | list) and others[0] != others[1]:
                assembly = rewritten(self.assembly, one, _given(mine, name, second))
                assembly = rewritten(assembly, other, _given(theirs, name, first))
                yield Mutant("exchanged", one, f"{name} with {other.logical_id}", assembly)

    def rules_moved(self) -> Iterator[Mutant]:
        """Each rule inside of a group put into the next group instead."""
        keys = sorted(self.resolver.of_type("AWS::EC2::SecurityGroup"))
        for number, key in enumerate(keys):
            resource = self.resolver.raw(key)
            for name in ("SecurityGroupIngress", "SecurityGroupEgress"):
                for index, rule in enumerate(properties(resource).get(name) or []):
                    other = keys[(number + 1) % len(keys)]
                    if len(parts_of_stack(rule)) == 0 and rule.get("CidrIp") != "255.255.255.255/32":
                        assembly = rewritten(self.assembly, key, _without(resource, (name, index)))
                        theirs = self.resolver.raw(other)
                        longer = [*(properties(theirs).get(name) or []), rule]
                        assembly = rewritten(assembly, other, _given(theirs, name, longer))
                        yield Mutant("rule moved", key, f"{name}.{index} to {other}", assembly)


def parts_of_stack(rule: Json) -> list[Part]:
    """Parts of a rule that name resources of its stack: it can't be written into another one as it is."""
    return [part for part in parts(rule) if isinstance(part.value, dict) and set(part.value) & {"Ref", "Fn::GetAtt"}]


def _given(resource: Mapping[str, Json], name: str, value: Json) -> Mapping[str, Json]:
    return {**resource, "Properties": {**properties(resource), name: value}}


def _without(resource: Mapping[str, Json], path: tuple[str | int, ...]) -> Mapping[str, Json]:
    left = [one for number, one in enumerate(at(properties(resource), path[:-1])) if number != path[-1]]
    return {**resource, "Properties": changed(properties(resource), path[:-1], left)}


def _with_export(assembly: Assembly, other: Key, raw: Json) -> Assembly:
    stack = assembly.stacks[other.stack]
    outputs = {**stack.template.get("Outputs", {}), "Swap": {"Value": raw, "Export": {"Name": "swap:swap"}}}
    return assembly.with_stack(type(stack)(**{**stack.__dict__, "template": {**stack.template, "Outputs": outputs}}))
