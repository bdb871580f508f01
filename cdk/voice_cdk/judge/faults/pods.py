"""Rights of pods: each role is taken by a service account that there is, and allows what that does."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import allowed, grants, managed, role_of
from voice_cdk.judge.keys import Fault, Json, Key

ASSOCIATION = "AWS::EKS::PodIdentityAssociation"
CONTROLLER = (
    "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
)  # fmt: skip
"""What AWS Load Balancer Controller asks for target group bindings (its documentation, "iam_policy.json")."""
NAMES: dict[str, tuple[str, tuple[str, ...]]] = {"aws-load-balancer-controller": ("kube-system", CONTROLLER)}
"""Service accounts that are called so wherever they are: their namespace, and what they do."""
SIGNS = {"elasticloadbalancing:RegisterTargets": "aws-load-balancer-controller"}
"""Actions that one service account alone needs."""
ADDON, DRIVER = "AWS::EKS::Addon", "aws-secrets-store-csi-driver-provider"
READ = "secretsmanager:GetSecretValue"


def check(context: Context) -> Iterator[Fault]:
    """Each association, then secrets that nobody reads."""
    for key in context.resolver.of_type(ASSOCIATION):
        properties = context.resolver.properties(key)
        role = role_of(context, properties.get("RoleArn"))
        if role is not None:
            yield from _association(context, key, properties, role)
    yield from _unread(context)


def _association(context: Context, key: Key, properties: Json, role: Key) -> Iterator[Fault]:
    given = allowed(context, role)
    account, namespace = str(properties.get("ServiceAccount")), str(properties.get("Namespace"))
    if not given and not managed(context, role):
        yield _fault(role, f"allows nothing, and {key} is there for what it allows")
    wanted, needed = NAMES.get(account, (namespace, ()))
    if namespace != wanted:
        yield _fault(key, f"{account} is in the namespace {wanted}, not in {namespace}")
    missing = [one for one in needed if not any(fnmatchcase(one, action) for action in given)]
    if missing:
        yield _fault(role, f"may not {', '.join(missing)}, which {account} asks")
    for action, owner in SIGNS.items():
        if action in given and account != owner:
            yield _fault(key, f"gives {account} what {owner} alone does ({action})")
    if READ in given and "secretsmanager:DescribeSecret" in given:
        yield from _driver(context, key)
    if READ in given and "secretsmanager:DescribeSecret" not in given:
        yield _fault(role, f"may {READ} and not DescribeSecret, by which the driver of secrets sees a rotation")


def _driver(context: Context, key: Key) -> Iterator[Fault]:
    """Where add-ons are written down, the one that brings pods their secrets is among them."""
    addons = {str(context.resolver.properties(one).get("AddonName")) for one in context.resolver.of_type(ADDON)}
    if "eks-pod-identity-agent" in addons and DRIVER not in addons:
        yield _fault(key, f"reads secrets as their driver does, and the add-on {DRIVER} is not there")


def _unread(context: Context) -> Iterator[Fault]:
    """Where roles read secrets, each secret is read by one of them."""
    roles = [role for role in context.resolver.of_type("AWS::IAM::Role") if READ in allowed(context, role)]
    in_cluster = context.resolver.of_type(ASSOCIATION)
    for secret in context.resolver.of_type("AWS::SecretsManager::Secret") if in_cluster else ():
        name = f"id-{secret.stack}.{secret.logical_id}"
        if not any(grants(context, role, READ, name) for role in roles):
            yield Fault(kind="unused secret", resource=str(secret), reason="nobody here may read this secret")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
