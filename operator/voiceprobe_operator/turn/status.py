"""Statuses: conditions, health and the last call, as values. Nothing here does I/O."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, get_args

from voiceprobe_operator import names, pages
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.errors import OutsideError, Rejected
from voiceprobe_operator.model import Probe, Reference
from voiceprobe_operator.numbers import digits, is_international, user_part

ConditionType = Literal[
    "Ready", "PlanPublished", "DatasourceReady", "DashboardsReady", "AlertsReady", "GrafanaSupported", "Callable",
    "NumberAllotted",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one piece of work ended, or what else is so; `ok` is None where nobody knows.

    `is_advice`: it is told, and keeps nothing from being Ready.
    """

    ok: bool | None
    reason: str
    message: str
    is_advice: bool = False

    @classmethod
    def failed(cls, error: OutsideError) -> Outcome:
        """The outcome of work that `error` ended."""
        return cls(False, error.reason, error.sentence)

    @property
    def stands_alone(self) -> bool:
        """Whether Ready does not depend on it: what this Grafana cannot do keeps nothing else from working."""
        return self.is_advice or self.reason == "GrafanaTooOld"


PLAN_PUBLISHED = Outcome(True, "Published", "the SIP hosts can read this probe in the plan")
DATASOURCE_READY = Outcome(True, "Ready", "Grafana reads the client's calls with the client's own account")
DASHBOARDS_READY = Outcome(True, "Ready", "the dashboards are as declared")
ALERTS_READY = Outcome(True, "Ready", "the alert rules are as declared")
RECEIVERS_READY = Outcome(True, "Ready", "the alert rules and their receivers are as declared")
WORK = ("PlanPublished", "DatasourceReady", "DashboardsReady", "AlertsReady")
ORDER: tuple[str, ...] = get_args(ConditionType)
CONFIGURATION_ERROR = "configuration_error"
NUMBER_TAKEN = "NumberTaken"
_STATUS = {True: "True", False: "False", None: "Unknown"}


def ready(outcomes: Sequence[Outcome]) -> Outcome:
    """The sum of `outcomes`: the first that failed, or that all is well."""
    for outcome in outcomes:
        if not outcome.ok and not outcome.stands_alone:
            return outcome
    return Outcome(True, "Ready", "plan, datasource, dashboards and alerts are as declared")


def number_taken(user: str) -> Rejected:
    """Why a probe whose receiver has somebody else's number is not published. Whose it is, is not for its client."""
    in_full = (
        "" if is_international(user) or not digits(user) else "; if it is this client's own, write it in full (+44…)"
    )
    sentence = (
        f"the number {user} of receiver.address is in use or allotted elsewhere, so no call is placed: ask the provider"
        f" to allot it to this client{in_full}"
    )
    return Rejected(NUMBER_TAKEN, sentence)


def number_allotted(probe: Probe) -> Outcome:
    """By what the receiver may know the calls of a probe."""
    if probe.rights.taken is not None:
        return replace(Outcome.failed(number_taken(probe.rights.taken)), is_advice=True)
    if probe.rights.allotted:
        told = " and ".join(probe.rights.allotted)
        return Outcome(True, "Allotted", f"calls to {told} are known to be this client's", is_advice=True)
    named = ", ".join(dict.fromkeys(user_part(a) for a in (probe.receiver_address, probe.destination)))
    sentence = (
        f"not allotted to this client: {named}. Arriving calls are recognised by their header, or by"
        " receiver.confirmation: dtmf, and by no number: ask the provider to allot it"
    )
    return Outcome(False, "NotAllotted", sentence, is_advice=True)


def is_ready(have: Mapping[str, Any], generation: int) -> bool:
    """Whether the status `have` says that all is well, of this generation."""
    return any(
        c["type"] == "Ready" and c["status"] == "True" and c.get("observedGeneration") == generation
        for c in have.get("conditions", ())
    )


def message(have: Mapping[str, Any], kind: ConditionType) -> str | None:
    """What the status `have` says of one condition; None if nothing."""
    return next((c["message"] for c in have.get("conditions", ()) if c["type"] == kind), None)


