"""How many of something there are, and how much it may take: none is nothing."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Json, Key

GROUP, NODES, DATABASE = "AWS::AutoScaling::AutoScalingGroup", "AWS::EKS::Nodegroup", "AWS::RDS::DBCluster"
ZONES = 2
BACKUP_DAYS = range(1, 36)
"""Days that Aurora keeps backups, as AWS takes them."""
CAPACITY = 256.0
"""Aurora capacity units of Serverless v2 at most."""


def check(context: Context) -> Iterator[Fault]:
    """Groups of machines, nodes, databases."""
    for key in context.resolver.of_type(GROUP):
        yield from _group(key, context.resolver.properties(key))
        yield from _rolling(context, key)
    for key in context.resolver.of_type(NODES):
        yield from _nodes(key, context.resolver.properties(key))
    for key in context.resolver.of_type(DATABASE):
        yield from _database(context, key)


def number(value: Json) -> float | None:
    """A number, also one that is written as text."""
    try:
        return float(str(value))
    except ValueError:
        return None


def _group(key: Key, properties: Json) -> Iterator[Fault]:
    least, most = number(properties.get("MinSize")), number(properties.get("MaxSize"))
    wanted = number(properties.get("DesiredCapacity", least))
    if least is not None and most is not None and wanted is not None:
        yield from _order(key, least, wanted, most)
        if least < 1:
            yield _fault(key, "MinSize is 0: nothing starts it again when it is gone")


def _rolling(context: Context, key: Key) -> Iterator[Fault]:
    """What has one address is one machine; while it is replaced there may be none."""
    raw, properties = context.resolver.raw(key), context.resolver.properties(key)
    most = number(properties.get("MaxSize"))
    wanted = number(properties.get("DesiredCapacity", properties.get("MinSize")))
    fixed = [member for member in context.model.members if key in member.machines and member.fixed and not member.spare]
    if most is not None and most > 1 and fixed:
        yield _fault(key, f"MaxSize is {most:.0f}, and one machine alone can have its interface ({fixed[0].key})")
    least = number(_inside(raw, "UpdatePolicy", "AutoScalingRollingUpdate", "MinInstancesInService"))
    if least is not None and most is not None and least >= most:
        reason = f"MinInstancesInService is {least:.0f} of {most:.0f} at most (MaxSize): CloudFormation wants fewer"
        yield Fault(kind="refused", resource=str(key), reason=reason)
    signals = number(_inside(raw, "CreationPolicy", "ResourceSignal", "Count"))
    if signals is not None and wanted is not None and signals > wanted:
        reason = f"waits for {signals:.0f} signals, and {wanted:.0f} machines give one each: it would fail"
        yield Fault(kind="signal", resource=str(key), reason=reason)


def _inside(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _nodes(key: Key, properties: Json) -> Iterator[Fault]:
    sizes = properties.get("ScalingConfig") if isinstance(properties.get("ScalingConfig"), dict) else {}
    least, most = number(sizes.get("MinSize", 1)), number(sizes.get("MaxSize", 2))
    wanted = number(sizes.get("DesiredSize", 2))
    if least is not None and most is not None and wanted is not None:
        yield from _order(key, least, wanted, most)
        if least < ZONES:
            yield _fault(key, f"MinSize is {least:.0f}: with fewer than {ZONES} nodes one zone has none")


def _order(key: Key, least: float, wanted: float, most: float) -> Iterator[Fault]:
    if not least <= wanted <= most:
        reason = f"{wanted:.0f} are wanted, of {least:.0f} at least and {most:.0f} at most"
        yield Fault(kind="refused", resource=str(key), reason=reason)


def _database(context: Context, key: Key) -> Iterator[Fault]:
    properties = context.resolver.properties(key)
    days = number(properties.get("BackupRetentionPeriod", 1))
    if "BackupRetentionPeriod" not in properties:
        yield _fault(key, "BackupRetentionPeriod is left out: backups would be gone after a day")
    elif days is not None and days not in BACKUP_DAYS:
        yield _fault(key, f"backups are kept {days:.0f} days; {BACKUP_DAYS[0]} to {BACKUP_DAYS[-1]} is what AWS takes")
    own = f"id-{key.stack}.{key.logical_id}"
    instances = [context.resolver.properties(one) for one in context.resolver.of_type("AWS::RDS::DBInstance")]
    mine = [one for one in instances if one.get("DBClusterIdentifier") == own]
    serverless = any(one.get("DBInstanceClass") == "db.serverless" for one in mine)
    scaling = properties.get("ServerlessV2ScalingConfiguration")
    if serverless and not isinstance(scaling, dict):
        yield Fault(kind="refused", resource=str(key), reason="has no ServerlessV2ScalingConfiguration")
    elif isinstance(scaling, dict) and serverless:
        least, most = number(scaling.get("MinCapacity")), number(scaling.get("MaxCapacity"))
        if least is None or most is None or not 0 <= least <= most <= CAPACITY or most < 1:
            reason = f"its capacity is {least} to {most}; 0 to {CAPACITY:.0f} is what AWS takes, 1 at most or more"
            yield Fault(kind="refused", resource=str(key), reason=reason)
    for one in mine:
        if one.get("Engine") != properties.get("Engine"):
            reason = f"an instance's Engine is {one.get('Engine')}, the cluster's {properties.get('Engine')}"
            yield Fault(kind="refused", resource=str(key), reason=reason)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="size", resource=str(key), reason=reason)
