"""Policies of buckets and topics: whole statements, for somebody, of the service that they are of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed, of_document
from voice_cdk.judge.keys import Fault, Json, Key

OF = {
    "AWS::S3::BucketPolicy": re.compile(r"s3:(\*|(Get|Put|List|Delete|Abort|Restore|Replicate)[A-Za-z]*\*?)"),
    "AWS::SNS::TopicPolicy": re.compile(r"sns:(\*|(Get|Set|List)[A-Za-z]*|Publish|Subscribe|(Add|Remove)Permission)"),
    "AWS::SQS::QueuePolicy": re.compile(r"sqs:(\*|(Get|Set|Send|Receive|Delete|Change)[A-Za-z]*)"),
}  # fmt: skip
"""Types, and actions that such policies are about."""
TLS = "aws:SecureTransport"
WHOLE = frozenset({"*", "s3:*", "sns:*", "sns:Publish", "sqs:*", "sqs:SendMessage"})
"""What is to be refused to who comes without TLS."""
PARTS = ("Effect", "Action", "Resource", "Principal")


def check(context: Context) -> Iterator[Fault]:
    """Each policy of these types, then topics and the services that publish to them."""
    for kind, actions in OF.items():
        for key in context.resolver.of_type(kind):
            document = list(of_document(context.resolver.properties(key).get("PolicyDocument")))
            if not document:
                yield Fault(kind="refused", resource=str(key), reason="its PolicyDocument has no statement")
            for statement in document:
                yield from _statement(key, statement, actions)
            if not any(_refuses_plain(statement) for statement in document):
                yield _fault(key, f"does not refuse who comes without TLS ({TLS})")
    for key in context.resolver.of_type("AWS::S3::BucketPolicy"):
        yield from _whole_bucket(context, key)
    yield from _topics(context)
    yield from _nothing_refused(context)


def _statement(key: Key, statement: Json, actions: re.Pattern[str]) -> Iterator[Fault]:
    missing = [part for part in PARTS if not statement.get(part) and f"Not{part}" not in statement]
    if missing or statement.get("Principal") in ({}, []):
        yield Fault(kind="refused", resource=str(key), reason=f"a statement has no {', '.join(missing) or 'Principal'}")
    condition = statement.get("Condition")
    condition = condition if isinstance(condition, dict) else {}
    if any(isinstance(one, dict) and not one for one in condition.values()):
        yield Fault(kind="refused", resource=str(key), reason="a statement's Condition has an operator without keys")
    for action in listed(statement.get("Action")):
        if not actions.fullmatch(action):
            yield Fault(kind="refused", resource=str(key), reason=f"{action} is no action that such a policy is about")
    if statement.get("Effect") == "Allow":
        yield from _allows(key, statement, condition)
    if "*" in listed(statement.get("Resource")):
        yield Fault(kind="refused", resource=str(key), reason="a statement's Resource is *, not what the policy is of")


def _allows(key: Key, statement: Json, condition: Json) -> Iterator[Fault]:
    principal = statement.get("Principal")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))
    if everybody and not condition:
        yield _fault(key, "lets everybody in")
    if services and not any(condition.values()):
        yield _fault(key, f"lets {', '.join(services)} in for any account: name whose in its Condition")
    whole = [action for action in listed(statement.get("Action")) if action.endswith(":*")]
    if whole:
        yield _fault(key, f"allows {', '.join(whole)}: name the actions")


def _refuses_plain(statement: Json) -> bool:
    bools = (statement.get("Condition") or {}).get("Bool") if isinstance(statement.get("Condition"), dict) else None
    plain = isinstance(bools, dict) and str(bools.get(TLS)).lower() == "false"
    principal, actions = statement.get("Principal"), listed(statement.get("Action"))
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))
    everything = any(action in WHOLE for action in actions)
    return bool(statement.get("Effect") == "Deny" and plain and everybody and everything)


def _whole_bucket(context: Context, key: Key) -> Iterator[Fault]:
    """Who comes without TLS is refused at the bucket and at all that is in it."""
    properties = context.resolver.properties(key)
    bucket = str(properties.get("Bucket"))
    document = of_document(properties.get("PolicyDocument"))
    refused = {one for statement in document if _refuses_plain(statement) for one in listed(statement.get("Resource"))}
    whole = {f"{bucket}.Arn", f"{bucket}.Arn/*"} if refused and bucket in context.resolver.owners else set()
    for missing in sorted(whole - refused):
        yield _fault(key, f"does not refuse who comes without TLS at {missing.removeprefix('id-')}")


def _nothing_refused(context: Context) -> Iterator[Fault]:
    """What is denied is denied to somebody in some case: denied to all, nobody comes in."""
    for kind in OF:
        for key in context.resolver.of_type(kind):
            for statement in of_document(context.resolver.properties(key).get("PolicyDocument")):
                if statement.get("Effect") == "Deny" and not _refuses_plain(statement) and not _to_some(statement):
                    yield _fault(key, "denies what somebody here needs")


def _to_some(statement: Json) -> bool:
    """Whether a denial names what it does not deny."""
    operators = statement.get("Condition") if isinstance(statement.get("Condition"), dict) else {}
    return any("Not" in operator for operator in operators)


def _topics(context: Context) -> Iterator[Fault]:
    """Once a topic has a policy, CloudWatch publishes by what it says alone."""
    policies = {key: context.resolver.properties(key) for key in context.resolver.of_type("AWS::SNS::TopicPolicy")}
    told = {str(one) for key in context.resolver.of_type("AWS::CloudWatch::Alarm")
            for one in context.resolver.properties(key).get("AlarmActions") or []}  # fmt: skip
    for topic in context.resolver.of_type("AWS::SNS::Topic"):
        name = f"id-{topic.stack}.{topic.logical_id}"
        mine = {key: one for key, one in policies.items() if name in listed(one.get("Topics"))}
        statements = [one for given in mine.values() for one in of_document(given.get("PolicyDocument"))]
        publishes = any(_publishes(one, name) for one in statements)
        if mine and name in told and not publishes:
            yield _fault(next(iter(mine)), "does not let cloudwatch.amazonaws.com publish, by which alarms are told")
    for key, given in policies.items():
        if not listed(given.get("Topics")):
            yield Fault(kind="refused", resource=str(key), reason="is of no topic (Topics)")


def _publishes(statement: Json, topic: str) -> bool:
    principal = statement.get("Principal")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    named = {"sns:Publish", "sns:*"} & {*listed(statement.get("Action"))}
    here = topic in listed(statement.get("Resource"))
    return bool(statement.get("Effect") == "Allow" and "cloudwatch.amazonaws.com" in services and named and here)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
