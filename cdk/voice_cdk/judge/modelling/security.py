"""Security groups and their rules, those that AWS and EKS add included."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from voice_cdk.judge import traffic
from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import Group, Rule
from voice_cdk.judge.modelling import prefixlists
from voice_cdk.judge.modelling.network import known
from voice_cdk.judge.modelling.reader import Reader, Source

NOBODY = IPv4Network("255.255.255.255/32")
"""Rules to this address are the CDK's way to say "nothing"."""
EVERYBODY = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
MADE_BY_AWS = "made by AWS"
GROUP = "AWS::EC2::SecurityGroup"


def cluster_group(cluster: Key) -> str:
    """The identifier of the security group that EKS makes for a cluster."""
    return f"id-{cluster.stack}.{cluster.logical_id}.ClusterSecurityGroupId"


def groups(source: Source) -> dict[str, Group]:
    """Groups by identifier."""
    found = {}
    for group in source.each(GROUP):
        known(group, "VpcId", "AWS::EC2::VPC")
        found[group.id] = Group(group.key, group.id, group.text("VpcId"))
    for cluster in source.each("AWS::EKS::Cluster"):
        of_subnets = cluster.part("ResourcesVpcConfig").texts("SubnetIds")
        subnet = source.owner(of_subnets[0] if of_subnets else None, "AWS::EC2::Subnet")
        vpc = str(source.resolver.property(subnet, "VpcId")) if subnet else ""
        name = cluster_group(cluster.key)
        found[name] = Group(cluster.key, name, vpc)
    return found


def rules(source: Source, of_groups: dict[str, Group]) -> list[Rule]:
    """All rules of all groups."""
    found: list[Rule] = []
    for group in source.each(GROUP):
        for number, part in enumerate(group.parts("SecurityGroupIngress")):
            found += _rule(part, group.id, ingress=True, place=f"SecurityGroupIngress[{number}]")
        egress = group.parts("SecurityGroupEgress")
        for number, part in enumerate(egress):
            found += _rule(part, group.id, ingress=False, place=f"SecurityGroupEgress[{number}]")
        if not egress:
            found += _open(group.key, group.id, ingress=False)
    for rule in source.each("AWS::EC2::SecurityGroupIngress"):
        found += _rule(rule, _group_of(rule, of_groups), ingress=True, place="")
    for rule in source.each("AWS::EC2::SecurityGroupEgress"):
        found += _rule(rule, _group_of(rule, of_groups), ingress=False, place="")
    for cluster in source.each("AWS::EKS::Cluster"):
        name = cluster_group(cluster.key)
        found.append(Rule(cluster.key, name, True, traffic.ALL, None, name, MADE_BY_AWS))
        found += _open(cluster.key, name, ingress=False)
    return found


def _open(key: Key, group: str, *, ingress: bool) -> Iterator[Rule]:
    for network in EVERYBODY:
        yield Rule(key, group, ingress, traffic.ALL, network, None, MADE_BY_AWS)


def _group_of(rule: Reader, of_groups: dict[str, Group]) -> str:
    name = rule.text("GroupId")
    if name not in of_groups:
        rule.wrong(f"GroupId {name or 'is missing; it'} is no security group of these templates")
    return name


def _rule(rule: Reader, group: str, *, ingress: bool, place: str) -> Iterator[Rule]:
    where = f"{place}: " if place else ""
    try:
        spans = traffic.of_rule(*(rule.properties.get(name) for name in ("IpProtocol", "FromPort", "ToPort")))
    except (ValueError, TypeError) as error:
        rule.wrong(f"{where}{error}")
        return
    peer = "SourceSecurityGroupId" if ingress else "DestinationSecurityGroupId"
    lists = "SourcePrefixListId" if ingress else "DestinationPrefixListId"
    given = [name for name in ("CidrIp", "CidrIpv6", peer, lists, "SourceSecurityGroupName") if rule.has(name)]
    if len(given) != 1:
        rule.wrong(f"{where}a rule has one peer, this one has {len(given)}")
    for name in given:
        if name == lists:
            for block in prefixlists.blocks(rule.source, rule, name):
                yield Rule(rule.key, group, ingress, spans, block, None, place)
            continue
        network = rule.network(name) if name.startswith("Cidr") else None
        if network and (network.version == 6) != (name == "CidrIpv6"):
            rule.wrong(f"{where}{name} {network} is of the other family")
        elif network != NOBODY and (network or name == peer):
            peer_group = rule.text(peer) if name == peer else None
            yield Rule(rule.key, group, ingress, spans, network, peer_group, place)
