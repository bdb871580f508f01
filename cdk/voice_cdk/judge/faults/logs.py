"""Log groups: each written to, for no longer than somebody chose, under the name that its writer uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.order import references

GROUP, FLOW = "AWS::Logs::LogGroup", "AWS::EC2::FlowLog"
SERVICES = (
    (re.compile(r"/aws/rds/cluster/([^/]+)/(\w+)"), "AWS::RDS::DBCluster", "DBClusterIdentifier"),
    (re.compile(r"/aws/eks/([^/]+)/(\w+)"), "AWS::EKS::Cluster", "Name"),
)
"""Names under which services write, the type that does, and the property that is in the name."""
RIGHTS = frozenset({"AWS::IAM::Policy", "AWS::IAM::Role"})
EVERY_MINUTE = "60"


def check(context: Context) -> Iterator[Fault]:
    """Each log group, then flow logs."""
    for key in context.resolver.of_type(GROUP):
        properties = context.resolver.properties(key)
        if not str(properties.get("RetentionInDays", "")).isdigit():
            yield _fault(key, "RetentionInDays is left out: these logs are kept, and paid, for ever")
        yield from _writer(context, key, str(properties.get("LogGroupName", "")))
    for key in context.resolver.of_type(FLOW):
        yield from _flow_log(context, key)
    yield from _missing(context)


def _writer(context: Context, key: Key, name: str) -> Iterator[Fault]:
    for pattern, kind, own in SERVICES:
        if match := pattern.match(name):
            clusters = [context.resolver.properties(one) for one in context.resolver.of_type(kind)]
            writers = [one for one in clusters if str(one.get(own)) == match[1]]
            exported = [str(log) for one in writers for log in one.get("EnableCloudwatchLogsExports") or []]
            if not writers:
                yield _fault(key, f"nothing writes to {name}: no {kind.rsplit('::', 1)[-1]} is called {match[1]}")
            elif kind.endswith("DBCluster") and match[2] not in exported:
                yield _fault(key, f"nothing writes to {name}: the cluster does not export {match[2]}")
            return
    if not name.startswith("/aws/") and not _named(context, key):
        yield _fault(key, "nothing here writes to this log group")


def _missing(context: Context) -> Iterator[Fault]:
    """Where templates have a service's log group, they have all of it that this cluster writes."""
    names = {str(context.resolver.properties(key).get("LogGroupName", "")) for key in context.resolver.of_type(GROUP)}
    for key in context.resolver.of_type("AWS::RDS::DBCluster"):
        properties = context.resolver.properties(key)
        start = f"/aws/rds/cluster/{properties.get('DBClusterIdentifier')}/"
        for log in properties.get("EnableCloudwatchLogsExports") or []:
            if any(name.startswith(start) for name in names) and f"{start}{log}" not in names:
                yield _fault(key, f"exports {log}, and no log group is called {start}{log}: RDS makes one, for ever")


def _named(context: Context, key: Key) -> bool:
    """Whether anything but rights to write to it speaks of it, in its properties or an output."""
    stack = context.resolver.assembly.stacks[key.stack]
    others = [one for one in context.resolver.keys if one.stack == key.stack and one != key]
    speaking = [context.resolver.raw(o).get("Properties") for o in others if context.resolver.kind(o) not in RIGHTS]
    here = any(key.logical_id in references(raw) for raw in [*speaking, stack.template.get("Outputs", {})])
    identity = f"id-{key.stack}.{key.logical_id}"
    return here or any(
        identity in str(context.resolver.properties(one).get("LogDestination"))
        for one in context.resolver.of_type(FLOW)
    )


def _flow_log(context: Context, key: Key) -> Iterator[Fault]:
    properties = context.resolver.properties(key)
    to_logs = properties.get("LogDestinationType", "cloud-watch-logs") == "cloud-watch-logs"
    if to_logs and not properties.get("DeliverLogsPermissionArn"):
        yield Fault(kind="refused", resource=str(key), reason="writes to CloudWatch without a role to do so")
    transit = str(properties.get("ResourceType")).startswith("TransitGateway")
    if transit and str(properties.get("MaxAggregationInterval", EVERY_MINUTE)) != EVERY_MINUTE:
        yield Fault(kind="refused", resource=str(key), reason="of a transit gateway, MaxAggregationInterval is 60")
    if transit and "MaxAggregationInterval" not in properties:
        yield Fault(
            kind="refused", resource=str(key), reason="of a transit gateway, AWS wants MaxAggregationInterval 60"
        )


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="log", resource=str(key), reason=reason)
