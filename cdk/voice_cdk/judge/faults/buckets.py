"""Buckets: nobody's but ours, encrypted, emptied in time; and logs of load balancers that reach theirs."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed, of_document
from voice_cdk.judge.keys import Fault, Json, Key

BUCKET, POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"
ENABLED, NAMED = "access_logs.s3.enabled", "access_logs.s3.bucket"


def check(context: Context) -> Iterator[Fault]:
    """Each bucket, then each load balancer."""
    for key in context.resolver.of_type(BUCKET):
        yield from _bucket(key, context.resolver.properties(key))
    for key in context.resolver.of_type(BALANCER):
        yield from _logs(context, key)


def _bucket(key: Key, properties: Json) -> Iterator[Fault]:
    closed = properties.get("PublicAccessBlockConfiguration")
    given = closed if isinstance(closed, dict) else {}
    for name in CLOSED:
        if str(given.get(name)).lower() != "true":
            yield _fault(key, f"PublicAccessBlockConfiguration.{name} is not true: a slip could open it to everybody")
    if "SSEAlgorithm" not in str(properties.get("BucketEncryption")):
        yield _fault(key, "says nothing of its encryption (BucketEncryption)")
    ownership = str(properties.get("OwnershipControls", "BucketOwnerEnforced"))
    if "ObjectOwnership" in ownership and "BucketOwnerEnforced" not in ownership:
        yield _fault(key, "ObjectOwnership is not BucketOwnerEnforced: access lists of objects would count")
    lifecycle = properties.get("LifecycleConfiguration")
    rules = [one for one in (lifecycle or {}).get("Rules") or [] if isinstance(one, dict)] if isinstance(
        lifecycle, dict) else []  # fmt: skip
    if not any(one.get("Status") == "Enabled" and "ExpirationInDays" in one for one in rules):
        yield _fault(key, "nothing in it ever expires (LifecycleConfiguration)")
    versions = properties.get("VersioningConfiguration")
    if isinstance(versions, dict) and str(versions.get("Status")) not in {"Enabled", "Suspended"}:
        yield Fault(kind="refused", resource=str(key), reason="VersioningConfiguration has no Status")


def _logs(context: Context, key: Key) -> Iterator[Fault]:
    """Access logs go to a bucket that lets them in, and is there before the load balancer is."""
    attributes = [one for one in context.resolver.properties(key).get("LoadBalancerAttributes") or []
                  if isinstance(one, dict)]  # fmt: skip
    given = {str(one.get("Key")): str(one.get("Value")) for one in attributes}
    bucket = context.resolver.owners.get(given.get(NAMED, ""))
    if (given.get(ENABLED, "false").lower() == "true") != (NAMED in given):
        yield _fault(key, f"{ENABLED} and {NAMED} go together: its access logs go nowhere")
    if bucket is None:
        return
    if context.resolver.kind(bucket) != BUCKET:
        yield Fault(kind="refused", resource=str(key), reason=f"{NAMED} is {bucket}, which is no bucket")
        return
    name = f"id-{bucket.stack}.{bucket.logical_id}"
    policies = [one for one in context.resolver.of_type(POLICY)
                if context.resolver.properties(one).get("Bucket") == name]  # fmt: skip
    if not any(_lets_in(context, one, name) for one in policies):
        yield _fault(bucket, f"lets no access logs of {key} in: {DELIVERY} needs s3:PutObject")
    elif not any(context.order.waits(key, one) for one in policies):
        reason = f"writes its access logs to {bucket}, and does not wait for {policies[0]}: add it to DependsOn"
        yield Fault(kind="race", resource=str(key), reason=reason)


def _lets_in(context: Context, policy: Key, bucket: str) -> bool:
    for statement in of_document(context.resolver.properties(policy).get("PolicyDocument")):
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, dict) else []
        resources = any(one.startswith(f"{bucket}.Arn/") for one in listed(statement.get("Resource")))
        put = "s3:PutObject" in listed(statement.get("Action"))
        if statement.get("Effect") == "Allow" and DELIVERY in services and put and resources:
            return True
    return False


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="bucket", resource=str(key), reason=reason)
