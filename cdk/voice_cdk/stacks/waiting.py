"""What CloudFormation cannot see: that a resource needs another one which none of its properties leads to."""

from __future__ import annotations

from aws_cdk import CfnResource
from aws_cdk import aws_iam as iam


def await_resources(resource: CfnResource, *needed: CfnResource | None) -> None:
    """Have `resource` made after all that is `needed`."""
    for each in needed:
        if each is not None:
            resource.add_resource_dependency(each)


def await_rights(resource: CfnResource, role: iam.Role) -> None:
    """Have `resource` made after the policy of `role`, which nothing names: it names the role.

    Raises:
        RuntimeError: the role has no policy of its own yet.
    """
    resource.node.add_dependency(role.node.find_child("DefaultPolicy"))
