"""Every policy of the templates, with what AWS would fill in filled in: of roles, their trust, and of resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from voice_cdk.judge.attributes import identifier
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.resolve import Resolver


class Kind(StrEnum):
    """What a policy is put on."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"


KINDS = {
    "AssumeRolePolicyDocument": Kind.TRUST,
    "KeyPolicy": Kind.RESOURCE,
    "ResourcePolicy": Kind.RESOURCE,
    "RepositoryPolicyText": Kind.RESOURCE,
}
"""Properties that hold a policy and aren't called PolicyDocument; that is of an identity only where IAM has it."""
ARNS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{place}:alarm:{name}",
    "AWS::EC2::VPCEndpoint": "ec2:{place}:vpc-endpoint/{name}",
    "AWS::ECR::Repository": "ecr:{place}:repository/{name}",
    "AWS::EKS::Cluster": "eks:{place}:cluster/{name}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing:{place}:loadbalancer/app/{name}/1",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "elasticloadbalancing:{place}:targetgroup/{name}/1",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{place}:key/{name}",
    "AWS::Lambda::Function": "lambda:{place}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{place}:log-group:{name}:*",
    "AWS::RDS::DBCluster": "rds:{place}:cluster:{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{place}:{name}",
    "AWS::SQS::Queue": "sqs:{place}:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{place}:secret:{name}",
}
"""What an ARN of a type looks like after `arn:aws:`."""
IDENTIFIED_BY_ARN = frozenset({
    "AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::IAM::ManagedPolicy",
    "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::TargetGroup",
})  # fmt: skip
"""Types whose Ref is their ARN."""
_INVENTED = re.compile(r"id-[\w-]+(?:\.\w+)+")


@dataclass(frozen=True)
class Policy:
    """One policy document: whose it is, where in its properties, and what it says."""

    key: Key
    path: str
    kind: Kind
    document: Mapping[str, Json]


def policies(resolver: Resolver) -> Iterator[Policy]:
    """Every policy document of an assembly."""
    for key in resolver.keys:
        yield from _within(resolver, key, resolver.properties(key), "")


def _within(resolver: Resolver, key: Key, value: Json, path: str) -> Iterator[Policy]:
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from _within(resolver, key, part, f"{path}.{number}")
        return
    if not isinstance(value, dict):
        return
    for name, part in value.items():
        if isinstance(part, dict) and "Statement" in part:
            of_iam = resolver.kind(key).startswith("AWS::IAM::")
            kind = KINDS.get(name, Kind.IDENTITY if of_iam else Kind.RESOURCE)
            document = _filled(resolver, part)
            if name in KINDS:
                document = _of_itself(document, _arn(resolver, f"{identifier(key)}.Arn"))
            yield Policy(key, f"{path}.{name}".removeprefix("."), kind, document)
        else:
            yield from _within(resolver, key, part, f"{path}.{name}")


def _of_itself(document: Mapping[str, Json], arn: str) -> Mapping[str, Json]:
    """A policy that has no resource, or `*`, because it is about what it is put on, and nothing else."""
    statements = document["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return {**document, "Statement": [_about(one, arn) for one in listed]}


def _about(statement: Json, arn: str) -> Json:
    if not isinstance(statement, dict) or statement.get("Resource", "*") != "*":
        return statement
    return {**statement, "Resource": arn}


def _filled(resolver: Resolver, value: Json) -> Json:
    """A document in which whatever the judge invented looks like what AWS gives."""
    if isinstance(value, dict):
        return {name: _filled(resolver, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(resolver, part) for part in value]
    return _INVENTED.sub(lambda match: _arn(resolver, match[0]), value) if isinstance(value, str) else value


def _arn(resolver: Resolver, invented: str) -> str:
    owner = resolver.owners.get(invented.removesuffix(".Arn"))
    if owner is None:
        return invented
    kind = resolver.kind(owner)
    if kind not in ARNS or not (invented.endswith(".Arn") or kind in IDENTIFIED_BY_ARN):
        return invented
    stack = resolver.assembly.stacks[owner.stack]
    place = f"{stack.region}:{stack.account}"
    return "arn:aws:" + ARNS[kind].format(place=place, account=stack.account, name=owner.logical_id)
