"""Change templates in every small way that could break a network, one at a time, to see whether the judge notices.

Routes, rules, associations, dependencies, flags and selectors are removed, switched, swapped and moved. The order is
always the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from voice_cdk.judge.modelling.security import NOBODY
from voice_cdk.judge.check import faults, judge
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.order import Order, listed
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly

Path = tuple[str | int, ...]
REMOVED = object()

LOOKED_INTO = frozenset(
    "AWS::" + name
    for name in [
        "EC2::VPC",
        "EC2::VPCCidrBlock",
        "EC2::Subnet",
        "EC2::RouteTable",
        "EC2::SubnetRouteTableAssociation",
        "EC2::Route",
        "EC2::InternetGateway",
        "EC2::VPCGatewayAttachment",
        "EC2::EgressOnlyInternetGateway",
        "EC2::NatGateway",
        "EC2::EIP",
        "EC2::EIPAssociation",
        "EC2::FlowLog",
        "EC2::NetworkInterface",
        "EC2::NetworkInterfaceAttachment",
        "EC2::SecurityGroup",
        "EC2::SecurityGroupIngress",
        "EC2::SecurityGroupEgress",
        "EC2::TransitGateway",
        "EC2::TransitGatewayAttachment",
        "EC2::TransitGatewayVpcAttachment",
        "EC2::TransitGatewayRouteTable",
        "EC2::TransitGatewayRouteTableAssociation",
        "EC2::TransitGatewayRoute",
        "EC2::VPCEndpoint",
        "EC2::Instance",
        "EC2::LaunchTemplate",
        "AutoScaling::AutoScalingGroup",
        "RDS::DBCluster",
        "RDS::DBInstance",
        "RDS::DBSubnetGroup",
        "RDS::DBClusterParameterGroup",
        "EKS::Cluster",
        "EKS::Nodegroup",
        "EKS::Addon",
        "SSM::Association",
        "ElasticLoadBalancingV2::LoadBalancer",
        "ElasticLoadBalancingV2::Listener",
        "ElasticLoadBalancingV2::TargetGroup",
    ]
)
"""Types that are removed, and of which properties are."""
SWITCHES = {
    "enable": "disable", "disable": "enable", "enabled": "disabled", "disabled": "enabled", "required": "optional",
    "ON": "OFF", "ALL": "REJECT", "IPV4": "DUAL", "DUAL": "IPV4", "ipv6": "ipv4", "private": "public",
    "dualstack": "ipv4", "internal": "internet-facing", "internet-facing": "internal",
}  # fmt: skip
LISTS = frozenset({
    "SecurityGroupIngress", "SecurityGroupEgress", "SubnetIds", "GroupSet", "SecurityGroupIds", "VpcSecurityGroupIds",
    "Subnets", "SecurityGroups", "VPCZoneIdentifier", "RouteTableIds",
})  # fmt: skip
PORTS = frozenset({"FromPort", "ToPort", "Port"})
CIDRS = frozenset({"CidrIp", "CidrIpv6", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "CidrBlock"})
WORDS = frozenset({"Tags", "Description", "GroupDescription", "GroupName", "Name", "DBSubnetGroupDescription"})
NEUTRAL = frozenset(
    {
        "DnsSupport",
        "VpnEcmpSupport",
        "HostnameType",
        "Domain",
        "EbsOptimized",
        "Enabled",
        "EnableResourceNameDnsAAAARecord",
        "AutoMinorVersionUpgrade",
        "EnablePerformanceInsights",
        "CopyTagsToSnapshot",
    }
)
"""Switches that no packet depends on: the transit gateway's answers for peered VPCs, and names."""
ELSEWHERE = {4: "198.18.7.0/24", 6: "2001:db8:dead::/56"}


@dataclass(frozen=True)
class Mutant:
    """Changed templates, and what was changed."""

    kind: str
    key: Key
    detail: str
    assembly: Assembly

    def __str__(self) -> str:
        return f"{self.kind}: {self.key} {self.detail}"


