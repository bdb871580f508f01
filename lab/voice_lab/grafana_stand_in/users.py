"""Users, and the organisations that they are in."""

from __future__ import annotations

import secrets

from voice_lab.grafana_stand_in import access, organisations
from voice_lab.grafana_stand_in.access import ADMIN_ID, AVATAR, MAIN_ORG, TEXT, Asking, number
from voice_lab.grafana_stand_in.http import Refused, failed, route, stamp
from voice_lab.grafana_stand_in.state import SERVER, Document, State


def begin(state: State, now: float) -> None:
    """Make what a server is born with: an organisation and an administrator."""
    if state.get("user", SERVER, ADMIN_ID) is None:
        _add_user(state, "admin", "admin@localhost", now)
        organisations.add_org(state, "Main Org.", now)


def _add_user(state: State, login: str, email: str, now: float, **more: str) -> int:
    user = state.next("user")
    made = {"id": user, "login": login, "email": email, "name": "", "orgId": MAIN_ORG, "created": now, "seen": None}
    state.put("user", SERVER, user, {**made, **more})
    return user


def _shown_user(asking: Asking, user: Document, **more: object) -> Document:
    fields = {"id": user["id"], "email": user["email"], "name": user["name"], "login": user["login"], "theme": ""}
    current = access.current(asking.state, user)
    org = {"orgId": current} if current else {}
    is_admin = {"isGrafanaAdmin": user["id"] == ADMIN_ID}
    flags = {"isDisabled": False, "isExternal": False, "isExternallySynced": False, "authLabels": []}
    times = {"updatedAt": stamp(user["created"]), "createdAt": stamp(user["created"])}
    return {**fields, **org, **is_admin, **flags, **times, "avatarUrl": asking.path(AVATAR), **more}


@route("GET", "/api/user", "")
def _me(asking: Asking) -> Document:
    return _shown_user(asking, asking.user)


@route("GET", "/api/user/orgs", "")
def _my_orgs(asking: Asking) -> list[Document]:
    return _orgs_of(asking, asking.user["id"])


@route("POST", "/api/user/using/{}", "")
def _use(asking: Asking, org: str) -> Document:
    if not access.role(asking.state, access.number(org), asking.user["id"]):
        raise Refused(401, "Not a valid organization")
    switch(asking.state, asking.user, int(org))
    return {"message": "Active organization changed"}


def switch(state: State, user: Document, org: int) -> None:
    """Make `org` the one that the user is in."""
    state.put("user", SERVER, user["id"], {**user, "orgId": org})


@route("GET", "/api/users/lookup", "server", "users:read")
def _lookup(asking: Asking) -> Document:
    user = access.by_login(asking.state, asking.request.query.get("loginOrEmail", ""))
    if user is None:
        raise Refused(404, "user not found")
    return _shown_user(asking, user, authLabels=None, avatarUrl="")


@route("GET", "/api/users", "server", "users:read")
def _users(asking: Asking) -> list[Document]:
    users = sorted(asking.state.all("user", SERVER), key=lambda user: user["login"].encode())
    return [_shown_user(asking, user) for user in asking.page(users, asking.number("perpage", 1000))]


@route("GET", "/api/users/{}/orgs", "server", "users:read")
def _user_orgs(asking: Asking, user: str) -> list[Document]:
    return _orgs_of(asking, number(user))


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
    organisations.join(asking.state, org, user, "Viewer")
    return {"id": user, "message": "User created"}


@route("DELETE", "/api/admin/users/{}", "server", "users:delete")
def _delete_user(asking: Asking, user: str) -> Document:
    if user == str(ADMIN_ID):
        raise Refused(400, "the administrator of a stand-in cannot be deleted")
    if not asking.state.drop("user", SERVER, user):
        raise Refused(404, "user not found")
    for org, member in asking.state.everywhere("member"):
        if str(member["userId"]) == user:
            asking.state.drop("member", org, user)
    return {"message": "User deleted"}
