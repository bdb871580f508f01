"""Who is told of alerts: policies, contact points and mute timings of an organisation, by the provisioning API.

Grafana keeps the three in one document, which a new organisation gets at the next poll.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterator
from typing import Any

from voice_lab.grafana_stand_in import durations
from voice_lab.grafana_stand_in.access import TEXT, Asking
from voice_lab.grafana_stand_in.http import Response, answer, bad_data, failed, route
from voice_lab.grafana_stand_in.provisioning import PATH, READ, WRITE, check_provenance, missing, provenance
from voice_lab.grafana_stand_in.state import SERVER, Document, State

BORN_POLICY = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
BORN_CONTACT = {
    "uid": "",
    "name": "email receiver",
    "type": "email",
    "settings": {"addresses": "<example@email.com>"},
    "disableResolveMessage": False,
}
_NEEDED = {"email": "addresses", "webhook": "url"}
_SECRETS = {"email": (), "webhook": ("password", "authorization_credentials")}
_REDACTED = "[REDACTED]"
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


def _begun(asking: Asking, status: int = 500) -> tuple[State, int]:
    """State and organisation, once alerting has begun there: at the first poll after it was made."""
    created = (asking.state.get("org", SERVER, asking.org) or {"created": 0})["created"]
    poll = asking.config.poll_s
    if poll and asking.now < math.ceil(created / poll) * poll:
        raise failed(status, "could not find an Alertmanager configuration")
    return asking.state, asking.org


def tree(state: State, org: int) -> Document:
    """The policies of an organisation."""
    return state.get("policy", org, "") or dict(BORN_POLICY)


def routes(policy: Document) -> Iterator[Document]:
    """A policy and all below it."""
    yield policy
    for child in policy.get("routes") or ():
        yield from routes(child)


@route("GET", f"{PATH}/policies", "Admin", READ)
def _get_policies(asking: Asking) -> Document:
    return tree(*_begun(asking, 404))


@route("PUT", f"{PATH}/policies", "Admin", WRITE)
def _put_policies(asking: Asking) -> Response:
    body = asking.body(receiver=str)
    state, org = _begun(asking, 404)
    names = {point["name"] for point in state.all("contact", org)} | {BORN_POLICY["receiver"]}
    timings = {timing["name"] for timing in state.all("timing", org)}
    for policy in routes(body):
        _check_policy(policy, names, timings)
    state.put("policy", org, "", {**_normalised(body), **provenance(asking)})
    return answer({"message": "policies updated"}, 202)


def _check_policy(policy: Document, names: set[Any], timings: set[str]) -> None:
    for matcher in policy.get("object_matchers") or ():
        if len(matcher) != 3 or matcher[1] not in {"=", "!=", "=~", "!~"} or not _is_regex(matcher[2]):
            raise bad_data()
    if any(name in policy and not durations.is_duration(policy[name]) for name in _WAITS):
        raise bad_data()
    if policy.get("receiver") and policy["receiver"] not in names:
        raise failed(400, f"invalid object specification: receiver '{policy['receiver']}' does not exist")
    for timing in policy.get("mute_time_intervals") or ():
        if timing not in timings:
            raise failed(400, f"invalid object specification: mute time interval '{timing}' does not exist")


_WAITS = ("group_wait", "group_interval", "repeat_interval")


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _normalised(policy: Document) -> Document:
    told = {name: durations.normal(value) if name in _WAITS else value for name, value in policy.items()}
    told.pop("provenance", None)
    return {**told, **({"routes": [_normalised(one) for one in policy["routes"]]} if policy.get("routes") else {})}


@route("DELETE", f"{PATH}/policies", "Admin", WRITE)
def _reset_policies(asking: Asking) -> Response:
    state, org = _begun(asking)
    state.drop("policy", org, "")
    return answer(BORN_POLICY, 202)


def shown(point: Document, *, made: bool = False) -> Document:
    """A contact point as it is told of: secrets are not."""
    secret = _SECRETS.get(point["type"], ())
    settings = {name: _REDACTED if name in secret else value for name, value in point["settings"].items()}
    if made:
        # What a webhook's password is said to be even where there is none.
        settings.update(dict.fromkeys(secret[:1], _REDACTED))
    return {**point, "settings": dict(sorted(settings.items()))}


@route("GET", f"{PATH}/contact-points", "Admin", READ)
def _list_contacts(asking: Asking) -> list[Document]:
    points = sorted([BORN_CONTACT, *asking.state.all("contact", _begun(asking)[1])], key=lambda one: str(one["name"]))
    name = asking.request.query.get("name")
    return [shown(point) for point in points if name in {None, point["name"]}]


def _checked_contact(asking: Asking, body: Document, uid: str, before: Document) -> Document:
    kind, settings = body.get("type"), dict(body.get("settings") or {})
    what = f'failed to validate integration "{body.get("name", "")}" (UID {uid}) of type "{kind}"'
    if kind not in _NEEDED:
        raise failed(400, f"invalid object specification: {what}: unknown integration type")
    if not settings.get(_NEEDED[kind]):
        raise failed(400, f"invalid object specification: {what}: required field '{_NEEDED[kind]}' is not specified")
    kept = before.get("settings", {})
    settings = {name: kept.get(name, value) if value == _REDACTED else value for name, value in settings.items()}
    shown = {"uid": uid, "name": body.get("name", ""), "type": kind, "settings": settings}
    return {**shown, "disableResolveMessage": bool(body.get("disableResolveMessage")), **provenance(asking)}


@route("POST", f"{PATH}/contact-points", "Admin", WRITE)
def _create_contact(asking: Asking) -> Response:
    body = asking.body(settings=dict, name=TEXT)
    state, org = _begun(asking)
    uid = str(body.get("uid") or uuid.uuid4())
    if taken := state.get("contact", org, uid):
        text = f"receiver configuration with UID '{uid}' already exist in contact point '{taken['name']}'."
        raise failed(500, f"{text} Please use unique identifiers for receivers across all contact points")
    point = _checked_contact(asking, body, uid, {})
    state.put("contact", org, uid, point)
    return answer(shown(point, made=True), 202)


@route("PUT", f"{PATH}/contact-points/{{}}", "Admin", WRITE)
def _update_contact(asking: Asking, uid: str) -> Response:
    body = asking.body(settings=dict, name=TEXT)
    state, org = _begun(asking)
    if (before := state.get("contact", org, uid)) is None:
        raise failed(404, f"object not found: contact point with uid '{uid}' not found")
    check_provenance(asking, before)
    state.put("contact", org, uid, _checked_contact(asking, body, uid, before))
    return answer({"message": "contactpoint updated"}, 202)


@route("DELETE", f"{PATH}/contact-points/{{}}", "Admin", WRITE)
def _delete_contact(asking: Asking, uid: str) -> Response:
    state, org = _begun(asking)
    name = (state.get("contact", org, uid) or {}).get("name")
    others = [one for one in state.all("contact", org) if one["name"] == name and one["uid"] != uid]
    if name and not others and any(policy.get("receiver") == name for policy in routes(tree(state, org))):
        raise failed(500, f"contact point '{name}' is currently used by a notification policy")
    state.drop("contact", org, uid)
    return answer({"message": "contactpoint deleted"}, 202)


def _timing(asking: Asking, name: str) -> Document:
    body = asking.body(name=str, time_intervals=list)
    times = [time for interval in body["time_intervals"] for time in interval.get("times") or ()]
    if not all(_CLOCK.fullmatch(time.get(end, "")) for time in times for end in ("start_time", "end_time")):
        raise bad_data()
    return {"name": name or body["name"], "time_intervals": body["time_intervals"]}


@route("GET", f"{PATH}/mute-timings", "Admin", READ)
def _list_timings(asking: Asking) -> list[Document]:
    state, org = _begun(asking)
    return state.all("timing", org)


@route("GET", f"{PATH}/mute-timings/{{}}", "Admin", READ)
def _get_timing(asking: Asking, name: str) -> Document | Response:
    state, org = _begun(asking)
    return state.get("timing", org, name) or missing()


@route("POST", f"{PATH}/mute-timings", "Admin", WRITE)
def _create_timing(asking: Asking) -> Response:
    timing = _timing(asking, "")
    state, org = _begun(asking)
    if state.get("timing", org, timing["name"]):
        raise failed(400, "invalid object specification: a mute timing with this name already exists")
    state.put("timing", org, timing["name"], timing)
    return answer({**timing, **provenance(asking)}, 201)


@route("PUT", f"{PATH}/mute-timings/{{}}", "Admin", WRITE)
def _update_timing(asking: Asking, name: str) -> Response:
    timing = _timing(asking, name)
    state, org = _begun(asking)
    if not state.get("timing", org, name):
        return missing()
    state.put("timing", org, name, timing)
    return answer({**timing, **provenance(asking)}, 202)


@route("DELETE", f"{PATH}/mute-timings/{{}}", "Admin", WRITE)
def _delete_timing(asking: Asking, name: str) -> Response:
    state, org = _begun(asking)
    if any(name in (policy.get("mute_time_intervals") or ()) for policy in routes(tree(state, org))):
        raise failed(500, f"mute time '{name}' is currently used by a notification policy")
    state.drop("timing", org, name)
    return Response(204)
