"""Thresholds of alarms: reached by what is wrong, and not by what is right."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.sizes import number
from voice_cdk.judge.keys import Fault, Json, Key

PERCENT = frozenset({"CPUUtilization", "ACUUtilization"})
COUNTS = frozenset({
    "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "ErrorPortAllocation", "HTTPCode_ELB_4XX_Count",
    "HTTPCode_Target_4XX_Count", "RejectedConnectionCount", "PacketsDropCount",
})  # fmt: skip
"""Of these each event is one: only their sum is how many there were."""
GROUPS = frozenset({"GroupInServiceInstances", "GroupTotalInstances"})
DAY = 86_400
"""Seconds that an alarm looks back at most (CloudWatch API reference, "PutMetricAlarm")."""
LONG, TWO_KINDS = 3_600, 60
LATE = 3_600
"""Seconds after which an alarm of what should always stand would be told too late."""


def check(context: Context) -> Iterator[Fault]:
    """Each alarm of one metric."""
    for key in context.resolver.of_type("AWS::CloudWatch::Alarm"):
        properties = context.resolver.properties(key)
        if "MetricName" in properties:
            yield from _threshold(context, key, properties)
            yield from _statistic(key, properties)
            yield from _time(key, properties)


def _threshold(context: Context, key: Key, properties: Json) -> Iterator[Fault]:
    name, comparison = str(properties.get("MetricName")), str(properties.get("ComparisonOperator"))
    at, open_end = number(properties.get("Threshold")), "OrEqual" not in comparison
    if at is None:
        return
    if at < 0:
        yield _fault(key, f"Threshold {at:g}: {name} is never below 0")
    elif comparison.startswith("Less") and at == 0 and open_end:
        yield _fault(key, f"{comparison} 0: {name} is never below 0, so it would never ring")
    elif comparison.startswith("Greater") and at == 0 and not open_end:
        yield _fault(key, f"{comparison} 0: it would always ring")
    if name in PERCENT and comparison.startswith("Greater") and not 0 < at < 100:
        yield _fault(key, f"{comparison} {at:g} of a percentage: it would ring always, or never")
    if name == "DatabaseConnections" and comparison.startswith("Greater"):
        yield from _connections(context, key, properties, at)
    if name in GROUPS and comparison.startswith("Less"):
        yield from _machines(context, key, properties, at + (0 if open_end else 1))


def _connections(context: Context, key: Key, properties: Json, at: float) -> Iterator[Fault]:
    """Some connections are always there, and there are never more than the database takes."""
    if at < 1:
        yield _fault(key, "rings as soon as anybody is connected")
    for owner in _owners(context, properties):
        settings = context.resolver.owners.get(str(context.resolver.property(owner, "DBClusterParameterGroupName")))
        given = context.resolver.property(settings, "Parameters") if settings else None
        most = number(given.get("max_connections")) if isinstance(given, dict) else None
        if most is not None and at >= most:
            yield _fault(key, f"rings above {at:g} connections, and max_connections is {most:g}: it would never ring")


def _machines(context: Context, key: Key, properties: Json, below: float) -> Iterator[Fault]:
    for owner in _owners(context, properties):
        least = number(context.resolver.property(owner, "MinSize"))
        if least is not None and below > least:
            yield _fault(key, f"rings below {below:g} machines, and {owner} is well with {least:g}")


def _owners(context: Context, properties: Json) -> list[Key]:
    named = [str(one.get("Value")) for one in properties.get("Dimensions") or [] if isinstance(one, dict)]
    return [owner for one in named if (owner := context.resolver.owners.get(one))]


def _statistic(key: Key, properties: Json) -> Iterator[Fault]:
    name, statistic = str(properties.get("MetricName")), str(properties.get("Statistic", "Sum"))
    if name in COUNTS and statistic != "Sum":
        yield _fault(key, f"the {statistic} of {name}: each event is 1, only their Sum is how many there were")
    known = name in PERCENT | GROUPS or name.endswith("HostCount") or "Lag" in name or name == "DatabaseConnections"
    if known and properties.get("Statistic") and statistic in {"Sum", "SampleCount"}:
        yield _fault(key, f"the {statistic} of {name} grows with how often it is measured")


def _time(key: Key, properties: Json) -> Iterator[Fault]:
    period, times = number(properties.get("Period")), number(properties.get("EvaluationPeriods"))
    if period is None or times is None:
        return
    if period not in {10, 20, 30} and period % TWO_KINDS:
        reason = f"Period {period:g}: 10, 20, 30 or so many times 60 seconds is what AWS takes"
        yield Fault(kind="refused", resource=str(key), reason=reason)
    if period * times > (DAY if period < LONG else 7 * DAY):
        reason = f"looks back {period * times:g} seconds; a day is what AWS takes"
        yield Fault(kind="refused", resource=str(key), reason=reason)
    elif period * times > LATE:
        yield _fault(key, f"tells {period * times / 60:g} minutes after it began; an hour at most, or nobody can help")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="alarm", resource=str(key), reason=reason)
