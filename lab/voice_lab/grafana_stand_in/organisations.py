"""Organisations, their members, and users."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from voice_lab.grafana_stand_in import access
from voice_lab.grafana_stand_in.access import ADMIN_ID, MAIN_ORG, TEXT, Asking
from voice_lab.grafana_stand_in.http import Refused, Response, answer, bad_data, failed, route
from voice_lab.grafana_stand_in.state import SERVER, Document, State

AVATAR = "/public/img/user_profile.png"
OF_AN_ORGANISATION = (
    "member", "datasource", "datasource-secret", "folder", "dashboard", "dashboard-model", "permission",
    "rule", "group", "policy", "contact", "timing",
)  # fmt: skip
"""The kinds of documents that go with their organisation."""
_ADDRESS = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
_YEARS = 10 * 365.25 * 86400
"""How long before its making a user that was never seen is said to have been seen."""


def stamp(seconds: float) -> str:
    """A time as Grafana writes it: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_whole(seconds: float) -> str:
    """The same with nanoseconds: in answers to what was just written."""
    return f"{stamp(seconds)[:-1]}.{int(seconds % 1 * 1e9):09}Z"


def begin(state: State, now: float) -> None:
    """Make what a server is born with: an organisation and an administrator."""
    if state.get("user", SERVER, ADMIN_ID) is None:
        _add_user(state, "admin", "admin@localhost", now)
        add_org(state, "Main Org.", now)


def add_org(state: State, name: str, now: float) -> int:
    """Make an organisation, whose Admin is the administrator; its number."""
    org = state.next("org")
    state.put("org", SERVER, org, {"id": org, "name": name, "created": now})
    _join(state, org, ADMIN_ID, "Admin")
    return org


def _add_user(state: State, login: str, email: str, now: float, **more: str) -> int:
    user = state.next("user")
    made = {"id": user, "login": login, "email": email, "name": "", "orgId": MAIN_ORG, "created": now, "seen": None}
    state.put("user", SERVER, user, {**made, **more})
    return user


def _join(state: State, org: int, user: int, role: str) -> None:
    state.put("member", org, user, {"userId": user, "role": role})


@route("GET", "/api/health", "anybody")
def _health(asking: Asking) -> Response:
    body = {"commit": "stand-in", "database": "ok", "version": asking.config.version}
    return Response(200, ("{\n" + ",\n".join(f'  "{k}": "{v}"' for k, v in body.items()) + "\n}").encode())


def _shown_user(asking: Asking, user: Document, **more: object) -> Document:
    fields = {"id": user["id"], "email": user["email"], "name": user["name"], "login": user["login"], "theme": ""}
    own = [org for org, member in asking.state.everywhere("member") if member["userId"] == user["id"]]
    org = {"orgId": user["orgId"] if user["orgId"] in own else own[0]} if own else {}
    is_admin = {"isGrafanaAdmin": user["id"] == ADMIN_ID}
    flags = {"isDisabled": False, "isExternal": False, "isExternallySynced": False, "authLabels": []}
    times = {"updatedAt": stamp(user["created"]), "createdAt": stamp(user["created"])}
    return {**fields, **org, **is_admin, **flags, **times, "avatarUrl": _avatar(asking), **more}


def _avatar(asking: Asking) -> str:
    return f"{asking.config.sub_path}{AVATAR}"


@route("GET", "/api/user", "")
def _me(asking: Asking) -> Document:
    return _shown_user(asking, asking.user)


@route("GET", "/api/user/orgs", "")
def _my_orgs(asking: Asking) -> list[Document]:
    return _orgs_of(asking, asking.user["id"])


@route("POST", "/api/user/using/{}", "")
def _use(asking: Asking, org: str) -> Document:
    if not org.isdecimal() or not access.role(asking.state, int(org), asking.user["id"]):
        raise Refused(401, "Not a valid organization")
    switch(asking.state, asking.user, int(org))
    return {"message": "Active organization changed"}


def switch(state: State, user: Document, org: int) -> None:
    """Make `org` the one that the user is in."""
    state.put("user", SERVER, user["id"], {**user, "orgId": org})


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
    look = {"avatarUrl": _avatar(asking), "login": user["login"], "role": role}
    return {**who, **look, "lastSeenAt": stamp(seen), "lastSeenAtAge": age, **flags}


@route("GET", "/api/orgs/{}/users", "server", "org.users:read")
def _org_users(asking: Asking, org: str) -> list[Document]:
    return _members(asking, _id(org))


@route("GET", "/api/org/users", "", "org.users:read")
def _own_org_users(asking: Asking) -> list[Document]:
    if asking.role not in {"Admin", ""} or (not asking.role and not asking.is_server_admin):
        raise access.denied("org.users:read")
    return _members(asking, asking.org) if asking.role else []


