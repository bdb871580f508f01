"""Aurora: a version that somebody chose, a database in it, logs of who did what, instances in two zones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed
from voice_cdk.judge.keys import Fault, Json, Key

CLUSTER, INSTANCE, SETTINGS = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::RDS::DBClusterParameterGroup"
VERSION = {
    "aurora-mysql": re.compile(r"8\.0\.mysql_aurora\.\d+\.\d+\.\d+"),
    "aurora-postgresql": re.compile(r"\d+\.\d+"),
}
FAMILY = {"aurora-mysql": re.compile(r"aurora-mysql8\.\d"), "aurora-postgresql": re.compile(r"aurora-postgresql\d+")}
CLASS = re.compile(r"db\.(serverless|[a-z0-9]+\.[a-z0-9]+)")
LOGS = {"audit": "server_audit_logging", "slowquery": "slow_query_log"}
"""Logs of Aurora MySQL, and the parameter that makes each be written."""
ALIKE = (
    "AutoMinorVersionUpgrade", "CACertificateIdentifier", "DBInstanceClass", "DBParameterGroupName",
    "EnablePerformanceInsights", "MonitoringInterval", "PerformanceInsightsKMSKeyId", "PubliclyAccessible",
)  # fmt: skip
"""Properties of which instances of one cluster differ in none."""
ON = frozenset({"1", "ON", "TRUE"})


def check(context: Context) -> Iterator[Fault]:
    """Each cluster with its instances and settings."""
    for key in context.resolver.of_type(CLUSTER):
        properties = context.resolver.properties(key)
        yield from _cluster(key, properties)
        name = str(properties.get("DBClusterParameterGroupName"))
        owner = context.resolver.owners.get(name)
        if owner and context.resolver.kind(owner) == SETTINGS:
            yield from _settings(context, key, owner, properties)
        yield from _instances(context, key)


def _cluster(key: Key, properties: Json) -> Iterator[Fault]:
    engine, version = str(properties.get("Engine")), properties.get("EngineVersion")
    if version is None:
        yield _fault(key, "EngineVersion is left out: each deployment could bring another one")
    elif engine in VERSION and not VERSION[engine].fullmatch(str(version)):
        yield Fault(kind="refused", resource=str(key), reason=f"{version} is no version of {engine}")
    if not properties.get("DatabaseName") and not properties.get("SnapshotIdentifier"):
        yield _fault(key, "DatabaseName is left out: there would be no database in it")


def _settings(context: Context, key: Key, owner: Key, properties: Json) -> Iterator[Fault]:
    given, engine = context.resolver.properties(owner), str(properties.get("Engine"))
    if engine in FAMILY and not FAMILY[engine].fullmatch(str(given.get("Family"))):
        yield Fault(kind="refused", resource=str(owner), reason=f"{given.get('Family')} is no family of {engine}")
    parameters = given.get("Parameters")
    values: dict[str, Json] = parameters if isinstance(parameters, dict) else {}
    exported = properties.get("EnableCloudwatchLogsExports") or []
    if engine != "aurora-mysql" or not isinstance(exported, list):
        return
    if not exported:
        yield _fault(key, "exports no logs (EnableCloudwatchLogsExports): who did what would not be known")
    for log, parameter in LOGS.items():
        on = str(values.get(parameter, "0")).upper() in ON
        if on != (log in exported):
            there = "exported" if log in exported else "not exported"
            yield _fault(key, f"{parameter} is {'on' if on else 'off'}, and the log {log} is {there}: both, or neither")
    if "audit" in exported and "CONNECT" not in str(values.get("server_audit_events")):
        yield _fault(owner, "server_audit_events has no CONNECT: who logs in would not be recorded")


def _instances(context: Context, key: Key) -> Iterator[Fault]:
    own, cluster = f"id-{key.stack}.{key.logical_id}", context.resolver.properties(key)
    found = {one: context.resolver.properties(one) for one in context.resolver.of_type(INSTANCE)}
    mine = {one: given for one, given in found.items() if given.get("DBClusterIdentifier") == own}
    named = [one for one, given in mine.items() if given.get("AvailabilityZone")]
    for one, given in mine.items():
        if not CLASS.fullmatch(str(given.get("DBInstanceClass"))):
            reason = f"{given.get('DBInstanceClass')} is no class of instances"
            yield Fault(kind="refused", resource=str(one), reason=reason)
        if named and one not in named:
            yield _fault(one, f"names no AvailabilityZone, as {named[0]} does: both could stand in one")
        if str(given.get("AutoMinorVersionUpgrade", True)).lower() != "false" and cluster.get("EngineVersion"):
            yield _fault(one, "AutoMinorVersionUpgrade is on: the version would be another than EngineVersion says")
    zones = _zones(context, cluster)
    for one in named if zones else ():
        if (zone := str(mine[one]["AvailabilityZone"])) not in zones:
            yield Fault(kind="zone", resource=str(one), reason=f"is in {zone}, where its DBSubnetGroup has no subnet")
    yield from _alike(mine)


def _zones(context: Context, cluster: Mapping[str, Json]) -> set[str]:
    """Zones in which a cluster's subnets are, so far as these templates say."""
    group = context.resolver.owners.get(str(cluster.get("DBSubnetGroupName")))
    subnets = context.resolver.property(group, "SubnetIds") if group else None
    found = [context.model.subnets.get(one) for one in listed(subnets)]
    return {subnet.zone for subnet in found if subnet} if all(found) else set()


def _alike(mine: Mapping[Key, Mapping[str, Json]]) -> Iterator[Fault]:
    """Any instance may become the writer: all are set up alike."""
    for name in ALIKE:
        values = {one: str(given.get(name)) for one, given in mine.items()}
        if len(set(values.values())) > 1:
            yield _fault(max(values), f"{name} is {values[max(values)]}, and {values[min(values)]} in {min(values)}")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="database", resource=str(key), reason=reason)
