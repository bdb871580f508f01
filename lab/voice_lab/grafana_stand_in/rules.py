"""Alert rules and their groups, by the provisioning API."""

from __future__ import annotations

import uuid

from voice_lab.grafana_stand_in.access import TEXT, Asking
from voice_lab.grafana_stand_in.durations import is_duration
from voice_lab.grafana_stand_in.http import Response, answer, bad_data, failed, route, stamp, stamp_whole
from voice_lab.grafana_stand_in.provisioning import PATH, READ, WRITE, check_provenance, missing, provenance
from voice_lab.grafana_stand_in.state import Document, State

INTERVAL_S, TICK_S = 60, 10
_STATES = {
    "noDataState": ("NoData", {"Alerting", "NoData", "OK"}),
    "execErrState": ("Error", {"Alerting", "Error", "OK"}),
}
_NOT_UNIQUE = "a conflicting alert rule is found: rule title under the same organisation and folder should be unique"


def group_interval(state: State, org: int, folder: str, group: str) -> int:
    """How often the rules of a group are evaluated, in seconds."""
    return int((state.get("group", org, f"{folder}/{group}") or {"interval": INTERVAL_S})["interval"])


def _checked(asking: Asking, body: Document, uid: str) -> Document:
    """A rule as it is stored, from what was sent."""
    if not body.get("title"):
        raise failed(400, "invalid alert rule: title is empty")
    if len(body["title"]) > 190:
        raise failed(400, "invalid alert rule: name length should not be greater than 190")
    if not body.get("data"):
        raise failed(400, "invalid alert rule: no queries or expressions are found")
    for name, (what, known) in _STATES.items():
        if body.get(name) not in known:
            raise failed(500, f"unknown {what} state option {body.get(name)}")
    if not is_duration(str(body.get("for", "0s"))):
        raise bad_data()
    place = {name: body.get(name, "") for name in ("folderUID", "ruleGroup")}
    rest: Document = {name: body[name] for name in ("title", "condition", "data") if name in body}
    states = {"updated": asking.now, **{name: body[name] for name in _STATES}, "for": body.get("for", "0s")}
    texts = {name: body[name] for name in ("annotations", "labels") if body.get(name)}
    paused = {"isPaused": bool(body.get("isPaused"))}
    return {"uid": uid, "orgID": asking.org, **place, **rest, **states, **texts, **provenance(asking), **paused}


def _refuse_namesake(asking: Asking, rule: Document, uid: str) -> None:
    for other in asking.state.all("rule", asking.org):
        is_twin = (other["title"], other["folderUID"]) == (rule["title"], rule["folderUID"])
        if other["uid"] != uid and is_twin:
            raise failed(500, _NOT_UNIQUE)


def _shown(rule: Document, *, whole: bool = False) -> Document:
    """A rule as it is told of; the answer to a write has the time with nanoseconds."""
    return {**rule, "updated": (stamp_whole if whole else stamp)(rule["updated"])}


@route("GET", f"{PATH}/alert-rules", "Admin", READ)
def _list(asking: Asking) -> list[Document]:
    rules = asking.state.all("rule", asking.org)
    return [_shown(rule) for rule in sorted(rules, key=lambda one: (one["folderUID"], one["ruleGroup"], one["id"]))]


@route("POST", f"{PATH}/alert-rules", "Admin", WRITE)
def _create(asking: Asking) -> Response:
    body, state, org = asking.body(title=TEXT, folderUID=TEXT, ruleGroup=TEXT), asking.state, asking.org
    rule = _checked(asking, body, str(body.get("uid") or uuid.uuid4()))
    if state.get("rule", org, rule["uid"]):
        raise failed(500, _NOT_UNIQUE)
    _refuse_namesake(asking, rule, rule["uid"])
    rule = {"id": state.next("rule"), **rule}
    state.put("rule", org, rule["uid"], rule)
    return answer(_shown(rule, whole=True), 201)


