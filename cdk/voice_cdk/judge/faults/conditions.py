"""Conditions of policies: on what is known of a request, for this account and region, and for whom they are meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import conditions, inline, listed, machines_of, of_document, statements
from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Json, Key

KNOWN = re.compile(
    r"aws:(SourceAccount|SourceArn|SourceOrgID|SourceOwner|SourceVpce?|SourceIp|SecureTransport|ResourceTag/.+|"
    r"RequestTag/.+|TagKeys|Principal\w+(/.+)?|Resource(Account|OrgID)|ViaAWSService|CalledVia\w*|RequestedRegion|"
    r"MultiFactorAuth\w+)|kms:\w+(:.+)?|ec2:\w+(/.+)?|iam:\w+|s3:[\w-]+|sns:\w+|sts:\w+|ssm:\w+|secretsmanager:\w+|"
    r"elasticloadbalancing:\w+(/.+)?|autoscaling:\w+(/.+)?|logs:\w+|ecr:\w+(/.+)?|eks:\w+(/.+)?|"
    r"cloudformation:\w+|SAML:\w+|[\w.-]+/id/\w+:(sub|aud)",
    re.IGNORECASE,
)
TAG = re.compile(r"(?:aws|ec2):ResourceTag/(.+)")
THEIRS = re.compile(r"[:/]")
"""In names of tags that AWS's own services write."""
VIA = re.compile(
    r"(secretsmanager|rds|ec2|ssm|sns|sqs|s3|logs|eks|lambda|dynamodb|autoscaling)\.([a-z0-9-]+)\.amazonaws\.com"
)
ACCOUNT = re.compile(r"\d{12}")
ARN = re.compile(r"arn:[^:]*:([^:]*):([^:]*):([^:]*):")
PRINCIPAL = re.compile(
    r"\*|\d{12}|id-.+|parameter-.+|arn:aws[a-z-]*:(iam::\d{12}:(root|(role|user)/.+)|sts::\d{12}:assumed-role/.+|"
    r"cloudfront::.+)|A[A-Z0-9]{15,}"
)
"""Accounts, roles and users (IAM user guide, "Principal")."""
DOCUMENTS = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
Place = tuple[Key, Json]


def check(context: Context) -> Iterator[Fault]:
    """Each statement of each policy, then tags by which a role's machine is meant."""
    found = list(_statements(context))
    accounts, regions = _own(found)
    tags = _tags(context)
    for key, statement in found:
        for name, values in _keys(statement):
            yield from _condition(context, key, name, values, tags)
        stack = context.resolver.assembly.stacks[key.stack]
        yield from _accounts(key, statement, {accounts, stack.account})
        yield from _principals(key, statement)
        for resource in listed(statement.get("Resource")):
            match = ARN.match(resource)
            if match and match[2] and regions and not _same(match[2], {regions, stack.region}):
                yield _fault(key, f"names {resource}, of another region than everything else ({regions})")
    yield from _machines(context)


def _statements(context: Context) -> Iterator[Place]:
    for key in context.resolver.keys:
        properties = context.resolver.properties(key)
        for document in [*(properties.get(name) for name in DOCUMENTS), *inline(properties)]:
            for statement in of_document(document):
                yield key, statement


def _keys(statement: Json) -> Iterator[tuple[str, list[str]]]:
    for one in conditions(statement).values():
        for name, values in one.items() if isinstance(one, dict) else ():
            if not unknown(values):
                yield str(name), listed(values)


def _own(found: list[Place]) -> tuple[str, str]:
    """The account and the region that most of what is written is of."""
    accounts, regions = Counter[str](), Counter[str]()
    for _, statement in found:
        for account in _named(statement):
            accounts[account] += 1
        for resource in listed(statement.get("Resource")):
            if (match := ARN.match(resource)) and match[2] not in {"", "*"}:
                regions[match[2]] += 1
    return (accounts.most_common(1) or [("", 0)])[0][0], (regions.most_common(1) or [("", 0)])[0][0]


