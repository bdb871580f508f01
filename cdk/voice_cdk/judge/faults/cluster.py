"""EKS: an order in which nodes and add-ons come up, and subnets that an IPv6 cluster takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import of_document, role_of
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import Role

CNI = "vpc-cni"
BEFORE_NODES = frozenset({CNI, "kube-proxy"})
"""Addresses of pods; and the way to the API by its address in the cluster, by which the former asks."""
AGENT = "eks-pod-identity-agent"
ALWAYS = frozenset({"vpc-cni", "kube-proxy", "coredns"})
WITHOUT_NODES = frozenset({"vpc-cni", "kube-proxy", "eks-pod-identity-agent"})
"""Add-ons that are made before there are nodes; all others wait for them."""


def check(context: Context) -> Iterator[Fault]:
    """Each cluster."""
    yield from _access(context)
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
        yield from _logging(context, cluster)
    for member in context.model.of(Role.PODS, Role.CONTROL_PLANE):
        subnet = context.model.subnets[member.subnet]
        if not (subnet.ipv4 and subnet.ipv6 and subnet.assign_ipv6):
            reason = f"its subnet {subnet.key} is not dual-stack with IPv6 by itself, which an IPv6 cluster wants"
            yield Fault(kind="refused", resource=str(member.key), reason=reason)


ACCESS = re.compile(r"arn:aws[\w-]*:eks::aws:cluster-access-policy/AmazonEKS(\w+Policy|\w+PolicyV\d)$")
ACCESS_POLICIES = frozenset({"ClusterAdminPolicy", "AdminPolicy", "EditPolicy", "ViewPolicy", "AdminViewPolicy"})


KNOWN = frozenset({
    "vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "metrics-server", "aws-ebs-csi-driver",
    "aws-efs-csi-driver", "snapshot-controller", "amazon-cloudwatch-observability", "eks-node-monitoring-agent",
    "adot", "cert-manager", "external-dns", "kube-state-metrics", "prometheus-node-exporter", "fluent-bit",
    "aws-guardduty-agent", "aws-mountpoint-s3-csi-driver", "aws-secrets-store-csi-driver-provider",
})  # fmt: skip
"""EKS user guide, "AWS add-ons" and "Community add-ons"."""
LOGS = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})


def _logging(context: Context, cluster: Key) -> Iterator[Fault]:
    """Who did what at the cluster's API, and what it made of it."""
    found = str(context.resolver.property(cluster, "Logging"))
    types = frozenset(re.findall(r"'Type': '([^']*)'", found))
    for missing in sorted(LOGS - types):
        yield Fault(kind="flag", resource=str(cluster), reason=f"keeps no log of its {missing}")
    for other in sorted(types - LOGS):
        yield Fault(kind="refused", resource=str(cluster), reason=f"{other} is none of its logs")


def _rulers(context: Context, cluster: Key) -> Iterator[Fault]:
    """Where whoever made the cluster does not rule it, somebody else has to."""
    access = context.resolver.property(cluster, "AccessConfig")
    own = f"id-{cluster.stack}.{cluster.logical_id}"
    entries = [context.resolver.properties(key) for key in context.resolver.of_type("AWS::EKS::AccessEntry")]
    rules = any(one.get("ClusterName") == own and "AdminPolicy" in str(one.get("AccessPolicies")) for one in entries)
    maker = str((access if isinstance(access, dict) else {}).get("BootstrapClusterCreatorAdminPermissions", True))
    if maker.lower() == "false" and not rules:
        reason = "nobody rules it: it has no access entry with a policy of administrators"
        yield Fault(kind="permission", resource=str(cluster), reason=reason)