def _id(text: str) -> int:
    if not text.isdecimal():
        raise Refused(400, "id is invalid")
    return int(text)


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
    if asking.state.get("org", SERVER, _id(org)) is None:
        raise failed(500, "Could not add user to organization")
    if access.role(asking.state, int(org), user["id"]):
        raise Refused(409, "User is already member of this organization", userId=user["id"])
    _join(asking.state, int(org), user["id"], role)
    return {"message": "User added to organization", "userId": user["id"]}


def _is_last_admin(state: State, org: int, user: int) -> bool:
    admins = [member["userId"] for member in state.all("member", org) if member["role"] == "Admin"]
    return admins == [user] or not admins


@route("PATCH", "/api/orgs/{}/users/{}", "server", "org.users:write")
def _change_member(asking: Asking, org: str, user: str) -> Document:
    role = _role_in(asking)
    if not access.role(asking.state, _id(org), _id(user)):
        raise failed(500, "Failed update org user")
    if role != "Admin" and _is_last_admin(asking.state, int(org), int(user)):
        raise Refused(400, "Cannot change role so that there is no organization admin left")
    _join(asking.state, int(org), int(user), role)
    return {"message": "Organization user updated"}


@route("PATCH", "/api/org/users/{}", "Admin", "org.users:write")
def _change_own_member(asking: Asking, user: str) -> Document:
    return _change_member(asking, str(asking.org), user)


@route("DELETE", "/api/orgs/{}/users/{}", "server", "org.users:remove")
def _remove_member(asking: Asking, org: str, user: str) -> Document:
    if _is_last_admin(asking.state, _id(org), _id(user)):
        raise Refused(400, "Cannot remove last organization admin")
    asking.state.drop("member", int(org), user)
    return {"message": "User removed from organization"}


@route("GET", "/api/users/lookup", "server", "users:read")
def _lookup(asking: Asking) -> Document:
    user = access.by_login(asking.state, asking.request.query.get("loginOrEmail", ""))
    if user is None:
        raise Refused(404, "user not found")
    return _shown_user(asking, user, authLabels=None, avatarUrl="")


@route("GET", "/api/users", "server", "users:read")
def _users(asking: Asking) -> list[Document]:
    users = sorted(asking.state.all("user", SERVER), key=lambda user: user["login"].encode())
    size = asking.number("perpage", 1000)
    start = (max(1, asking.number("page", 1)) - 1) * size
    return [_shown_user(asking, user) for user in users[start : start + size]]


@route("GET", "/api/users/{}/orgs", "server", "users:read")
def _user_orgs(asking: Asking, user: str) -> list[Document]:
    return _orgs_of(asking, _id(user))


def _orgs_of(asking: Asking, user: int) -> list[Document]:
    names = {org["id"]: org["name"] for org in asking.state.all("org", SERVER)}
    own = [(org, member) for org, member in asking.state.everywhere("member") if member["userId"] == user]
    found = [{"orgId": org, "name": names[org], "role": member["role"]} for org, member in own]
    return sorted(found, key=lambda org: org["name"].encode())


@route("POST", "/api/admin/users", "server", "users:create")
def _create_user(asking: Asking) -> Document:
    body = asking.body(password=str, login=TEXT, email=TEXT, name=TEXT)
    login, email = (body.get(name) or "" for name in ("login", "email"))
    if not login and not email:
        raise Refused(400, "Validation error, need specify either username or email")
    if len(body["password"]) < 4:
        raise Refused(400, "Password is missing or too short")
    org = body.get("OrgId") or MAIN_ORG
    if asking.state.get("org", SERVER, org) is None:
        raise Refused(400, f"[org.notFound] failed to get organization with ID: {org}")
    if any(name and access.by_login(asking.state, name) for name in (login, email)):
        raise failed(412, f"User with email '{email}' or username '{login}' already exists")
    salt = secrets.token_hex(8)
    kept = {"name": body.get("name") or "", "salt": salt, "password": access.kept_password(body["password"], salt)}
    user = _add_user(asking.state, login or email, email or login, asking.now, **kept)
    switch(asking.state, asking.state.get("user", SERVER, user) or {}, org)
    _join(asking.state, org, user, "Viewer")
    return {"id": user, "message": "User created"}


@route("DELETE", "/api/admin/users/{}", "server", "users:delete")
def _delete_user(asking: Asking, user: str) -> Document:
    if not asking.state.drop("user", SERVER, user):
        raise Refused(404, "user not found")
    for org, member in asking.state.everywhere("member"):
        if str(member["userId"]) == user:
            asking.state.drop("member", org, user)
    return {"message": "User deleted"}


for _path, _action in (
    ("/api/admin/settings", "settings:read"),
    ("/api/auth/keys", "apikeys:read"),
    ("/api/serviceaccounts/search", "serviceaccounts:read"),
):
    # What nobody of ours uses, and no viewer may.
    route("GET", _path, "server", _action)(lambda _asking: answer({}))
