"""The alarms of a platform: what each says, and what is to be done about it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voice_cdk.documenting.tables import table
from voice_cdk.judge.keys import Json
from voice_cdk.judge.templates import Assembly

WHAT_TO_DO = {
    "CPUUtilization": "Performance Insights shows which statement; if it is all of them, raise `max_capacity`",
    "ACUUtilization": "Raise `max_capacity`, and deploy: nothing starts anew",
    "DatabaseConnections": "`SELECT user, count(*) FROM information_schema.processlist GROUP BY user`; "
    "[what bounds a viewer's](operator.md#what-a-viewers-sql-may-take)",
    "AuroraReplicaLag": "With the reader gone, a failure of the writer takes minutes: look at its events in RDS",
    "HTTPCode_ELB_5XX_Count": "No pod takes requests, or none answers in time: as for `HealthyHostCount`",
    "HTTPCode_Target_5XX_Count": "`kubectl -n voice-quality logs` of the portal; 503 is the database that is away",
    "UnHealthyHostCount": "`kubectl -n voice-quality describe pod`; the others serve meanwhile",
    "HealthyHostCount": "Are there nodes, does the image come, did a migration fail? If pods are well: "
    "`kubectl -n voice-quality describe targetgroupbinding`, and the log of the AWS Load Balancer Controller",
    "GroupInServiceInstances": "The group's activities say why: no capacity in the zone, or it fails when it starts. "
    "Of a NAT64 host the other one has taken over; a SIP host's calls are not made",
    "ErrorPortAllocation": "Flow logs say who connects so often: 55,000 connections to one address are the limit",
}
"""By metric; the tests see to it that every alarm has a line."""
_WORDS = {
    "GreaterThanThreshold": "above", "GreaterThanOrEqualToThreshold": "from", "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "down to",
}  # fmt: skip


class UnknownAlarmError(LookupError):
    """An alarm for which it is not written what to do; the text names its metric."""


def alarms(assembly: Assembly) -> str:
    """A row for each metric that there is an alarm on.

    Raises:
        UnknownAlarmError: of one nothing is known.
    """
    found: dict[str, list[Json]] = {}
    for _, resource in assembly.resources():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "MetricName" in resource["Properties"]:
            found.setdefault(resource["Properties"]["MetricName"], []).append(resource["Properties"])
    if missing := sorted(set(found) - set(WHAT_TO_DO)):
        raise UnknownAlarmError(
            f"cdk/voice_cdk/documenting/alarms.py does not say what to do about {', '.join(missing)}"
        )
    rows = [
        [f"`{metric}`", _meaning(same), _when(same[0]), str(len(same)), WHAT_TO_DO[metric]]
        for metric, same in sorted(found.items())
    ]
    return table(["metric", "what it says", "when", "alarms", "what to do"], rows)


def _meaning(same: Iterable[Json]) -> str:
    """The first part of the description; what is different from one resource to the other is left out."""
    texts = list(dict.fromkeys(re.sub(r"\. What to do: .*", "", str(one["AlarmDescription"])) for one in same))
    if len(texts) == 1:
        return texts[0]
    words = [text.split() for text in texts]
    return " ".join(parts[0] if len(set(parts)) == 1 else "…" for parts in zip(*words, strict=False))


def _when(alarm: Json) -> str:
    minutes = alarm["EvaluationPeriods"] * alarm["Period"] // 60
    return f"{_WORDS[alarm['ComparisonOperator']]} {alarm['Threshold']:g} for {minutes} min"