def _named(statement: Json) -> Iterator[str]:
    """Accounts that a statement is about."""
    for name, values in _keys(statement):
        if name.lower() in {"aws:sourceaccount", "kms:calleraccount", "aws:resourceaccount"}:
            yield from values
        elif not name.lower().startswith("aws:principal"):
            yield from (match[3] for one in values if (match := ARN.match(one)) and match[3])
    for resource in listed(statement.get("Resource")):
        if (match := ARN.match(resource)) and match[3] not in {"", "*", "aws"}:
            yield match[3]
    principal = statement.get("Principal")
    if statement.get("Effect") == "Allow" and isinstance(principal, dict):
        for one in listed(principal.get("AWS")):
            if one.startswith("arn:") and (match := ARN.match(one)):
                yield match[3]


def _accounts(key: Key, statement: Json, own: set[str]) -> Iterator[Fault]:
    for account in dict.fromkeys(_named(statement)):
        if not ACCOUNT.fullmatch(account) and not any(sign in account for sign in "*?") and "parameter-" not in account:
            yield Fault(kind="refused", resource=str(key), reason=f"{account!r} is no account")
        elif not _same(account, own):
            others = " or ".join(sorted(own - {""}))
            yield _fault(key, f"is for the account {account}; everything else here is for {others}")


def _principals(key: Key, statement: Json) -> Iterator[Fault]:
    principal = statement.get("Principal")
    for one in listed(principal.get("AWS")) if isinstance(principal, dict) else ():
        if not unknown(one) and not PRINCIPAL.fullmatch(one):
            yield Fault(kind="refused", resource=str(key), reason=f"the principal {one!r} is nobody")


def _same(written: str, own: set[str]) -> bool:
    return written in own or any(sign in written for sign in "*?") or written.startswith("parameter-")


def _condition(context: Context, key: Key, name: str, values: list[str], tags: dict[str, set[str]]) -> Iterator[Fault]:
    if not all(values):
        yield Fault(kind="refused", resource=str(key), reason=f"its Condition wants {name} to be empty")
    if not KNOWN.fullmatch(name):
        yield _fault(key, f"its Condition asks {name}, which no request has: it never holds")
    if name.lower() == "kms:viaservice":
        region = context.resolver.assembly.stacks[key.stack].region
        for value in values:
            if VIA.fullmatch(value.replace("*", region)) is None:
                yield _fault(key, f"kms:ViaService {value!r} is no service: it never holds")
    tag = TAG.fullmatch(name)
    if tag and not THEIRS.search(tag[1]):
        for value in values:
            if "*" not in value and "${" not in value and value not in tags.get(tag[1], set()):
                yield _fault(key, f"its Condition wants the tag {tag[1]} to be {value!r}, and nothing here has it so")


def _tags(context: Context) -> dict[str, set[str]]:
    """Values of each tag that is written here, on whatever."""
    found: dict[str, set[str]] = {}

    def read(value: Json) -> None:
        if isinstance(value, dict):
            if value.keys() >= {"Key", "Value"}:
                found.setdefault(str(value["Key"]), set()).add(str(value["Value"]))
            for name, part in value.items():
                if name in {"Tags", "HostedZoneTags", "FileSystemTags"} and isinstance(part, dict):
                    for tag, written in part.items():
                        found.setdefault(str(tag), set()).add(str(written))
                elif name not in {"UserData", *DOCUMENTS}:
                    read(part)
        elif isinstance(value, list):
            for part in value:
                read(part)

    for key in context.resolver.keys:
        read(context.resolver.properties(key))
    return found


def _machines(context: Context) -> Iterator[Fault]:
    """What a role may do to its own machine is for the tags that this machine has."""
    groups = {key: context.resolver.properties(key) for key in context.resolver.of_type(
        "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance")}  # fmt: skip
    for role in context.resolver.of_type("AWS::IAM::Role"):
        machines = set(machines_of(context, role))
        mine = [key for key in groups if key in machines or machines & context.order.direct(key)]
        for key in mine:
            yield from _tagged(context, role, key)


def _tagged(context: Context, role: Key, machine: Key) -> Iterator[Fault]:
    own = context.tags(machine)
    for statement in statements(context, role):
        if not any(":instance/" in one for one in listed(statement.get("Resource"))):
            continue
        for name, values in _keys(statement):
            tag = TAG.fullmatch(name)
            if tag and tag[1] in own and own[tag[1]] not in values and not any("*" in one for one in values):
                told = ", ".join(values)
                yield _fault(
                    role, f"is for machines whose tag {tag[1]} is {told}; its own ({machine}) has {own[tag[1]]}"
                )


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
