"""Statuses: conditions, health and the last call, as values. Nothing here does I/O."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from voiceprobe_operator import names
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.model import Reference
from voiceprobe_operator.panels import Json

ConditionType = Literal["Ready", "PlanPublished", "DatasourceReady", "DashboardsReady"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one piece of work ended."""

    ok: bool
    reason: str
    message: str

    @classmethod
    def failed(cls, error: OutsideError) -> Outcome:
        """The outcome of work that `error` ended."""
        return cls(False, error.reason, error.sentence)


PLAN_PUBLISHED = Outcome(True, "Published", "the SIP hosts can read this probe in the plan")
DATASOURCE_READY = Outcome(True, "Ready", "Grafana reads the client's calls with the client's own account")
DASHBOARDS_READY = Outcome(True, "Ready", "the dashboards are as declared")
WORK = ("PlanPublished", "DatasourceReady", "DashboardsReady")


def ready(outcomes: Sequence[Outcome]) -> Outcome:
    """The sum of `outcomes`: the first that failed, or that all is well."""
    for outcome in outcomes:
        if not outcome.ok:
            return outcome
    return Outcome(True, "Ready", "plan, datasource and dashboards are as declared")


def conditions(
    have: Mapping[str, Any], outcomes: Mapping[str, Outcome], generation: int, now: datetime.datetime
) -> list[Json]:
    """Ready and each of `outcomes` as conditions; `have` is the status so far, which knows when each last turned."""
    turned = {c["type"]: (c["status"], c["lastTransitionTime"]) for c in have.get("conditions", ())}
    result = []
    for kind, outcome in {"Ready": ready(list(outcomes.values())), **outcomes}.items():
        status = "True" if outcome.ok else "False"
        before, since = turned.get(kind, (None, None))
        result.append(
            {
                "type": kind,
                "status": status,
                "reason": outcome.reason,
                "message": outcome.message,
                "observedGeneration": generation,
                "lastTransitionTime": since if before == status else timestamp(now),
            }
        )
    return result


def grafana(ref: Reference, portal_url: str) -> Json:
    """Where the measurements of a probe, or of all probes of a client, are shown."""
    if ref.kind == "VoiceClient":
        return {"organisation": ref.namespace, "url": f"{portal_url}/grafana/d/{names.OVERVIEW_UID}"}
    uid = names.dashboard(ref.uid)
    return {
        "organisation": ref.namespace,
        "folderUid": names.FOLDER_UID,
        "dashboardUid": uid,
        "url": f"{portal_url}/grafana/d/{uid}",
    }


def health(state: Mapping[str, Any]) -> Json:
    """Health and last call of a row of `voice_probe_state`. None means that the field is to be absent."""
    if state["last_call_at"] is None:
        return {"health": state["health"], "lastCall": None}
    return {
        "health": state["health"],
        "lastCall": {
            "time": timestamp(state["last_call_at"]),
            "outcome": state["disposition"],
            "sipCode": state["sip_code"],
            "mos": _score(state["mos"]),
            "mosForward": _score(state["mos_forward"]),
            "mosReverse": _score(state["mos_reverse"]),
        },
    }


def difference(have: Mapping[str, Any], want: Mapping[str, Any]) -> Json:
    """The JSON merge patch that makes `have` hold `want`; empty if it does. A None in `want` means absent."""
    patch: Json = {}
    for key, value in want.items():
        if value is None:
            if have.get(key) is not None:
                patch[key] = None
        elif isinstance(value, Mapping) and isinstance(have.get(key), Mapping):
            if inner := difference(have[key], value):
                patch[key] = inner
        elif have.get(key) != value:
            patch[key] = value
    return patch


def merged(have: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """What `have` becomes by the JSON merge patch `patch` (RFC 7396)."""
    result = dict(have)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def timestamp(time: datetime.datetime) -> str:
    """`time`, which is UTC, as Kubernetes writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _score(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 2)
