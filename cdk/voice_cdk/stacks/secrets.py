"""Secrets, and who may read them."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

READ = ("secretsmanager:GetSecretValue",)


def let_read(role: iam.IRole, secrets: Sequence[str], key: kms.IKey, actions: Sequence[str] = READ) -> None:
    """Let a role read secrets, by their ARNs, that `key` encrypts.

    By rights of the role alone: a key's own policy that named a role of another stack would make each of the two stacks
    wait for the other.
    """
    region = cdk.Stack.of(key).region
    by_secrets_manager = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(secrets)))
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn], conditions=by_secrets_manager)
    )
