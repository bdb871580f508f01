"""One client's organisation in Grafana: what is there, and putting it right.

Each `ensure_*` reads first and writes only what differs. All of them raise Transient or Rejected.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import REVISION_PREFIX, Dashboard
from voiceprobe_operator.desired import Datasource
from voiceprobe_operator.diff import diff, shows
from voiceprobe_operator.errors import Rejected
from voiceprobe_operator.grafana import Grafana

_SEARCH_PAGE = 1000
_DATASOURCE = f"/api/datasources/uid/{names.DATASOURCE_UID}"
_FOLDER = f"/api/folders/{names.FOLDER_UID}"


@dataclass(frozen=True, slots=True)
class Written:
    """The uids of the dashboards that were put and removed, and those that Grafana refused."""

    put: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: Mapping[str, Rejected] = field(default_factory=dict)


class Organisation:
    """Everything of one client in Grafana."""

    def __init__(self, grafana: Grafana, org: int) -> None:
        self.org = org
        self._grafana = grafana

    @classmethod
    async def ensure(cls, grafana: Grafana, name: str) -> Organisation:
        """The organisation called `name`, with the administrator in it: only members may set it up."""
        found = await grafana.get(f"/api/orgs/name/{quote(name, safe='')}")
        if found is None:
            made = await grafana.send("POST", "/api/orgs", {"name": name})
            return cls(grafana, made["orgId"])
        return cls(grafana, found["id"])

    async def ensure_members(self, viewer: str) -> None:
        """Exactly this viewer (and the operator's own administrator) sees this organisation, and it sees no other."""
        members = {m["login"]: m for m in await self._grafana.get(f"/api/orgs/{self.org}/users")}
        # Asked, since it may log in by another spelling or an e-mail address: members are listed by login.
        own = (await self._grafana.get("/api/user"))["login"]
        if members.get(own, {}).get("role") != "Admin":
            await self._add_member(own, "Admin", members)
        for login in members.keys() - {own, viewer}:
            await self._grafana.delete(f"/api/orgs/{self.org}/users/{members[login]['userId']}")
        user = members[viewer]["userId"] if viewer in members else await self._ensure_user(viewer)
        orgs = {o["orgId"]: o["role"] for o in await self._grafana.get(f"/api/users/{user}/orgs")}
        if orgs.get(self.org) != "Viewer":
            await self._add_member(viewer, "Viewer", {viewer: {"userId": user}} if self.org in orgs else {})
        for other in orgs.keys() - {self.org}:
            await self._grafana.delete(f"/api/orgs/{other}/users/{user}")

    async def _add_member(self, login: str, role: str, members: Mapping[str, Any]) -> None:
        path = f"/api/orgs/{self.org}/users"
        if login in members:
            await self._grafana.send("PATCH", f"{path}/{members[login]['userId']}", {"role": role})
        else:
            await self._grafana.send("POST", path, {"loginOrEmail": login, "role": role})

    async def _ensure_user(self, login: str) -> int:
        found = await self._grafana.get("/api/users/lookup", loginOrEmail=login)
        if found is None:
            # Nobody ever logs in with this password: the portal vouches for the viewer with a signed token.
            user = {"login": login, "name": login, "password": secrets.token_urlsafe(32), "OrgId": self.org}
            found = await self._grafana.send("POST", "/api/admin/users", user)
        return int(found["id"])

    async def ensure_datasource(self, want: Datasource) -> bool:
        """Whether the datasource had to be written."""
        have = await self._grafana.get(_DATASOURCE, org=self.org)
        if have is not None and shows(want.visible, have):
            return False
        body = {**want.visible, "secureJsonData": want.secret}
        if have is None:
            await self._grafana.send("POST", "/api/datasources", body, org=self.org)
        else:
            await self._grafana.send("PUT", _DATASOURCE, body, org=self.org)
        return True

    async def ensure_folder(self) -> None:
        """The one folder that holds every dashboard of the client."""
        have = await self._grafana.get(_FOLDER, org=self.org)
        if have is None:
            folder = {"uid": names.FOLDER_UID, "title": names.FOLDER_TITLE}
            await self._grafana.send("POST", "/api/folders", folder, org=self.org)
        elif have["title"] != names.FOLDER_TITLE:
            body = {"title": names.FOLDER_TITLE, "overwrite": True}
            await self._grafana.send("PUT", _FOLDER, body, org=self.org)

    async def ensure_dashboards(
        self, want: Mapping[str, Dashboard], *, inspect: Collection[str], keep: Collection[str]
    ) -> Written:
        """Write dashboards that differ, remove those of probes that are gone, leave those in `keep` as they are.

        A search lists the revision of all, which misses an edit by hand that kept the tags: those in `inspect` are
        read whole.
        """
        revisions = await self._revisions()
        for uid in inspect:
            if uid in revisions and uid in want and not await self._is_as_written(want[uid]):
                revisions[uid] = ""
        change = diff({uid: dashboard.revision for uid, dashboard in want.items()}, revisions)
        refused = {}
        for uid in change.put:
            try:
                await self._put(want[uid])
            except Rejected as error:
                refused[uid] = error
        # Only what is ours by name: a dashboard that somebody else made stays.
        gone = tuple(u for u in change.drop if u.startswith(names.PROBE_DASHBOARD_PREFIX) and u not in keep)
        for uid in gone:
            await self._grafana.delete(f"/api/dashboards/uid/{uid}", org=self.org)
        return Written(tuple(uid for uid in change.put if uid not in refused), gone, refused)

    async def _revisions(self) -> dict[str, str]:
        """The revision of every dashboard in our folder; empty for one that has none."""
        found: dict[str, str] = {}
        page = 1
        while True:
            hits = await self._grafana.get("/api/search", org=self.org, type="dash-db", limit=_SEARCH_PAGE, page=page)
            found |= {hit["uid"]: _revision_tag(hit) for hit in hits}
            if len(hits) < _SEARCH_PAGE:
                return found
            page += 1

    async def _is_as_written(self, dashboard: Dashboard) -> bool:
        have = await self._grafana.get(f"/api/dashboards/uid/{dashboard.uid}", org=self.org)
        return have is not None and shows(dashboard.model(), have["dashboard"])

    async def _put(self, dashboard: Dashboard) -> None:
        body = {
            "dashboard": dashboard.model(),
            "folderUid": names.FOLDER_UID,
            "overwrite": True,
            "message": f"written by {names.MANAGER}",
        }
        await self._grafana.send("POST", "/api/dashboards/db", body, org=self.org)


def _revision_tag(hit: Mapping[str, Any]) -> str:
    if hit.get("folderUid") != names.FOLDER_UID:
        # Moved elsewhere: writing it again brings it back.
        return ""
    tags = (tag for tag in hit["tags"] if tag.startswith(REVISION_PREFIX))
    return next(tags, "").removeprefix(REVISION_PREFIX)