@route("GET", f"{PATH}/alert-rules/{{}}", "Admin", READ)
def _get(asking: Asking, uid: str) -> Document | Response:
    found = asking.state.get("rule", asking.org, uid)
    return missing() if found is None else _shown(found)


@route("PUT", f"{PATH}/alert-rules/{{}}", "Admin", WRITE)
def _update(asking: Asking, uid: str) -> Document | Response:
    before = asking.state.get("rule", asking.org, uid)
    if before is None:
        return missing()
    rule = _checked(asking, asking.body(title=TEXT, folderUID=TEXT, ruleGroup=TEXT), uid)
    check_provenance(asking, before)
    _refuse_namesake(asking, rule, uid)
    rule = {"id": before["id"], **rule}
    asking.state.put("rule", asking.org, uid, rule)
    return _shown(rule, whole=True)


@route("DELETE", f"{PATH}/alert-rules/{{}}", "Admin", WRITE)
def _delete(asking: Asking, uid: str) -> Response:
    before = asking.state.get("rule", asking.org, uid) or {}
    if before.get("provenance") == "api" and not provenance(asking):
        raise failed(500, "cannot delete with provided provenance '', needs 'api'")
    asking.state.drop("rule", asking.org, uid)
    if before:
        _forget_empty(asking.state, asking.org, before["folderUID"], before["ruleGroup"])
    return Response(204)


def _members(state: State, org: int, folder: str, group: str) -> list[Document]:
    rules = [rule for rule in state.all("rule", org) if (rule["folderUID"], rule["ruleGroup"]) == (folder, group)]
    return sorted(rules, key=lambda rule: rule["id"])


def _forget_empty(state: State, org: int, folder: str, group: str) -> None:
    """A group whose last rule is gone is gone, and so is its interval."""
    if not _members(state, org, folder, group):
        state.drop("group", org, f"{folder}/{group}")


_GROUP = f"{PATH}/folder/{{}}/rule-groups/{{}}"


@route("GET", _GROUP, "Admin", READ)
def _get_group(asking: Asking, folder: str, group: str) -> Document:
    rules = _members(asking.state, asking.org, folder, group)
    if not rules:
        raise failed(404, "rulegroup not found")
    shown = [{name: value for name, value in _shown(rule).items() if name != "provenance"} for rule in rules]
    interval = group_interval(asking.state, asking.org, folder, group)
    return {"title": group, "folderUid": folder, "interval": interval, "rules": shown}


@route("PUT", _GROUP, "Admin", WRITE)
def _put_group(asking: Asking, folder: str, group: str) -> Document:
    body, state, org = asking.body(interval=int), asking.state, asking.org
    interval = body["interval"]
    if interval <= 0 or interval % TICK_S:
        text = f"interval ({interval}s) should be non-zero and divided exactly by scheduler interval: {TICK_S}"
        raise failed(400, f"invalid alert rule: {text}")
    if (rules := body.get("rules")) is not None:
        _put_rules(asking, folder, group, rules)
    state.put("group", org, f"{folder}/{group}", {"interval": interval})
    return {"title": group, "folderUid": folder, "interval": interval, "rules": rules}


def _put_rules(asking: Asking, folder: str, group: str, rules: list[Document]) -> None:
    """Make the group hold just these rules."""
    state, org = asking.state, asking.org
    known = {str(rule.get("uid")): state.get("rule", org, str(rule.get("uid") or "")) for rule in rules}
    for rule in rules:
        if rule.get("uid") and known[rule["uid"]] is None:
            raise failed(500, f"failed to update alert rule: rule {rule['uid']} does not exist")
    for before in _members(state, org, folder, group):
        if before["uid"] not in known:
            state.drop("rule", org, before["uid"])
    for rule in rules:
        uid = str(rule.get("uid") or uuid.uuid4())
        numbered = {"id": (known.get(uid) or {}).get("id") or state.next("rule")}
        new = _checked(asking, {**rule, "folderUID": folder, "ruleGroup": group}, uid)
        state.put("rule", org, uid, {**numbered, **new})
