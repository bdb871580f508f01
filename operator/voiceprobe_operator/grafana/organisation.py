"""One client's organisation in Grafana: what is there, and putting it right.

`look` asks for everything once, in five requests however many dashboards there are. After that `Held` says what is
there, and each `ensure_*` writes only what differs from it. All of them raise Transient or Rejected, after which
nothing that `Held` says is certain.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import REVISION_PREFIX, Dashboard, Json
from voiceprobe_operator.desired import WHEN_EMPTY, Datasource
from voiceprobe_operator.diff import shows
from voiceprobe_operator.grafana import alerts, folder, notifications
from voiceprobe_operator.grafana.api import Grafana
from voiceprobe_operator.grafana.titles import Titles, taken

_SEARCH_PAGE = 5000
_OUR_DATASOURCES = (names.CLIENT_DATASOURCE_UID, names.FLEET_DATASOURCE_UID, names.FORMER_DATASOURCE_UID)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may look into the organisation."""

    id: int
    role: str


@dataclass(slots=True)
class Held:
    """What Grafana holds of one client. Of a dashboard, its revision; empty: it is not as any of ours.

    `datasources` are those of ours, by uid; `titles` those of the dashboards in our folder.
    """

    org: int
    members: dict[str, Member] = field(default_factory=dict)
    viewer_roles: dict[int, str] = field(default_factory=dict)
    datasources: dict[str, Json] = field(default_factory=dict)
    folder: folder.Held | None = None
    dashboards: dict[str, str] = field(default_factory=dict)
    titles: Titles = field(default_factory=Titles)
    alerting: alerts.Held | None = None
    notifications: notifications.Held | None = None


