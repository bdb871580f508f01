"""Keys of KMS: usable by those that work with them, kept as long as what they encrypt, turned over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed, of_document
from voice_cdk.judge.keys import Fault, Json, Key

KEY = "AWS::KMS::Key"
NAMES = frozenset({"KmsKeyId", "KmsMasterKeyId", "KMSKeyId", "PerformanceInsightsKMSKeyId", "KeyArn", "KMSMasterKeyID"})
"""Properties that name a key."""
KEEPING = ("DeletionPolicy", "UpdateReplacePolicy")
KEPT = frozenset({"Retain", "Snapshot", "RetainExceptOnCreate"})
ENCRYPTED: tuple[tuple[str, str, str], ...] = (
    ("AWS::RDS::DBCluster", "KmsKeyId", "records"),
    ("AWS::SecretsManager::Secret", "KmsKeyId", "a secret"),
    ("AWS::SNS::Topic", "KmsMasterKeyId", "what alarms say"),
    ("AWS::Logs::LogGroup", "KmsKeyId", "logs"),
    ("AWS::EKS::Cluster", "EncryptionConfig", "secrets of Kubernetes"),
    ("AWS::RDS::DBCluster", "MasterUserSecret", "the master's password"),
)
"""Types that a platform with keys of its own encrypts with one of them."""
OURS = re.compile(r"CallerAccount|PrincipalAccount|PrincipalOrg|SourceAccount")
USE = {
    "logs": (
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:DescribeKey",
    ),
    "cloudwatch": ("kms:Decrypt", "kms:GenerateDataKey"),
}
"""What services ask of a key (CloudWatch Logs user guide, "Encrypt log data"; SNS, "Key management")."""
PRECIOUS = frozenset({"AWS::SecretsManager::Secret", "AWS::EKS::Cluster", "AWS::RDS::DBCluster"})
"""Types that may be brought back, or come in copies, after they were deleted."""

ACTIONS = frozenset(f"kms:{name}" for name in (
    "CancelKeyDeletion", "CreateAlias", "CreateGrant", "CreateKey", "Decrypt", "DeleteAlias", "DeriveSharedSecret",
    "DescribeKey", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "Encrypt", "GenerateDataKey",
    "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GenerateMac",
    "GenerateRandom", "GetKeyPolicy", "GetKeyRotationStatus", "GetParametersForImport", "GetPublicKey",
    "ImportKeyMaterial", "ListAliases", "ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListKeys",
    "ListResourceTags", "ListRetirableGrants", "PutKeyPolicy", "ReEncryptFrom", "ReEncryptTo", "ReplicateKey",
    "RetireGrant", "RevokeGrant", "RotateKeyOnDemand", "ScheduleKeyDeletion", "Sign", "TagResource", "UntagResource",
    "UpdateAlias", "UpdateKeyDescription", "UpdatePrimaryRegion", "Verify", "VerifyMac",
))  # fmt: skip
"""Service Authorization Reference, "Actions defined by AWS Key Management Service"."""


BY_SERVICES = frozenset({"AWS::Logs::LogGroup", "AWS::SNS::Topic"})
"""Types whose keys let a service in, which a key for other things does not."""


def check(context: Context) -> Iterator[Fault]:
    """Each key, and what should have one."""
    keys = context.resolver.of_type(KEY)
    for key in keys:
        yield from _key(context, key)
    yield from _foreign(context, set(keys))
    for kind, name, what in ENCRYPTED if keys else ():
        for key in context.resolver.of_type(kind):
            yield from _encrypted(context, key, name, what)


def _foreign(context: Context, keys: set[Key]) -> Iterator[Fault]:
    """Where a stack has a key, what it encrypts is encrypted with it: keys of other stacks go when these go."""
    at_home = {key.stack for key in keys}
    for user in context.resolver.keys:
        if context.resolver.kind(user) in BY_SERVICES:
            continue
        for name in sorted({*_named(context.resolver.properties(user))}):
            owner = context.resolver.owners.get(name.removesuffix(".Arn"))
            if owner in keys and owner and user.stack in at_home and owner.stack != user.stack:
                yield _fault(user, f"is encrypted with {owner}, though its own stack has a key")


def _encrypted(context: Context, key: Key, name: str, what: str) -> Iterator[Fault]:
    value = context.resolver.properties(key).get(name)
    if value is None:
        yield _fault(key, f"{name} is left out: {what} would be encrypted by a key of AWS's that nobody here rules")
    found = list(_named(value if isinstance(value, list | dict) else {name: value}))
    if value is not None and not found:
        yield _fault(key, f"{name} names no key: {what} would be encrypted by a key of AWS's, or not at all")
    for named in found:
        owner = context.resolver.owners.get(named.removesuffix(".Arn"))
        if owner and context.resolver.kind(owner) != KEY:
            yield Fault(kind="refused", resource=str(key), reason=f"{name} names {owner}, which is no key")


def _named(value: Json) -> Iterator[str]:
    """Keys that properties name, at any depth."""
    if isinstance(value, list):
        for part in value:
            yield from _named(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name in NAMES and isinstance(part, str):
                yield part
            else:
                yield from _named(part)


def _key(context: Context, key: Key) -> Iterator[Fault]:
    properties, raw = context.resolver.properties(key), context.resolver.raw(key)
    if str(properties.get("EnableKeyRotation")).lower() != "true" and "SIGN" not in str(properties.get("KeyUsage")):
        yield _fault(key, "EnableKeyRotation is off: one key would be used for ever")
    if str(properties.get("Enabled", True)).lower() == "false":
        yield _fault(key, "is not enabled: nothing can be read that it encrypts")
    policy = list(of_document(properties.get("KeyPolicy")))
    if "KeyPolicy" in properties and not any(_ruled(statement) for statement in policy):
        yield Fault(kind="refused", resource=str(key), reason="its KeyPolicy lets nobody rule it (kms:*)")
    for statement in policy:
        yield from _statement(key, statement)
    own = {f"id-{key.stack}.{key.logical_id}.Arn", f"id-{key.stack}.{key.logical_id}"}
    users = [user for user in context.resolver.keys if own & {*_named(context.resolver.properties(user))}]
    for user in users:
        policies = {str(context.resolver.raw(user).get(name)) for name in KEEPING}
        kept = bool(KEPT & policies) or context.resolver.kind(user) in PRECIOUS
        for name in KEEPING if kept else ():
            if str(raw.get(name, "Delete")) not in KEPT:
                yield _fault(key, f"{name} is not Retain, and what {user} holds can't be read again without it")
    yield from _services(context, key, users, policy)


def _statement(key: Key, statement: Json) -> Iterator[Fault]:
    principal, condition = statement.get("Principal"), statement.get("Condition")
    condition = condition if isinstance(condition, dict) else {}
    allows = statement.get("Effect") == "Allow"
    if not statement.get("Resource") or not statement.get("Action") or not principal:
        yield Fault(kind="refused", resource=str(key), reason="a statement lacks its Principal, Action or Resource")
    if any(isinstance(one, dict) and not one for one in condition.values()):
        yield Fault(kind="refused", resource=str(key), reason="a statement's Condition has an operator without keys")
    if not {"*", f"id-{key.stack}.{key.logical_id}.Arn"} & {*listed(statement.get("Resource")), *_not(statement)}:
        yield _fault(key, "a statement of its KeyPolicy is about another Resource than *, which is this key")
    for action in listed(statement.get("Action")):
        if action == "*" or (action == "kms:*" and allows and not _ruled(statement)):
            yield _fault(key, f"its KeyPolicy allows {action}: name the actions")
        if not any(fnmatchcase(one, action) for one in ACTIONS):
            yield Fault(kind="refused", resource=str(key), reason=f"{action} is no action of KMS")
    if not allows and "Bool" not in condition:
        yield _fault(key, "its KeyPolicy denies what somebody here could need, even to its own account")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    if allows and services and not any(condition.values()):
        told = ", ".join(services)
        yield _fault(key, f"its KeyPolicy lets {told} use it for any account: name whose in its Condition")
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))
    if allows and everybody and not OURS.search(str(condition)):
        yield _fault(key, "its KeyPolicy lets everybody use it")


def _not(statement: Json) -> list[str]:
    """Of a statement that names no Resource, which is told elsewhere."""
    return [] if statement.get("Resource") else ["*"]


def _ruled(statement: Json) -> bool:
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, dict) else []
    root = any(one.endswith(":root") or one.isdigit() for one in named)
    whole = "kms:*" in listed(statement.get("Action")) and not statement.get("Condition")
    return bool(statement.get("Effect") == "Allow" and root and whole)


def _services(context: Context, key: Key, users: list[Key], policy: list[Json]) -> Iterator[Fault]:
    """Services that encrypt for nobody's account are named by the key itself."""
    region = context.resolver.assembly.stacks[key.stack].region
    for user in users:
        kind = context.resolver.kind(user)
        service = {
            "AWS::Logs::LogGroup": f"logs.{region}.amazonaws.com", "AWS::SNS::Topic": "cloudwatch.amazonaws.com",
        }.get(kind, "")  # fmt: skip
        if kind == "AWS::SNS::Topic" and not context.resolver.of_type("AWS::CloudWatch::Alarm"):
            continue
        wanted = USE.get(service.split(".", maxsplit=1)[0], ())
        missing = [action for action in wanted if not any(_lets(one, service, action) for one in policy)]
        if missing:
            yield _fault(key, f"does not let {service} {', '.join(missing)}, which {user} needs")


def _lets(statement: Json, service: str, action: str) -> bool:
    principal = statement.get("Principal")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    acts = any(fnmatchcase(action, one) for one in listed(statement.get("Action")))
    return statement.get("Effect") == "Allow" and service in services and acts


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="encryption", resource=str(key), reason=reason)
