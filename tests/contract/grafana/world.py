"""Organisations and users of a test's own on a server that it shares with others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.contract.grafana.server import Asker, Server, read, until

POOL = 20
PROVISIONING = "/api/v1/provisioning"


def fresh(what: str = "contract") -> str:
    """A name that nobody has."""
    return f"{what}-{uuid.uuid4().hex[:10]}"


@dataclass(frozen=True)
class User:
    """A user who comes with a token of the portal."""

    id: int
    login: str
    password: str
    server: Server

    @property
    def asker(self) -> Asker:
        return self.server.bearing(self.server.token(self.login))


@dataclass(frozen=True)
class Org:
    """An organisation of a test's own, and its administrator, asking within it."""

    id: int
    name: str
    server: Server

    @property
    def admin(self) -> Asker:
        return self.server.admin.within(self.id)

    def folder(self, uid: str = "voice", title: str = "Voice") -> Any:
        return read(self.admin.post("/api/folders", {"uid": uid, "title": title}))

    def dashboard(self, uid: str, title: str, folder: str | None = "voice", **more: Any) -> Any:
        body = {"dashboard": {"uid": uid, "title": title, **more}, "overwrite": True}
        return read(self.admin.post("/api/dashboards/db", body | ({"folderUid": folder} if folder else {})))


@dataclass
class Maker:
    """Makes organisations and users, and takes them away in the end."""

    server: Server
    orgs: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)

    def org(self, name: str | None = None) -> Org:
        name = name or fresh()
        made = read(self.server.admin.post("/api/orgs", {"name": name}))["orgId"]
        self.orgs.append(made)
        return Org(made, name, self.server)

    def user(self, org: Org, *, login: str | None = None, role: str = "Viewer") -> User:
        login, password = login or fresh(), uuid.uuid4().hex
        body = {"login": login, "name": login, "password": password, "OrgId": org.id}
        made = read(self.server.admin.post("/api/admin/users", body))["id"]
        self.users.append(made)
        if role != "Viewer":
            read(self.server.admin.patch(f"/api/orgs/{org.id}/users/{made}", {"role": role}))
        return User(made, login, password, self.server)

    def join(self, user: User, org: Org, role: str = "Viewer") -> None:
        read(self.server.admin.post(f"/api/orgs/{org.id}/users", {"loginOrEmail": user.login, "role": role}))

    def leave(self, user: User, org: Org) -> None:
        read(self.server.admin.delete(f"/api/orgs/{org.id}/users/{user.id}"))

    def clear(self) -> None:
        for user in self.users:
            self.server.admin.delete(f"/api/admin/users/{user}")
        for org in self.orgs:
            self.server.admin.delete(f"/api/orgs/{org}")


@contextmanager
def making(server: Server) -> Iterator[Maker]:
    """A maker for a while."""
    maker = Maker(server)
    try:
        yield maker
    finally:
        maker.clear()


class Pool:
    """Organisations that are made some at a time, as alerting begins in all of them at once."""

    def __init__(self, maker: Maker) -> None:
        self._maker, self._made = maker, list[Org]()

    def take(self) -> Org:
        """One in which alerting has begun."""
        if not self._made:
            self._made = [self._maker.org() for _ in range(POOL)]
        return begun(self._made.pop())


def begun(org: Org) -> Org:
    """`org`, once alerting has begun in it."""
    until(lambda: org.admin.get(f"{PROVISIONING}/policies").status_code == 200, "alerting has begun", 70)
    return org
