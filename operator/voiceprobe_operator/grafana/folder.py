"""The folder that holds all dashboards of an organisation, and who may see into it.

Dashboards have no permissions of their own but those of their folder: what is given to one can only add to them. Up to
10.0, Grafana deletes the permissions of a folder's uid in all organisations when it deletes the folder in one
(issue #69277): viewers then find nothing, and the administrator sees nothing wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.errors import Rejected, Taken
from voiceprobe_operator.grafana.api import Grafana

_FOLDER = f"/api/folders/{names.FOLDER_UID}"
_PERMISSIONS = f"{_FOLDER}/permissions"
_VIEW, _EDIT = 1, 2
# Before 11.3: the one folder of a title is the one that is written.
_NAMESAKE = f"another folder of the organisation is called {names.FOLDER_TITLE}: rename or remove it"


@dataclass(slots=True)
class Held:
    """The folder as it is."""

    title: str
    permissions: list[Json]

    @property
    def is_shown(self) -> bool:
        """Whether whoever is Viewer of the organisation may view what is in it."""
        return any(entry.get("role") == "Viewer" and entry["permission"] >= _VIEW for entry in self.permissions)


async def look(grafana: Grafana, org: int, title: str) -> Held:
    """What there is of a folder of this title."""
    return Held(title, await grafana.get(_PERMISSIONS, org=org) or [])


async def ensure(grafana: Grafana, org: int, held: Held | None) -> Held:
    """Make it be there, have its title, and be seen by viewers; what is there then."""
    if held is None:
        await _create(grafana, org)
        # As Grafana makes every folder.
        return Held(names.FOLDER_TITLE, _shared([]))
    if held.title != names.FOLDER_TITLE:
        body = {"title": names.FOLDER_TITLE, "overwrite": True}
        written = await grafana.send("PUT", _FOLDER, body, org=org)
        if written["uid"] != names.FOLDER_UID:
            raise Rejected("GrafanaRejected", _NAMESAKE)
        held.title = names.FOLDER_TITLE
    if not held.is_shown:
        items = _shared(held.permissions)
        await grafana.send("POST", _PERMISSIONS, {"items": items}, org=org)
        held.permissions = items
    return held


async def _create(grafana: Grafana, org: int) -> None:
    try:
        await grafana.create("/api/folders", {"uid": names.FOLDER_UID, "title": names.FOLDER_TITLE}, org=org)
    except Taken as error:
        if await grafana.get(_FOLDER, org=org) is None:
            raise Rejected("GrafanaRejected", _NAMESAKE) from error
        raise


def _shared(have: list[Json]) -> list[Json]:
    """What is to be written so that viewers view: it takes the place of all there is, so the rest of that is in it."""
    kept = [
        {who: entry[who], "permission": entry["permission"]}
        for entry in have
        for who in ("role", "teamId", "userId")
        if entry.get(who) and entry[who] != "Viewer"
    ]
    editors = [] if any(one.get("role") == "Editor" for one in kept) else [{"role": "Editor", "permission": _EDIT}]
    return [{"role": "Viewer", "permission": _VIEW}, *editors, *kept]