def conditions(
    have: Mapping[str, Any], outcomes: Mapping[str, Outcome], generation: int, now: datetime.datetime
) -> list[Json]:
    """Ready and each of `outcomes` as conditions; `have` is the status so far, whose other conditions stay."""
    told = {"Ready": ready(list(outcomes.values())), **outcomes}
    fresh = [
        _condition(kind, _STATUS[outcome.ok], outcome.reason, outcome.message, generation)
        for kind, outcome in told.items()
    ]
    return _brought_in(have, fresh, now)


def _condition(kind: str, status: str, reason: str, message: str, generation: int | None) -> Json:
    seen = {} if generation is None else {"observedGeneration": generation}
    return {"type": kind, "status": status, "reason": reason, "message": message, **seen}


def _brought_in(have: Mapping[str, Any], fresh: Sequence[Json], now: datetime.datetime) -> list[Json]:
    """The conditions of `have` with `fresh` in their places; each keeps the time at which it last turned."""
    before = {c["type"]: c for c in have.get("conditions", ())}
    result = dict(before)
    for one in fresh:
        old = before.get(one["type"], {})
        since = old["lastTransitionTime"] if old.get("status") == one["status"] else timestamp(now)
        result[one["type"]] = {**one, "lastTransitionTime": since}
    # Always in the same order, whoever wrote last: a list that is only turned about would be a change.
    return sorted(result.values(), key=lambda c: ORDER.index(c["type"]) if c["type"] in ORDER else len(ORDER))


def grafana(ref: Reference, portal_url: str) -> Json:
    """Where the measurements of a probe, or of all probes of a client, are shown."""
    if ref.kind == "VoiceClient":
        return {"organisation": ref.namespace, "url": pages.dashboard(portal_url, ref.namespace, names.OVERVIEW_UID)}
    uid = names.dashboard(ref.uid)
    return {
        "organisation": ref.namespace,
        "folderUid": names.FOLDER_UID,
        "dashboardUid": uid,
        "url": pages.dashboard(portal_url, ref.namespace, uid),
    }


def of_calls(have: Mapping[str, Any], state: Mapping[str, Any], now: datetime.datetime) -> Json:
    """What a row of `voice_probe_state` says of a probe whose status so far is `have`: health, last call, Callable.

    None means that the field is to be absent.
    """
    return {
        "health": state["health"],
        "lastCall": None if state["last_call_at"] is None else _last_call(state),
        "conditions": _brought_in(have, [_callable(state)], now),
    }


def _last_call(state: Mapping[str, Any]) -> Json:
    # Of an answered call the phrase says OK, which is no reason for anything.
    return {
        "time": timestamp(state["last_call_at"]),
        "outcome": state["disposition"],
        "sipCode": state["sip_code"],
        "reason": _unheard(state) if state["disposition"] == "answered" else state["sip_reason"],
        "mos": _score(state["mos"]),
        "mosForward": _score(state["mos_forward"]),
        "mosReverse": _score(state["mos_reverse"]),
    }


def _unheard(state: Mapping[str, Any]) -> str | None:
    """What an answered call lacked, which no figure of the status tells; None: nothing."""
    if state["one_way"] != 0:  # None: a direction has no record
        return "one-way audio: in at least one direction no sound arrived"
    if state["silent"] != 0:
        return "silence: in at least one direction packets arrived, but not the speech that was sent"
    late_ms = state["late_media_ms"]
    if late_ms is not None and late_ms > state["late_media_ms_warning"]:
        return f"late media: the first sound came {late_ms / 1000:.1f} s after the answer"
    return None


def _callable(state: Mapping[str, Any]) -> Json:
    """Whether the SIP host could place the last call as the probe describes it, under that call's generation."""
    if state["last_call_at"] is None:
        return _condition("Callable", "Unknown", "NoCallYet", "no call that counts has been placed yet", None)
    generation = state["last_call_generation"]
    if state["disposition"] == CONFIGURATION_ERROR:
        sentence = state["sip_reason"] or "the SIP host cannot call this probe as it is described"
        return _condition("Callable", "False", "ConfigurationError", sentence, generation)
    return _condition("Callable", "True", "CallPlaced", "the SIP host places calls as declared", generation)


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
