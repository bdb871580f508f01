"""Policies that allow more than they name: every action, every resource, whatever a key encrypts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import POLICIES, Context
from voice_cdk.judge.faults.permissions import conditions, inline, listed, of_document
from voice_cdk.judge.keys import Fault, Json, Key

FOR_ALL = (
    "*:Describe*", "*:List*", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*",
    "ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "sts:GetCallerIdentity",
    "ec2:GetSecurityGroupsForVpc", "ec2:GetCoipPoolUsage", "wafv2:GetWebACL*", "shield:Get*", "logs:Get*",
    "logs:CreateLogDelivery", "logs:*LogDelivery", "logs:PutResourcePolicy", "xray:Put*", "tag:Get*", "eks:Get*",
)  # fmt: skip
"""Actions that AWS takes no resource for, or that only read what is no secret."""

TAGGED = re.compile(r"ResourceTag|RequestTag|GrantIsForAWSResource")
"""Conditions that say which resources are meant."""


def check(context: Context) -> Iterator[Fault]:
    """Each policy, and each that is written inside of a role."""
    for key in context.resolver.of_type(*POLICIES, "AWS::IAM::Role"):
        properties = context.resolver.properties(key)
        for document in [properties.get("PolicyDocument"), *inline(properties)]:
            for statement in of_document(document):
                if statement.get("Effect") == "Allow":
                    yield from _wide(key, statement)
                elif statement.get("Effect") != "Deny":
                    yield Fault(kind="refused", resource=str(key), reason="a statement has no Effect")


def _wide(key: Key, statement: Json) -> Iterator[Fault]:
    actions, resources = listed(statement.get("Action")), listed(statement.get("Resource"))
    if not (actions and resources) and not {"NotAction", "NotResource"} & statement.keys():
        yield Fault(kind="refused", resource=str(key), reason="a statement has no Action or no Resource")
    if "NotResource" in statement:
        yield _fault(key, "allows whatever is not in its NotResource: name what it is for (Resource)")
    whole = [action for action in actions if action == "*" or action.endswith(":*")]
    if whole:
        yield _fault(key, f"allows {', '.join(whole)}: name the actions")
    if any(isinstance(one, dict) and not one for one in conditions(statement).values()):
        yield Fault(kind="refused", resource=str(key), reason="a statement's Condition has an operator without keys")
    if "*" in resources and len(resources) > 1:
        yield _fault(key, "names * beside other resources: all of them")
    machines = [one for one in resources if one.endswith((":instance/*", ":secret:*"))]
    if machines and not statement.get("Condition"):
        yield _fault(key, f"allows {', '.join(actions)} on {', '.join(machines)}: name a tag in its Condition")
    if "kms:Decrypt" in actions and "kms:ViaService" not in str(statement.get("Condition")):
        yield _fault(key, "allows kms:Decrypt for whatever a key encrypts: name kms:ViaService in its Condition")
    if "*" in resources and not TAGGED.search(str(statement.get("Condition"))):
        open_ones = [one for one in actions if not any(fnmatchcase(one, pattern) for pattern in FOR_ALL)]
        if open_ones and not whole:
            yield _fault(key, f"allows {', '.join(open_ones)} on every resource: name those that it is for")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