@dataclass(frozen=True)
class Verdict:
    """The first thing that the judge says of a mutant and did not say of the templates themselves; None: nothing."""

    mutant: Mutant
    fault: Fault | None


def verdicts(assembly: Assembly) -> Iterator[Verdict]:
    """Judge each mutant of an assembly."""
    before = set(judge(assembly))
    for mutant in mutants(assembly):
        yield Verdict(mutant, next((fault for fault in faults(mutant.assembly) if fault not in before), None))


def mutants(assembly: Assembly) -> Iterator[Mutant]:
    """Every mutant, resource by resource."""
    writer = _Writer(assembly)
    for key, resource in sorted(assembly.resources()):
        if resource["Type"] in LOOKED_INTO:
            yield writer.mutant("removed", key, resource["Type"].rsplit("::", 1)[-1], None)
            if resource["Type"].startswith("AWS::EC2::"):
                yield from writer.of_properties(key, resource)
            for path, value in leaves(resource.get("Properties", {})):
                yield from writer.of_leaf(key, resource, path, value)
        yield from writer.of_dependencies(key, resource)


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Parts of a resource's properties; a function of CloudFormation is one part, and so is an item of a list."""
    if isinstance(value, dict) and not _is_function(value):
        for name, part in value.items():
            yield from leaves(part, (*path, name))
        return
    if isinstance(value, list):
        for number, part in enumerate(value):
            if path and path[-1] in LISTS:
                yield (*path, number), REMOVED
            yield from leaves(part, (*path, number))
        return
    yield path, value


def _is_function(value: Json) -> bool:
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith(("Fn::", "Ref"))


