"""EKS: an order in which nodes and add-ons come up, and subnets that an IPv6 cluster takes."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import Role

BEFORE_NODES = "vpc-cni"
AGENT = "eks-pod-identity-agent"
ALWAYS = frozenset({"vpc-cni", "kube-proxy", "coredns"})
ON_NODES = frozenset({"coredns", "metrics-server"})


def check(context: Context) -> Iterator[Fault]:
    """Each cluster."""
    for cluster in context.resolver.of_type("AWS::EKS::Cluster"):
        nodes = _of(context, "AWS::EKS::Nodegroup", cluster)
        addons = {_name(context, key): key for key in _of(context, "AWS::EKS::Addon", cluster)}
        yield from _addons(context, cluster, addons)
        automatic = str(context.resolver.property(cluster, "ComputeConfig")).count("True")
        if not (nodes or automatic):
            yield Fault(kind="black hole", resource=str(cluster), reason="has no nodes, so no pod runs")
        if nodes:
            yield from _order(context, nodes, addons)
        yield from _zones(context, cluster)
    for member in context.model.of(Role.PODS, Role.CONTROL_PLANE):
        subnet = context.model.subnets[member.subnet]
        if not (subnet.ipv4 and subnet.ipv6 and subnet.assign_ipv6):
            reason = f"its subnet {subnet.key} is not dual-stack with IPv6 by itself, which an IPv6 cluster wants"
            yield Fault(kind="refused", resource=str(member.key), reason=reason)


def _addons(context: Context, cluster: Key, addons: dict[str, Key]) -> Iterator[Fault]:
    own = context.resolver.property(cluster, "BootstrapSelfManagedAddons")
    for name in sorted(ALWAYS - addons.keys()) if str(own).lower() == "false" else ():
        yield Fault(kind="black hole", resource=str(cluster), reason=f"has no add-on {name}, and EKS puts none there")
    cni = addons.get(BEFORE_NODES)
    given = {"PodIdentityAssociations", "ServiceAccountRoleArn"}
    if cni and not given & context.resolver.properties(cni).keys():
        reason = "has no role of its own: nodes' policies of AWS don't let it assign IPv6 addresses"
        yield Fault(kind="permission", resource=str(cni), reason=reason)


def _zones(context: Context, cluster: Key) -> Iterator[Fault]:
    ends = [one for one in context.model.of(Role.CONTROL_PLANE) if one.key == cluster]
    if len({one.zone for one in ends}) < 2 or len({one.subnet for one in ends}) < len(ends):
        yield Fault(kind="refused", resource=str(cluster), reason="EKS wants subnets in two zones, each named once")
    beside = {one.subnet for one in context.model.of(Role.PODS)} ^ {one.subnet for one in ends}
    if beside and context.model.of(Role.PODS):
        reason = "nodes and control plane stand in different subnets; give both the same ones"
        yield Fault(kind="zone", resource=str(cluster), reason=reason)


def _of(context: Context, kind: str, cluster: Key) -> list[Key]:
    mine = f"id-{cluster.stack}.{cluster.logical_id}"
    return [key for key in context.resolver.of_type(kind) if context.resolver.property(key, "ClusterName") == mine]


def _name(context: Context, key: Key) -> str:
    return str(context.resolver.property(key, "AddonName"))


def _order(context: Context, nodes: list[Key], addons: dict[str, Key]) -> Iterator[Fault]:
    if BEFORE_NODES in addons:
        for node in nodes:
            if not context.order.waits(node, addons[BEFORE_NODES]):
                yield _fault(node, f"does not wait for the add-on {BEFORE_NODES}: nodes without it never become ready")
    if AGENT in addons and BEFORE_NODES in addons:
        associated = context.resolver.property(addons[BEFORE_NODES], "PodIdentityAssociations")
        if associated and not context.order.waits(addons[BEFORE_NODES], addons[AGENT]):
            yield _fault(addons[BEFORE_NODES], f"gets its role by pod identity, and does not wait for {AGENT}")
    for name in ON_NODES & addons.keys():
        if not any(context.order.waits(addons[name], node) for node in nodes):
            yield _fault(addons[name], f"the add-on {name} does not wait for nodes: it fails where no pod can run")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="race", resource=str(key), reason=reason)
