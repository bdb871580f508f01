"""Alerting of one organisation in Grafana: what is there, and putting it right.

All of it goes through the provisioning API (Grafana 9.1 and later), without X-Disable-Provenance: Grafana then shows
it as managed from outside, and lets nobody edit it by hand. Raises Transient or Rejected, after which nothing that
`Held` says is certain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voiceprobe_operator import names
from voiceprobe_operator.alerting import Alerting
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.diff import diff, shows_with_each
from voiceprobe_operator.errors import OutsideError, Rejected
from voiceprobe_operator.grafana.api import Grafana

_PROVISIONING = "/api/v1/provisioning"
_RULES = f"{_PROVISIONING}/alert-rules"
_GROUP = f"{_PROVISIONING}/folder/{names.FOLDER_UID}/rule-groups/{names.ALERT_GROUP}"
_OLDEST_VERSION = (9, 1)


@dataclass(slots=True)
class Held:
    """What an organisation holds: rules of our group by uid, and the group's interval in seconds."""

    interval: int = 0
    rules: dict[str, Json] = field(default_factory=dict)


async def look(grafana: Grafana, org: int, version: tuple[int, ...]) -> Held:
    """What there is; raises Rejected if this version of Grafana has no API for it."""
    if version and version < _OLDEST_VERSION:
        number = ".".join(map(str, version))
        text = f"Grafana {number} cannot be given alert rules (9.1 and later can): there are no alerts"
        raise Rejected("GrafanaTooOld", text)
    group = await grafana.get(_GROUP, org=org)
    if group is None:
        return Held()
    return Held(group["interval"], {rule["uid"]: rule for rule in group["rules"]})


async def ensure(grafana: Grafana, org: int, want: Alerting, held: Held) -> list[str]:
    """Make Grafana hold what is wanted, and `held` say so; the uids of what was written and removed."""
    # Grafana adds fields of its own to a rule and to each of its queries.
    # Only what is ours by name: a rule that somebody else put into our group stays.
    ours = {
        uid: want.rules[uid] if uid in want.rules and shows_with_each(want.rules[uid], rule, "data") else {}
        for uid, rule in held.rules.items()
        if uid.startswith(names.ALERT_RULE_PREFIX)
    }
    change = diff(want.rules, ours)
    for uid, rule in change.put.items():
        await _put_rule(grafana, org, rule, is_there=uid in held.rules)
        held.rules[uid] = rule
    for uid in change.drop:
        await grafana.delete(f"{_RULES}/{uid}", org=org)
        del held.rules[uid]
    if held.interval != want.interval:
        await _put_interval(grafana, org, want.interval)
        held.interval = want.interval
    return [*change.put, *change.drop]


async def withdraw(grafana: Grafana, org: int, held: Held) -> None:
    """Remove our rules: a client that declares nothing any more has nothing to be judged."""
    for uid in [uid for uid in held.rules if uid.startswith(names.ALERT_RULE_PREFIX)]:
        await grafana.delete(f"{_RULES}/{uid}", org=org)
        del held.rules[uid]


async def _put_rule(grafana: Grafana, org: int, rule: Json, *, is_there: bool) -> None:
    if not is_there:
        try:
            await grafana.send("POST", _RULES, rule, org=org)
        except OutsideError:
            # Grafana answers 500 where the uid exists: somebody has moved the rule out of our group.
            if await grafana.get(f"{_RULES}/{rule['uid']}", org=org) is None:
                raise
        else:
            return
    await grafana.send("PUT", f"{_RULES}/{rule['uid']}", rule, org=org)


async def _put_interval(grafana: Grafana, org: int, seconds: int) -> None:
    group = await grafana.get(_GROUP, org=org)
    if group is not None:
        await grafana.send("PUT", _GROUP, {**group, "interval": seconds}, org=org)