class _Writer:
    """Makes mutants of one assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.resolver = Resolver(assembly)
        self.order = Order(self.resolver)

    def mutant(self, kind: str, key: Key, detail: str, resource: Mapping[str, Json] | None) -> Mutant:
        """One mutant, with a resource written otherwise or not at all."""
        stack = self.assembly.stacks[key.stack].with_resource(key.logical_id, resource)
        return Mutant(kind, key, detail, self.assembly.with_stack(stack))

    def of_properties(self, key: Key, resource: Mapping[str, Json]) -> Iterator[Mutant]:
        """Each property left out, but for names and descriptions."""
        for name, value in resource.get("Properties", {}).items():
            if name not in WORDS | NEUTRAL and value != []:
                yield self._changed("property removed", key, resource, (name,), REMOVED, name)

    def of_leaf(self, key: Key, resource: Mapping[str, Json], path: Path, value: Json) -> Iterator[Mutant]:
        """Everything that can be done to one property."""
        name = ".".join(map(str, path))
        if value is REMOVED:
            yield self._changed("item removed", key, resource, path, REMOVED, name)
            return
        for kind, other in self._others(resource, path, value):
            yield self._changed(kind, key, resource, path, other, f"{name} = {json.dumps(other)}")
        for kind, stack_change in self._swapped(key, value):
            yield self._swap(kind, key, resource, path, stack_change)

    def _others(self, resource: Mapping[str, Json], path: Path, value: Json) -> Iterator[tuple[str, Json]]:
        last = path[-1] if path else ""
        if isinstance(value, bool) and last not in NEUTRAL:
            yield "switched", not value
        elif isinstance(value, str) and value in SWITCHES and last not in NEUTRAL:
            yield "switched", SWITCHES[value]
        elif isinstance(value, int) and last in PORTS and not _means_nobody(resource, path):
            yield from (("port moved", value + 1), ("port moved", max(0, value - 1)))
        elif last in CIDRS and isinstance(value, str) and "/" in value:
            yield from (one for one in _networks(value) if last != "CidrBlock" or one[0] == "moved")
        elif last == "AvailabilityZone" and isinstance(value, str):
            yield "zone moved", value[:-1] + ("b" if value.endswith("a") else "a")
        elif last == "Ipv6CidrBlock" and isinstance(value, dict) and "Fn::Select" in value:
            index, blocks = value["Fn::Select"]
            yield from (("selector moved", {"Fn::Select": [int(index) + step, blocks]}) for step in (1, -1))

    def _swapped(self, key: Key, value: Json) -> Iterator[tuple[str, Key]]:
        """For a reference, the next resource of the same type."""
        if not _is_function(value) or not set(value) & {"Ref", "Fn::GetAtt", "Fn::ImportValue"}:
            return
        found = self.resolver.value(self.assembly.stacks[key.stack], value)
        owner = self.resolver.owners.get(found) if isinstance(found, str) else None
        if owner is None:
            return
        others = sorted(self.resolver.of_type(self.resolver.kind(owner)))
        number = others.index(owner)
        for step in dict.fromkeys((1, len(others) - 1)):
            other = others[(number + step) % len(others)]
            if other not in (owner, key):
                yield "swapped", other

    def _swap(self, kind: str, key: Key, resource: Mapping[str, Json], path: Path, other: Key) -> Mutant:
        """A reference led elsewhere; to another stack by an export of its own."""
        raw: Json = {"Ref": other.logical_id}
        if self.resolver.kind(other) == "AWS::EC2::SecurityGroup":
            raw = {"Fn::GetAtt": [other.logical_id, "GroupId"]}
        assembly = self.assembly
        if other.stack != key.stack:
            stack = assembly.stacks[other.stack]
            outputs = {**stack.template.get("Outputs", {}), "Swap": {"Value": raw, "Export": {"Name": "swap:swap"}}}
            changed = type(stack)(**{**stack.__dict__, "template": {**stack.template, "Outputs": outputs}})
            assembly, raw = assembly.with_stack(changed), {"Fn::ImportValue": "swap:swap"}
        properties = _with(resource.get("Properties", {}), path, raw)
        stack = assembly.stacks[key.stack].with_resource(key.logical_id, {**resource, "Properties": properties})
        return Mutant(kind, key, f"{'.'.join(map(str, path))} = {other}", assembly.with_stack(stack))

    def _changed(
        self, kind: str, key: Key, resource: Mapping[str, Json], path: Path, other: Json, detail: str
    ) -> Mutant:
        properties = _with(resource.get("Properties", {}), path, other)
        return self.mutant(kind, key, detail, {**resource, "Properties": properties})

    def of_dependencies(self, key: Key, resource: Mapping[str, Json]) -> Iterator[Mutant]:
        """Each entry of DependsOn that is not implied by others."""
        names = listed(resource.get("DependsOn"))
        for name in names:
            left = [one for one in names if one != name]
            if not self._implied(key, resource, left, Key(key.stack, name)):
                yield self.mutant("dependency removed", key, name, {**resource, "DependsOn": left})

    def _implied(self, key: Key, resource: Mapping[str, Json], left: list[str], gone: Key) -> bool:
        changed = self.mutant("", key, "", {**resource, "DependsOn": left}).assembly
        return gone in Order(Resolver(changed)).before(key)


def _means_nobody(resource: Mapping[str, Json], path: Path) -> bool:
    """Whether a port is of the rule that the CDK writes for "nothing goes out"."""
    part: Json = resource["Properties"]
    for name in path[:-1]:
        part = part[name]
    return bool(part.get("CidrIp") == str(NOBODY))


def _networks(value: str) -> Iterator[tuple[str, str]]:
    network = ip_network(value, strict=False)
    if network.prefixlen:
        everybody = "0.0.0.0/0" if network.version == 4 else "::/0"
        yield from (("opened", everybody), ("widened", str(network.supernet())))
    if network.prefixlen < network.max_prefixlen:
        yield "narrowed", str(list(network.subnets())[1 if network.prefixlen == 0 else 0])
    yield "moved", ELSEWHERE[network.version]


def _with(value: Json, path: Path, other: Json) -> Json:
    """A copy with one part changed, or removed."""
    if not path:
        return other
    head, rest = path[0], path[1:]
    copied: Json = dict(value) if isinstance(value, dict) else list(value)
    if not rest and other is REMOVED:
        del copied[head]
    else:
        copied[head] = _with(value[head], rest, other)
    return copied
