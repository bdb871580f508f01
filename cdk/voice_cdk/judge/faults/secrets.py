"""Secrets: made as their readers can take them, and readable by whoever is let at them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import grants, listed, of_document, statements
from voice_cdk.judge.keys import Fault, Json, Key

READ = "secretsmanager:GetSecretValue"
SHORTEST = 16
TROUBLE = frozenset("\"'\\@/;{}$`% ")
"""Characters with a meaning in shells, URLs and connection strings."""


def check(context: Context) -> Iterator[Fault]:
    """What makes each secret, then who reads it."""
    secrets = context.resolver.of_type("AWS::SecretsManager::Secret")
    for key in secrets:
        made = context.resolver.properties(key).get("GenerateSecretString")
        if isinstance(made, dict):
            yield from _made(key, made)
    yield from _alike(context, secrets)
    for role in context.resolver.of_type("AWS::IAM::Role"):
        if any(READ in listed(statement.get("Action")) for statement in statements(context, role)):
            for secret in secrets:
                if grants(context, role, READ, f"id-{secret.stack}.{secret.logical_id}"):
                    yield from _decrypts(context, role, secret)


def _made(key: Key, made: Json) -> Iterator[Fault]:
    template, name = made.get("SecretStringTemplate"), made.get("GenerateStringKey")
    if (template is None) != (name is None):
        yield Fault(kind="refused", resource=str(key), reason="SecretStringTemplate and GenerateStringKey go together")
    try:
        whole = json.loads(str(template)) if template is not None else {}
    except ValueError:
        whole = None
    if not isinstance(whole, dict):
        yield Fault(kind="refused", resource=str(key), reason="SecretStringTemplate is no object in JSON")
    length = str(made.get("PasswordLength", 32))
    if not length.isdigit() or int(length) < SHORTEST:
        yield _fault(key, f"PasswordLength {length}: {SHORTEST} at least")
    excluded = set(str(made.get("ExcludeCharacters", "")))
    if str(made.get("ExcludePunctuation")).lower() == "true":
        excluded |= TROUBLE - {" "}
    left = sorted(TROUBLE - excluded - ({" "} if str(made.get("IncludeSpace")).lower() != "true" else set()))
    if left:
        yield _fault(key, f"may hold {' '.join(left)}, which shells and URLs read otherwise: see ExcludeCharacters")


def _alike(context: Context, secrets: list[Key]) -> Iterator[Fault]:
    """Each account has a secret of its own, and all call what they made alike: readers look for it by that."""
    made = {key: context.resolver.properties(key).get("GenerateSecretString") for key in secrets}
    known = {key: one for key, one in made.items() if isinstance(one, dict) and one.get("GenerateStringKey")}
    names = Counter(str(one["GenerateStringKey"]) for one in known.values())
    usual = names.most_common(1)[0] if names else ("", 0)
    seen: dict[tuple[str, str], Key] = {}
    for key, one in known.items():
        name, template = str(one["GenerateStringKey"]), str(one.get("SecretStringTemplate"))
        if name != usual[0] and usual[1] * 2 > len(known):
            yield _fault(key, f"GenerateStringKey is {name}, and {usual[0]} in others: nobody looks for it there")
        first = seen.setdefault((key.stack, template), key)
        if first != key and "username" in template:
            yield _fault(key, f"is for the same account as {first}: {template}")


def _decrypts(context: Context, role: Key, secret: Key) -> Iterator[Fault]:
    """A secret that a key of ours encrypts is read by whom the key, or a policy on the key, lets decrypt."""
    name = str(context.resolver.properties(secret).get("KmsKeyId"))
    key = context.resolver.owners.get(name.removesuffix(".Arn"))
    if key is None or grants(context, role, "kms:Decrypt", name):
        return
    own = f"id-{role.stack}.{role.logical_id}.Arn"
    for statement in of_document(context.resolver.properties(key).get("KeyPolicy")):
        principal = statement.get("Principal")
        named = listed(principal.get("AWS")) if isinstance(principal, dict) else []
        if own in named and any(fnmatchcase("kms:Decrypt", one) for one in listed(statement.get("Action"))):
            return
    yield Fault(kind="permission", resource=str(role), reason=f"may not kms:Decrypt with {key}: it can't read {secret}")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="secret", resource=str(key), reason=reason)
