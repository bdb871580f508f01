"""Dashboards of an organisation."""

from __future__ import annotations

import re
import uuid

from voice_lab.grafana_stand_in import access
from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.folders import SERIES, find, place, slug, uid_fault, url, visible
from voice_lab.grafana_stand_in.http import Refused, Response, bad_data, encode, failed, route, stamp
from voice_lab.grafana_stand_in.state import Document, State

_SPELT = "\ue000"
"""Stands before a number's own spelling, which a parsed number would lose: 4.0, 1e3, 3.60."""
_CAN = ("canSave", "canEdit", "canAdmin")
_GENERAL = {"folderId": 0, "folderUid": "", "folderTitle": "General", "folderUrl": ""}
_ANNOTATIONS = dict.fromkeys(("canAdd", "canEdit", "canDelete"), True)


def _parse(asking: Asking) -> Document:
    found = asking.json(parse_float=_SPELT.__add__, parse_int=_SPELT.__add__)
    if not isinstance(found, dict) or not isinstance(found.get("dashboard"), dict):
        raise bad_data()
    if not isinstance(found.get("overwrite", False), bool):
        raise bad_data()
    return found


def _write(model: Document) -> str:
    """JSON with keys in alphabetical order and numbers as they were spelt."""
    return re.sub(rf'"{_SPELT}([^"]*)"', r"\1", encode(_sorted(model)).decode())


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _refuse_names(asking: Asking, uid: str, title: str, folder: str) -> None:
    """Refuse what no dashboard may be called."""
    state, org = asking.state, asking.org
    if not title:
        raise Refused(400, "Dashboard title cannot be empty", status="empty-name")
    if fault := uid_fault(uid):
        raise Refused(400, fault)
    if folder and state.get("folder", org, folder) is None:
        raise failed(400, "Folder not found")
    if uid and state.get("folder", org, uid):
        raise Refused(400, "Dashboard cannot be changed to a folder")
    if any(slug(one["title"]) == slug(title) for one in state.all("folder", org)):
        raise Refused(400, "Dashboard name cannot be the same as folder", status="name-match")


def _replaced(asking: Asking, body: Document, title: str, folder: str) -> Document | None:
    """The dashboard that is written anew, if there is one: that of the title goes before that of the uid."""
    state, org, model = asking.state, asking.org, body["dashboard"]
    known = state.get("dashboard", org, str(model.get("uid") or ""))
    if known is None and model.get("id"):
        raise Refused(404, "Dashboard not found", status="not-found")
    same = (one for one in state.all("dashboard", org) if one["folderUid"] == folder)
    namesake = next((one for one in same if one["title"].lower() == title.lower()), None)
    if not body.get("overwrite"):
        if namesake and (known is None or namesake["uid"] != known["uid"]):
            raise Refused(412, "A dashboard with the same name in the folder already exists", status="name-exists")
        if known and str(model.get("version")) != f"{_SPELT}{known['version']}":
            raise Refused(412, "The dashboard has been changed by someone else", status="version-mismatch")
    return namesake or known


@route("POST", "/api/dashboards/db", "Editor", "any of dashboards:create, dashboards:write")
def _save(asking: Asking) -> Document:
    body, state, org = _parse(asking), asking.state, asking.org
    model, folder = body["dashboard"], str(body.get("folderUid") or "")
    title = model["title"].strip() if isinstance(model.get("title"), str) else ""
    title = "" if title.startswith(_SPELT) else title  # a number is no title
    uid = str(model.get("uid") or "")
    _refuse_names(asking, uid, title, folder)
    before = _replaced(asking, body, title, folder)
    made = {"id": state.next(SERIES), "uid": uid or str(uuid.uuid4()), "created": asking.now, "version": 0}
    one = {**(before or made), "title": title, "folderUid": folder, "updated": asking.now}
    one = {**one, "version": one["version"] + 1, "tags": sorted(model.get("tags") or (), key=str.encode)}
    state.put("dashboard", org, one["uid"], one)
    numbers = {name: f"{_SPELT}{one[name]}" for name in ("id", "version")}
    state.put("dashboard-model", org, one["uid"], {"text": _write({**model, **numbers, "uid": one["uid"]})})
    path = url(asking, "d", one["uid"], title)
    told = {"id": one["id"], "slug": slug(title), "status": "success", "uid": one["uid"], "url": path}
    return {**told, "version": one["version"]}


def _missing() -> Refused:
    return failed(404, "Dashboard not found")


def may_see(asking: Asking, uid: str) -> Document | None:
    """The dashboard of that uid, if there is one and who asks may see it."""
    one = asking.state.get("dashboard", asking.org, uid)
    return one if one and visible(asking, one["folderUid"]) else None


def model_of(state: State, org: int, uid: str) -> str:
    """A stored dashboard, as JSON."""
    return str((state.get("dashboard-model", org, uid) or {})["text"])


def _sees_any(asking: Asking) -> bool:
    boards = asking.state.all("dashboard", asking.org)
    return asking.may_edit or any(visible(asking, one["folderUid"]) for one in boards)


@route("GET", "/api/dashboards/uid/{}", "Viewer", "dashboards:read")
def _get(asking: Asking, uid: str) -> Response:
    if asking.state.get("folder", asking.org, uid) and visible(asking, uid):
        return _whole(asking, {**find(asking, uid), "folderUid": ""}, "{}", is_folder=True)
    if (one := may_see(asking, uid)) is None:
        is_hidden = asking.state.get("dashboard", asking.org, uid) or not _sees_any(asking)
        raise access.denied("dashboards:read") if is_hidden else _missing()
    return _whole(asking, one, model_of(asking.state, asking.org, uid))


def _whole(asking: Asking, one: Document, text: str, *, is_folder: bool = False) -> Response:
    can = {**dict.fromkeys(_CAN, asking.may_edit), "canStar": True, "canDelete": asking.may_edit}
    path = url(asking, "d", one["uid"], one["title"])
    times = {"expires": "0001-01-01T00:00:00Z", "created": stamp(one["created"]), "updated": stamp(one["updated"])}
    who = {"updatedBy": "admin", "createdBy": "admin", "version": one["version"], "hasAcl": False}
    folder = asking.state.get("folder", asking.org, one["folderUid"])
    where = place(asking, folder) if folder else _GENERAL
    public = {"publicDashboardAccessToken": "", "publicDashboardUid": "", "publicDashboardEnabled": False}
    rest = {"provisioned": False, "provisionedExternalId": "",
            "annotationsPermissions": {"dashboard": _ANNOTATIONS, "organization": _ANNOTATIONS}, **public}  # fmt: skip
    meta = {"type": "db", **can, "slug": slug(one["title"]), "url": path, **times, **who, "isFolder": is_folder}
    meta_text = encode({**meta, **where, **rest}).decode()
    return Response(200, f'{{"meta":{meta_text},"dashboard":{text}}}'.encode())


@route("DELETE", "/api/dashboards/uid/{}", "Editor", "dashboards:delete")
def _delete(asking: Asking, uid: str) -> Document:
    state, org = asking.state, asking.org
    if state.get("folder", org, uid):
        raise failed(500, "Failed to delete dashboard")
    if (one := state.get("dashboard", org, uid)) is None:
        raise _missing()
    state.drop("dashboard", org, uid)
    state.drop("dashboard-model", org, uid)
    state.drop_all("permission", key=uid)
    return {"id": one["id"], "message": f"Dashboard {one['title']} deleted", "title": one["title"]}