def _secrets(context: Context, cluster: Key) -> Iterator[Fault]:
    """Encryption of Kubernetes' secrets is said as a whole, or not at all."""
    for one in context.resolver.properties(cluster).get("EncryptionConfig") or []:
        provider = one.get("Provider") if isinstance(one, dict) else None
        if not isinstance(provider, dict) or not provider.get("KeyArn") or one.get("Resources") != ["secrets"]:
            reason = "EncryptionConfig wants a Provider with a KeyArn, and Resources secrets"
            yield Fault(kind="refused", resource=str(cluster), reason=reason)


def _people(context: Context, key: Key) -> Iterator[Fault]:
    """Who is let in as an administrator is a person's role, not a service's."""
    role = role_of(context, context.resolver.properties(key).get("PrincipalArn"))
    trust = of_document(context.resolver.properties(role).get("AssumeRolePolicyDocument")) if role else ()
    principals = [one.get("Principal") for one in trust]
    if role and not any({"AWS", "Federated"} & one.keys() for one in principals if isinstance(one, dict)):
        reason = f"lets {role} rule the cluster, which no person can take"
        yield Fault(kind="permission", resource=str(key), reason=reason)


def _access(context: Context) -> Iterator[Fault]:
    """Entries that let people at the cluster's API."""
    for cluster in context.resolver.of_type("AWS::EKS::Cluster"):
        yield from _rulers(context, cluster)
        yield from _secrets(context, cluster)
    for key in context.resolver.of_type("AWS::EKS::AccessEntry"):
        properties = context.resolver.properties(key)
        yield from _people(context, key)
        policies = [one for one in properties.get("AccessPolicies") or [] if isinstance(one, dict)]
        for one in policies:
            match = ACCESS.match(str(one.get("PolicyArn")))
            if not match or match[1] not in ACCESS_POLICIES:
                reason = f"{one.get('PolicyArn')} is no policy of EKS's for people"
                yield Fault(kind="refused", resource=str(key), reason=reason)
            scope = one.get("AccessScope")
            if not isinstance(scope, dict) or str(scope.get("Type")) not in {"cluster", "namespace"}:
                yield Fault(kind="refused", resource=str(key), reason="an access policy has no AccessScope with a Type")
        if (
            not policies
            and not properties.get("KubernetesGroups")
            and str(properties.get("Type", "STANDARD")) == "STANDARD"
        ):
            yield Fault(kind="permission", resource=str(key), reason="lets somebody in who may do nothing there")


def _addons(context: Context, cluster: Key, addons: dict[str, Key]) -> Iterator[Fault]:
    own = context.resolver.property(cluster, "BootstrapSelfManagedAddons")
    for name in sorted(ALWAYS - addons.keys()) if str(own).lower() == "false" else ():
        yield Fault(kind="black hole", resource=str(cluster), reason=f"has no add-on {name}, and EKS puts none there")
    for name in sorted(addons.keys() - KNOWN):
        yield Fault(kind="refused", resource=str(addons[name]), reason=f"{name} is no add-on that is known here")
    cni = addons.get(CNI)
    given = {"PodIdentityAssociations", "ServiceAccountRoleArn"}
    if addons and str(own).lower() != "false":
        reason = "BootstrapSelfManagedAddons is not false: what EKS puts there by itself stands in the add-ons' way"
        yield Fault(kind="flag", resource=str(cluster), reason=reason)
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
    for name in sorted(BEFORE_NODES & addons.keys()):
        for node in nodes:
            if not context.order.waits(node, addons[name]):
                yield _fault(node, f"does not wait for the add-on {name}: nodes without it never become ready")
    if AGENT in addons and CNI in addons:
        associated = context.resolver.property(addons[CNI], "PodIdentityAssociations")
        if associated and not context.order.waits(addons[CNI], addons[AGENT]):
            yield _fault(addons[CNI], f"gets its role by pod identity, and does not wait for {AGENT}")
    for name in sorted(addons.keys() - WITHOUT_NODES):
        if not any(context.order.waits(addons[name], node) for node in nodes):
            yield _fault(addons[name], f"the add-on {name} does not wait for nodes: it fails where no pod can run")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="race", resource=str(key), reason=reason)
