"""Alarms: of a metric that there is, of something that stands here, told to somebody who hears it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed
from voice_cdk.judge.keys import Fault, Json, Key

ALARM, TOPIC = "AWS::CloudWatch::Alarm", "AWS::SNS::Topic"


class Kind(NamedTuple):
    """Metrics of one namespace.

    Attributes:
        dimensions: sets of dimensions that metrics are kept by, each with the types of resources that it names.
        more: metrics of which too much is wrong.
        less: metrics of which too little is.
    """

    dimensions: tuple[Mapping[str, tuple[str, ...]], ...]
    more: frozenset[str]
    less: frozenset[str] = frozenset()


STEADY = frozenset({
    "CPUUtilization", "ACUUtilization", "DatabaseConnections", "AuroraReplicaLag", "AuroraReplicaLagMaximum",
})  # fmt: skip
"""Metrics that are there as long as what they are of is."""
OF_TARGETS = frozenset({"HealthyHostCount", "UnHealthyHostCount"})
"""Metrics that are kept for each target group alone."""
WANTED: dict[str, tuple[frozenset[str], ...]] = {
    "AWS::RDS::DBCluster": tuple(map(frozenset, (
        {"CPUUtilization"}, {"ACUUtilization", "FreeableMemory"}, {"AuroraReplicaLag", "AuroraReplicaLagMaximum"},
        {"DatabaseConnections"},
    ))),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": tuple(map(frozenset, (
        {"HTTPCode_ELB_5XX_Count"}, {"HTTPCode_Target_5XX_Count"},
    ))),
    "AWS::ElasticLoadBalancingV2::TargetGroup": tuple(map(frozenset, ({"UnHealthyHostCount"}, {"HealthyHostCount"}))),
}  # fmt: skip
"""Of what kinds of resources alarms are wanted, and of each set of metrics one."""
BALANCER = {"LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer",)}
KINDS = {
    "AWS/RDS": Kind(
        ({"DBClusterIdentifier": ("AWS::RDS::DBCluster",)}, {"DBInstanceIdentifier": ("AWS::RDS::DBInstance",),},
         {"DBClusterIdentifier": ("AWS::RDS::DBCluster",), "Role": ()}),
        frozenset({"CPUUtilization", "ACUUtilization", "DatabaseConnections", "AuroraReplicaLag",
                   "AuroraReplicaLagMaximum", "Deadlocks", "LoginFailures", "DiskQueueDepth", "SwapUsage",
                   "ReadLatency", "WriteLatency", "ServerlessDatabaseCapacity", "VolumeBytesUsed"}),
        frozenset({"FreeableMemory", "FreeLocalStorage", "EngineUptime"}),
    ),
    "AWS/ApplicationELB": Kind(
        (BALANCER, {**BALANCER, "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup",)}),
        frozenset({"HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "UnHealthyHostCount", "TargetResponseTime",
                   "RejectedConnectionCount", "TargetConnectionErrorCount", "HTTPCode_ELB_4XX_Count",
                   "HTTPCode_Target_4XX_Count", "TargetTLSNegotiationErrorCount", "ClientTLSNegotiationErrorCount"}),
        frozenset({"HealthyHostCount"}),
    ),
    "AWS/NATGateway": Kind(
        ({"NatGatewayId": ("AWS::EC2::NatGateway",)},),
        frozenset({"ErrorPortAllocation", "PacketsDropCount", "ActiveConnectionCount", "IdleTimeoutCount"}),
    ),
    "AWS/EC2": Kind(
        ({"InstanceId": ("AWS::EC2::Instance",)}, {"AutoScalingGroupName": ("AWS::AutoScaling::AutoScalingGroup",)}),
        frozenset({"StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System", "CPUUtilization",
                   "StatusCheckFailed_AttachedEBS"}),
        frozenset({"CPUCreditBalance"}),
    ),
    "AWS/AutoScaling": Kind(
        ({"AutoScalingGroupName": ("AWS::AutoScaling::AutoScalingGroup",)},),
        frozenset(), frozenset({"GroupInServiceInstances", "GroupTotalInstances"}),
    ),
}  # fmt: skip
"""Amazon CloudWatch's metrics of services, as their guides list them; namespaces of one's own are not looked into."""
PROTOCOLS = frozenset({
    "application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs",
})  # fmt: skip
NEEDED = ("ComparisonOperator", "EvaluationPeriods", "Threshold")


def check(context: Context) -> Iterator[Fault]:
    """Each alarm, and each topic that alarms are told to."""
    topics = set()
    for key in context.resolver.of_type(ALARM):
        properties = context.resolver.properties(key)
        for name in NEEDED:
            if name not in properties:
                yield Fault(kind="refused", resource=str(key), reason=f"has no {name}")
        actions = properties.get("AlarmActions")
        told = [context.resolver.owners.get(str(one)) for one in actions] if isinstance(actions, list) else []
        topics |= {topic for topic in told if topic}
        if not told or str(properties.get("ActionsEnabled")).lower() == "false":
            yield _fault(key, "tells nobody: name a topic in AlarmActions")
        for topic in told:
            if topic and context.resolver.kind(topic) not in {TOPIC, "AWS::AutoScaling::ScalingPolicy"}:
                yield _fault(key, f"tells {topic}, which is no topic")
        if "Metrics" not in properties:
            yield from _metric(context, key, properties)
    yield from _coverage(context)
    for topic in sorted(topics):
        if context.resolver.kind(topic) == TOPIC:
            yield from _topic(context, topic)


def _metric(context: Context, key: Key, properties: Json) -> Iterator[Fault]:
    namespace, name = str(properties.get("Namespace")), str(properties.get("MetricName"))
    kind = KINDS.get(namespace)
    if kind is None:
        if namespace.startswith("AWS/") or namespace == "None":
            yield _fault(key, f"Namespace {namespace} is none that is known here, so it may never say anything")
        return
    if name not in kind.more | kind.less:
        yield _fault(key, f"{namespace} has no metric {name} that is known here, so it would never say anything")
    if not properties.get("Statistic") and not properties.get("ExtendedStatistic"):
        yield Fault(kind="refused", resource=str(key), reason="has no Statistic")
    if not properties.get("Period"):
        yield Fault(kind="refused", resource=str(key), reason="has no Period")
    yield from _sense(key, properties, kind, name)
    yield from _dimensions(context, key, properties, kind)


def _sense(key: Key, properties: Json, kind: Kind, name: str) -> Iterator[Fault]:
    comparison = str(properties.get("ComparisonOperator"))
    if (name in kind.more and comparison.startswith("Less")) or (name in kind.less and comparison.startswith("Great")):
        yield _fault(key, f"{comparison} of {name}: it would ring while all is well, and not when it is wrong")
    if "TreatMissingData" not in properties:
        yield _fault(key, "TreatMissingData is left out: nobody said what it means that nothing is heard")
    if name in kind.less | STEADY and properties.get("TreatMissingData") != "breaching":
        yield _fault(key, f"TreatMissingData is not breaching: {name} is not there any more when all of it is gone")


def _dimensions(context: Context, key: Key, properties: Json, kind: Kind) -> Iterator[Fault]:
    given = {str(one.get("Name")): str(one.get("Value")) for one in properties.get("Dimensions") or []}
    if str(properties.get("MetricName")) in OF_TARGETS and "TargetGroup" not in given:
        yield _fault(key, "its dimensions name no TargetGroup, by which this metric is kept")
    right = next((one for one in kind.dimensions if one.keys() == given.keys()), None)
    if right is None:
        known = " or ".join("+".join(sorted(one)) for one in kind.dimensions)
        yield _fault(key, f"its dimensions are {'+'.join(sorted(given)) or 'none'}; metrics are kept by {known}")
        return
    for name, types in right.items():
        if not types:
            continue
        owner = _owner(context, given[name])
        if owner is None and not given[name].startswith("parameter-"):
            yield _fault(key, f"{name} {given[name]} is nothing of these templates")
        elif owner and context.resolver.kind(owner) not in types:
            yield _fault(key, f"{name} is {owner}, a {context.resolver.kind(owner)}; {types[0]} is wanted")


def _coverage(context: Context) -> Iterator[Fault]:
    """What one of a kind has an alarm of, each of that kind has; and some kinds have to have one."""
    of: dict[tuple[str, str], set[Key]] = {}
    for key in context.resolver.of_type(ALARM):
        properties = context.resolver.properties(key)
        for owner in [
            found for one in properties.get("Dimensions") or [] if (found := _owner(context, str(one.get("Value"))))
        ]:
            of.setdefault((context.resolver.kind(owner), str(properties.get("MetricName"))), set()).add(owner)
    for (kind, metric), covered in sorted(of.items()):
        for other in sorted(set(context.resolver.of_type(kind)) - covered):
            yield _fault(other, f"has no alarm of {metric}, as {sorted(covered)[0]} has")
    for kind, metrics in WANTED.items() if of else ():
        for some in metrics:
            covered = {one for metric in some for one in of.get((kind, metric), ())}
            for key in context.resolver.of_type(kind) if not covered else ():
                yield _fault(key, f"has no alarm of {' or '.join(sorted(some))}")
    yield from _collected(context, of)


def _collected(context: Context, of: dict[tuple[str, str], set[Key]]) -> Iterator[Fault]:
    """Groups of machines say how many they have only where they are asked to."""
    for (kind, metric), keys in of.items():
        for key in sorted(keys) if kind == "AWS::AutoScaling::AutoScalingGroup" and metric.startswith("Group") else ():
            collected = context.resolver.properties(key).get("MetricsCollection") or []
            some = [one for one in collected if isinstance(one, dict) and one.get("Granularity") == "1Minute"]
            if not any("Metrics" not in one or metric in listed(one["Metrics"]) for one in some):
                yield _fault(key, f"MetricsCollection has no {metric} for each minute, of which there is an alarm")


def _owner(context: Context, value: str) -> Key | None:
    """The resource that a name or attribute is of."""
    if value in context.resolver.owners:
        return context.resolver.owners[value]
    head, _, attribute = value.rpartition(".")
    return context.resolver.owners.get(head) if attribute in {"LoadBalancerFullName", "TargetGroupFullName"} else None


def _topic(context: Context, topic: Key) -> Iterator[Fault]:
    properties = context.resolver.properties(topic)
    name = f"id-{topic.stack}.{topic.logical_id}"
    others = [context.resolver.properties(one) for one in context.resolver.of_type("AWS::SNS::Subscription")]
    inline = [one for one in properties.get("Subscription") or [] if isinstance(one, dict)]
    heard = [*inline, *(one for one in others if one.get("TopicArn") == name)]
    if not heard:
        yield _fault(topic, "nobody is subscribed to this topic, which alarms are told to")
    for one in heard:
        if not one.get("Endpoint") or not one.get("Protocol"):
            yield _fault(topic, "a subscription has no Endpoint or no Protocol")
        elif str(one.get("Protocol")) not in PROTOCOLS:
            yield Fault(kind="refused", resource=str(topic), reason=f"{one.get('Protocol')} is no protocol of SNS")
        elif one.get("Protocol") == "email" and "@" not in str(one.get("Endpoint")):
            yield _fault(topic, f"{one.get('Endpoint')} is no address of mail")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="alarm", resource=str(key), reason=reason)
