"""Organisations and their members."""

from __future__ import annotations

from voice_lab.grafana_stand_in import access
from voice_lab.grafana_stand_in.access import ADMIN_ID, AVATAR, Asking, number
from voice_lab.grafana_stand_in.http import Refused, bad_data, failed, route, stamp
from voice_lab.grafana_stand_in.state import SERVER, Document, State

OF_AN_ORGANISATION = (
    "member", "datasource", "datasource-secret", "folder", "dashboard", "dashboard-model", "permission",
    "rule", "group", "policy", "contact", "timing",
)  # fmt: skip
"""The kinds of documents that go with their organisation."""
_ADDRESS = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
_YEARS = 10 * 365.25 * 86400
"""How long before its making a user that was never seen is said to have been seen."""


def add_org(state: State, name: str, now: float) -> int:
    """Make an organisation, whose Admin is the administrator; its number."""
    org = state.next("org")
    state.put("org", SERVER, org, {"id": org, "name": name, "created": now})
    join(state, org, ADMIN_ID, "Admin")
    return org


def join(state: State, org: int, user: int, role: str) -> None:
    """Make a user a member, or change its role."""
    state.put("member", org, user, {"userId": user, "role": role})


@route("GET", "/api/org", "", "orgs:read")
def _org(asking: Asking) -> Document:
    if not asking.role and not asking.is_server_admin:
        raise access.denied("orgs:read")
    if not asking.role:
        raise failed(404, "Organization not found")
    return _shown_org(asking, asking.org)


def _shown_org(asking: Asking, org: int) -> Document:
    found = asking.state.get("org", SERVER, org)
    if found is None:
        raise failed(404, "Organization not found")
    return {"id": org, "name": found["name"], "address": _ADDRESS}


@route("GET", "/api/orgs", "server", "orgs:read")
def _orgs(asking: Asking) -> list[Document]:
    found = sorted(asking.state.all("org", SERVER), key=lambda org: org["name"].encode())
    if name := asking.request.query.get("name"):
        found = [org for org in found if org["name"] == name]
    found = [org for org in found if asking.request.query.get("query", "").lower() in org["name"].lower()]
    size = asking.number("perpage", 0) or len(found) + 1
    start = asking.number("page", 0) * size
    return [{"id": org["id"], "name": org["name"]} for org in found[start : start + size]]


@route("GET", "/api/orgs/name/{}", "server", "orgs:read")
def _org_by_name(asking: Asking, name: str) -> Document:
    return _shown_org(asking, next((o["id"] for o in asking.state.all("org", SERVER) if o["name"] == name), 0))


@route("POST", "/api/orgs", "server", "orgs:create")
def _create_org(asking: Asking) -> Document:
    name = asking.body(name=str)["name"]
    if any(org["name"] == name for org in asking.state.all("org", SERVER)):
        raise failed(409, "Organization name taken")
    return {"message": "Organization created", "orgId": add_org(asking.state, name, asking.now)}


@route("DELETE", "/api/orgs/{}", "server", "orgs:delete")
def _delete_org(asking: Asking, org: str) -> Document:
    if org == str(asking.org):
        raise Refused(400, "Can not delete org for current user")
    if not asking.state.drop("org", SERVER, org):
        raise Refused(404, "Failed to delete organization. ID not found")
    for kind in OF_AN_ORGANISATION:
        asking.state.drop_all(kind, org=int(org))
    return {"message": "Organization deleted"}


def _members(asking: Asking, org: int) -> list[Document]:
    users = {user["id"]: user for user in asking.state.all("user", SERVER)}
    members = [(users[member["userId"]], member["role"]) for member in asking.state.all("member", org)]
    members.sort(key=lambda each: each[0]["email"].encode())
    return [_shown_member(asking, org, user, role) for user, role in members]


def _shown_member(asking: Asking, org: int, user: Document, role: str) -> Document:
    who = {"orgId": org, "userId": user["id"], "email": user["email"], "name": user["name"]}
    seen = user["created"] - _YEARS if user["seen"] is None else user["seen"]
    age = "10 years" if user["seen"] is None else "< 1 minute"
    flags = {"isDisabled": False, "authLabels": None, "isExternallySynced": False}
    look = {"avatarUrl": asking.path(AVATAR), "login": user["login"], "role": role}
    return {**who, **look, "lastSeenAt": stamp(seen), "lastSeenAtAge": age, **flags}


@route("GET", "/api/orgs/{}/users", "server", "org.users:read")
def _org_users(asking: Asking, org: str) -> list[Document]:
    return _members(asking, number(org))


@route("GET", "/api/org/users", "", "org.users:read")
def _own_org_users(asking: Asking) -> list[Document]:
    if asking.role not in {"Admin", ""} or (not asking.role and not asking.is_server_admin):
        raise access.denied("org.users:read")
    return _members(asking, asking.org) if asking.role else []


def _role_in(asking: Asking) -> str:
    role = asking.body(role=str)["role"]
    if role not in {"Viewer", "Editor", "Admin"}:
        raise bad_data()
    return str(role)


@route("POST", "/api/orgs/{}/users", "server", "org.users:add")
def _add_member(asking: Asking, org: str) -> Document:
    login, role = asking.body(loginOrEmail=str)["loginOrEmail"], _role_in(asking)
    user = access.by_login(asking.state, login)
    if user is None:
        raise Refused(404, "User not found")
    if asking.state.get("org", SERVER, number(org)) is None:
        raise failed(500, "Could not add user to organization")
    if access.role(asking.state, int(org), user["id"]):
        raise Refused(409, "User is already member of this organization", userId=user["id"])
    join(asking.state, int(org), user["id"], role)
    return {"message": "User added to organization", "userId": user["id"]}


def _is_last_admin(state: State, org: int, user: int) -> bool:
    admins = [member["userId"] for member in state.all("member", org) if member["role"] == "Admin"]
    return admins == [user] or not admins


@route("PATCH", "/api/orgs/{}/users/{}", "server", "org.users:write")
def _change_member(asking: Asking, org: str, user: str) -> Document:
    role = _role_in(asking)
    if not access.role(asking.state, number(org), number(user)):
        raise failed(500, "Failed update org user")
    if role != "Admin" and _is_last_admin(asking.state, int(org), int(user)):
        raise Refused(400, "Cannot change role so that there is no organization admin left")
    join(asking.state, int(org), int(user), role)
    return {"message": "Organization user updated"}


@route("PATCH", "/api/org/users/{}", "Admin", "org.users:write")
def _change_own_member(asking: Asking, user: str) -> Document:
    return _change_member(asking, str(asking.org), user)


@route("DELETE", "/api/orgs/{}/users/{}", "server", "org.users:remove")
def _remove_member(asking: Asking, org: str, user: str) -> Document:
    if _is_last_admin(asking.state, number(org), number(user)):
        raise Refused(400, "Cannot remove last organization admin")
    asking.state.drop("member", int(org), user)
    return {"message": "User removed from organization"}
