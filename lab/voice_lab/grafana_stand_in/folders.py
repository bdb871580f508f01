"""Folders of an organisation, and who may see what is in them."""

from __future__ import annotations

import re
import uuid

from voice_lab.grafana_stand_in import access
from voice_lab.grafana_stand_in.access import ADMIN_ID, AVATAR, TEXT, Asking
from voice_lab.grafana_stand_in.http import Refused, Response, bad_data, failed, route, stamp, stamp_whole
from voice_lab.grafana_stand_in.state import SERVER, Document, State

SERIES = "dashboard"
"""Dashboards and folders share one series of numbers."""
_LEVELS = {1: "View", 2: "Edit", 4: "Admin"}
_CHANGED = "the folder has been changed by someone else"


def slug(title: str) -> str:
    """The part of an address that shows a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def uid_fault(uid: str) -> str:
    """What is wrong with the uid of a folder or dashboard; "" if nothing."""
    if len(uid) > 40:
        return "uid too long, max 40 characters"
    return "" if re.fullmatch(r"[A-Za-z0-9_-]*", uid) else "uid contains illegal characters"


def url(asking: Asking, kind: str, uid: str, title: str) -> str:
    """The path of a folder's or dashboard's page."""
    return asking.path(f"/{kind}/{uid}/{slug(title)}")


def place(asking: Asking, folder: Document) -> Document:
    """The folder of a dashboard, as the dashboard tells of it."""
    names = {"folderId": folder["id"], "folderUid": folder["uid"], "folderTitle": folder["title"]}
    return {**names, "folderUrl": url(asking, "dashboards/f", folder["uid"], folder["title"])}


def visible(asking: Asking, uid: str) -> bool:
    """Whether who asks may see the folder of that uid, and what is in it; "" is the one that everybody may see."""
    if asking.role in {"Admin", ""} or not uid:
        return bool(asking.role)
    roles = {"Viewer", asking.role}
    items = _roles(asking.state, asking.org, uid)
    return any(item.get("role") in roles or item.get("userId") == asking.user["id"] for item in items)


def _roles(state: State, org: int, uid: str) -> list[Document]:
    return list((state.get("permission", org, uid) or {"items": []})["items"])


def find(asking: Asking, uid: str) -> Document:
    """The folder of that uid; 404, or 403 if who asks may see none."""
    if not visible(asking, uid):
        raise access.denied("folders:read")
    if (found := asking.state.get("folder", asking.org, uid)) is None:
        raise Refused(404, "folder not found", status="not-found")
    return found


def shown(asking: Asking, folder: Document) -> Document:
    """A folder as it is told of."""
    can = dict.fromkeys(("canSave", "canEdit", "canAdmin", "canDelete"), asking.may_edit)
    names = {name: folder[name] for name in ("id", "uid", "title")}
    times = {"createdBy": "admin", "created": stamp(folder["created"]), "updatedBy": "admin"}
    path = url(asking, "dashboards/f", folder["uid"], folder["title"])
    return {**names, "url": path, "hasAcl": False, **can, **times, "updated": stamp(folder["updated"]),
            "version": folder["version"]}  # fmt: skip


@route("GET", "/api/folders", "Viewer", "folders:read")
def _list(asking: Asking) -> list[Document]:
    found = sorted(asking.state.all("folder", asking.org), key=lambda folder: folder["title"].lower())
    seen = [folder for folder in found if visible(asking, folder["uid"])]
    page = asking.page(seen, asking.number("limit", 1000))
    return [{name: folder[name] for name in ("id", "uid", "title")} for folder in page]


@route("GET", "/api/folders/{}", "Viewer", "folders:read")
def _get(asking: Asking, uid: str) -> Document:
    return shown(asking, find(asking, uid))


@route("POST", "/api/folders", "Editor", "folders:create")
def _create(asking: Asking) -> Document:
    body, state, org = asking.body(title=TEXT, uid=TEXT), asking.state, asking.org
    title, uid = (body.get("title") or "").strip(), body.get("uid") or str(uuid.uuid4())
    if not title:
        raise Refused(400, "folder title cannot be empty")
    if fault := uid_fault(uid):
        raise failed(400, fault)
    if uid == "general":
        raise failed(500, "Folder API error")
    if title.lower() == "general":
        raise failed(400, "A folder with that name already exists")
    if state.get("folder", org, uid):
        raise Refused(412, _CHANGED, status="version-mismatch")
    if state.get("dashboard", org, uid):
        raise Refused(400, "Dashboard cannot be changed to a folder")
    if any(one["title"].lower() == title.lower() for one in state.all("folder", org)):
        raise Refused(409, "a folder or dashboard in the general folder with the same name already exists")
    if any(not one["folderUid"] and slug(one["title"]) == slug(title) for one in state.all("dashboard", org)):
        raise Refused(400, "Folder name cannot be the same as one of its dashboards")
    folder = {"id": state.next(SERIES), "uid": uid, "title": title, "created": asking.now, "updated": asking.now}
    state.put("folder", org, uid, {**folder, "version": 1})
    _permit(asking, uid, [{"userId": ADMIN_ID, "permission": 4}, {"role": "Editor", "permission": 2},
                          {"role": "Viewer", "permission": 1}])  # fmt: skip
    at = stamp_whole(asking.now)
    return {**shown(asking, {**folder, "version": 1}), "created": at, "updated": at}


def _permit(asking: Asking, uid: str, items: list[Document]) -> None:
    asking.state.put("permission", asking.org, uid, {"items": items})


@route("PUT", "/api/folders/{}", "Editor", "folders:write")
def _update(asking: Asking, uid: str) -> Document:
    body, state, org = asking.body(title=TEXT, uid=TEXT), asking.state, asking.org
    folder = find(asking, uid)
    if not body.get("overwrite") and body.get("version") != folder["version"]:
        raise Refused(412, _CHANGED, status="version-mismatch")
    title = str(body.get("title") or folder["title"])
    # Another folder that has the title is the one that is written.
    folder = next((one for one in state.all("folder", org) if one["title"].lower() == title.lower()), folder)
    new = body.get("uid") or folder["uid"] if folder["uid"] == uid else folder["uid"]
    if new != folder["uid"]:
        state.drop("folder", org, folder["uid"])  # its permissions stay on the old uid
        for one in state.all("dashboard", org):
            if one["folderUid"] == folder["uid"]:
                state.put("dashboard", org, one["uid"], {**one, "folderUid": new})
    folder = {**folder, "uid": new, "title": title, "version": folder["version"] + 1, "updated": asking.now}
    state.put("folder", org, new, folder)
    return shown(asking, folder)


@route("DELETE", "/api/folders/{}", "Editor", "folders:delete")
def _delete(asking: Asking, uid: str) -> Response:
    state, org = asking.state, asking.org
    find(asking, uid)
    rules = [rule for rule in state.all("rule", org) if rule["folderUID"] == uid]
    if rules and asking.request.query.get("forceDeleteRules") != "true":
        raise Refused(400, "folder cannot be deleted: folder contains alert rules")
    for rule in rules:
        state.drop("rule", org, rule["uid"])
    for one in state.all("dashboard", org):
        if one["folderUid"] == uid:
            state.drop("dashboard", org, one["uid"])
            state.drop("dashboard-model", org, one["uid"])
    state.drop("folder", org, uid)
    # Of every organisation: a fault of Grafana's that a later version mends.
    state.drop_all("permission", key=uid)
    return Response(200)


@route("GET", "/api/folders/{}/permissions", "Admin", "folders.permissions:read")
def _permissions(asking: Asking, uid: str) -> list[Document]:
    folder = find(asking, uid)
    return [_shown_permission(asking, folder, item) for item in _roles(asking.state, asking.org, uid)]


def _shown_permission(asking: Asking, folder: Document, item: Document) -> Document:
    times = {"folderId": folder["id"], "created": stamp(folder["created"]), "updated": stamp(folder["created"])}
    known = asking.state.get("user", SERVER, item.get("userId", 0)) or {"id": 0, "login": "", "email": ""}
    who = {"userId": known["id"], "userLogin": known["login"], "userEmail": known["email"]}
    who["userAvatarUrl"] = asking.path(AVATAR)
    team = {"teamId": item.get("teamId", 0), "teamEmail": "", "teamAvatarUrl": "", "team": ""}
    role = {"role": item["role"]} if "role" in item else {}
    may = {"permission": item["permission"], "permissionName": _LEVELS[item["permission"]]}
    about = {"uid": folder["uid"], "title": folder["title"], "slug": slug(folder["title"]), "isFolder": True}
    path = url(asking, "dashboards/f", folder["uid"], folder["title"])
    return {**times, **who, **team, **role, **may, **about, "url": path, "inherited": False}


@route("POST", "/api/folders/{}/permissions", "Admin", "folders.permissions:write")
def _set_permissions(asking: Asking, uid: str) -> Document:
    items = asking.body(items=list)["items"]
    if not all(isinstance(item, dict) and item.get("permission") in _LEVELS for item in items):
        raise bad_data()
    find(asking, uid)
    _permit(asking, uid, items)
    return {"message": "Dashboard permissions updated"}