class Organisation:
    """Everything of one client in Grafana."""

    def __init__(self, grafana: Grafana, held: Held) -> None:
        self.held = held
        self._grafana, self._org = grafana, held.org

    @classmethod
    async def look(cls, grafana: Grafana, org: int, viewer: str, own: str) -> Organisation:
        """What there is; nothing without members: then the organisation is gone, or nobody's.

        The operator's `own` login joins it first, as Grafana tells nobody else, not even the server's administrator.
        """
        members = {
            m["login"]: Member(m["userId"], m["role"]) for m in await grafana.get(f"/api/orgs/{org}/users") or ()
        }
        held = Held(org, members)
        organisation = cls(grafana, held)
        if not members:
            return organisation
        await organisation._ensure_admin(own)
        if viewer in members:
            held.viewer_roles = await _roles(grafana, members[viewer].id)
        sources = await grafana.get("/api/datasources", org=org) or ()
        held.datasources = {source["uid"]: source for source in sources if source["uid"] in _OUR_DATASOURCES}
        await _search(grafana, held)
        return organisation

    async def ensure_members(self, viewer: str, own: str) -> None:
        """Exactly this viewer and the operator's `own` login see this organisation; the viewer sees no other."""
        await self._ensure_admin(own)
        for login in self.held.members.keys() - {own, viewer}:
            await self._grafana.delete(f"/api/orgs/{self._org}/users/{self.held.members.pop(login).id}")
        if viewer not in self.held.members:
            await self._find_viewer(viewer)
        if self._role(viewer) != "Viewer":
            await self._join(viewer, "Viewer")
        for other in self.held.viewer_roles.keys() - {self._org}:
            await self._grafana.delete(f"/api/orgs/{other}/users/{self.held.members[viewer].id}")
            del self.held.viewer_roles[other]

    async def _ensure_admin(self, own: str) -> None:
        if self._role(own) != "Admin":
            await self._join(own, "Admin")

    def _role(self, login: str) -> str | None:
        member = self.held.members.get(login)
        return member.role if member else None

    async def _join(self, login: str, role: str) -> None:
        path = f"/api/orgs/{self._org}/users"
        member = self.held.members.get(login)
        if member is not None and member.role:
            await self._grafana.send("PATCH", f"{path}/{member.id}", {"role": role})
        else:
            await self._grafana.create(path, {"loginOrEmail": login, "role": role})
        self.held.members[login] = Member(member.id if member else 0, role)

    async def _find_viewer(self, login: str) -> None:
        found = await self._grafana.get("/api/users/lookup", loginOrEmail=login)
        if found is None:
            # Nobody ever logs in with this password: the portal vouches for the viewer with a signed token.
            user = {"login": login, "name": login, "password": secrets.token_urlsafe(32), "OrgId": self._org}
            found = await self._grafana.create("/api/admin/users", user)
        self.held.viewer_roles = await _roles(self._grafana, found["id"])
        self.held.members[login] = Member(int(found["id"]), self.held.viewer_roles.get(self._org, ""))

    async def ensure_datasource(self, want: Datasource, version: tuple[int, ...]) -> bool:
        """Whether the datasource had to be written; `version` is Grafana's.

        One that has the uid of before is renamed by being written; any other of ours is removed.
        """
        held, uid = self.held.datasources, str(want.visible["uid"])
        have = held.get(uid) or held.get(names.FORMER_DATASOURCE_UID)
        for stray in [source for source in held.values() if source is not have]:
            await self._grafana.delete(_path(stray, version), org=self._org)
            del held[stray["uid"]]
        if have is not None and shows(want.visible, have):
            return False
        body = {**want.visible, "secureJsonData": want.secret}
        if have is None:
            await self._grafana.create("/api/datasources", body, org=self._org)
        else:
            await self._grafana.send("PUT", _path(have, version), body, org=self._org)
        self.held.datasources = {uid: {**(have or {}), **want.visible}}
        return True

    @property
    def when_empty(self) -> str:
        """What the client's last VoiceClient said of the organisation: Retain or Delete."""
        said = [(source.get("jsonData") or {}).get(WHEN_EMPTY) for source in self.held.datasources.values()]
        return next((str(word) for word in said if word), "Retain")

    async def delete(self, viewer: str) -> None:
        """Remove the organisation with all that is in it, and the viewer, who sees no other."""
        if viewer in self.held.members:
            await self._grafana.delete(f"/api/admin/users/{self.held.members[viewer].id}")
        await self._grafana.delete(f"/api/orgs/{self._org}")

    async def ensure_folder(self) -> bool:
        """Whether the one folder that holds every dashboard of the client had to be written."""
        have = self.held.folder
        if have is not None and have.title == names.FOLDER_TITLE and have.is_shown:
            return False
        self.held.folder = await folder.ensure(self._grafana, self._org, have)
        return True

    async def put(self, dashboard: Dashboard, version: tuple[int, ...]) -> None:
        """Write a dashboard; `version` is Grafana's. Raises Rejected rather than write over somebody else's."""
        if others := self.held.titles.in_the_way(dashboard.uid, dashboard.title, version):
            raise taken(min(others), dashboard.title)
        body = {
            "dashboard": dashboard.model(),
            "folderUid": names.FOLDER_UID,
            "overwrite": True,
            "message": f"written by {names.MANAGER}",
        }
        written = await self._grafana.send("POST", "/api/dashboards/db", body, org=self._org)
        if written["uid"] != dashboard.uid:
            raise taken(written["uid"], dashboard.title)
        self.held.dashboards[dashboard.uid] = dashboard.revision
        self.held.titles.put(dashboard.uid, dashboard.title)

    async def remove(self, uid: str) -> None:
        """Remove a dashboard."""
        await self._grafana.delete(f"/api/dashboards/uid/{uid}", org=self._org)
        self.held.dashboards.pop(uid, None)
        self.held.titles.drop(uid)

    async def inspect(self, dashboard: Dashboard) -> None:
        """Read a dashboard whole: an edit by hand that kept the tags changes no revision."""
        have = await self._grafana.get(f"/api/dashboards/uid/{dashboard.uid}", org=self._org)
        if have is None or not shows(dashboard.model(), have["dashboard"]):
            self.held.dashboards[dashboard.uid] = ""


def _path(source: Mapping[str, Any], version: tuple[int, ...]) -> str:
    """Before 9.0, Grafana knows a datasource by its number alone; later, the number is on its way out."""
    return f"/api/datasources/uid/{source['uid']}" if version >= (9,) else f"/api/datasources/{source['id']}"


async def _roles(grafana: Grafana, user: int) -> dict[int, str]:
    return {o["orgId"]: o["role"] for o in await grafana.get(f"/api/users/{user}/orgs") or ()}


async def _search(grafana: Grafana, held: Held) -> None:
    """Find our folder, and the revision of every dashboard of the organisation."""
    page = 1
    while True:
        hits = await grafana.get("/api/search", org=held.org, limit=_SEARCH_PAGE, page=page)
        for hit in hits:
            if hit["type"] == "dash-db":
                held.dashboards[hit["uid"]] = _revision_tag(hit)
                if hit.get("folderUid") == names.FOLDER_UID:
                    held.titles.put(hit["uid"], hit["title"])
            elif hit["uid"] == names.FOLDER_UID:
                held.folder = await folder.look(grafana, held.org, hit["title"])
        if len(hits) < _SEARCH_PAGE:
            return
        page += 1


def _revision_tag(hit: Mapping[str, Any]) -> str:
    if hit.get("folderUid") != names.FOLDER_UID:
        # Moved elsewhere: writing it again brings it back.
        return ""
    tags = (tag for tag in hit["tags"] if tag.startswith(REVISION_PREFIX))
    return next(tags, "").removeprefix(REVISION_PREFIX)
