"""The search for folders and dashboards of an organisation."""

from __future__ import annotations

from collections.abc import Callable

from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.folders import place, slug, url, visible
from voice_lab.grafana_stand_in.http import Refused, route
from voice_lab.grafana_stand_in.state import Document

LIMIT, HIGHEST_LIMIT = 1000, 5000


@route("GET", "/api/search", "")
def _search(asking: Asking) -> list[Document]:
    limit = asking.number("limit", LIMIT)
    if limit > HIGHEST_LIMIT:
        text = f"Limit is above maximum allowed ({HIGHEST_LIMIT}), use page parameter to access hits beyond limit"
        raise Refused(422, text)
    limit = limit if limit > 0 else LIMIT
    found = sorted(filter(_wanted(asking), _hits(asking)), key=lambda hit: hit["title"].encode())
    # Pages are cut by title, folders and dashboards mixed; within one, folders come first.
    descending = asking.request.query.get("sort") == "alpha-desc"
    page = sorted(asking.page(found, limit), key=lambda hit: hit["title"].lower(), reverse=descending)
    return sorted(page, key=lambda hit: hit["type"] != "dash-folder")


def _wanted(asking: Asking) -> Callable[[Document], bool]:
    query = asking.request.query
    kind, tag, text = query.get("type", ""), query.get("tag", ""), query.get("query", "").lower()

    def is_wanted(hit: Document) -> bool:
        is_kind = kind not in {"dash-db", "dash-folder"} or hit["type"] == kind
        return is_kind and (not tag or tag in hit["tags"]) and text in hit["title"].lower()

    return is_wanted


def _hits(asking: Asking) -> list[Document]:
    """The folders and dashboards that who asks may see, as a search tells of them."""
    state, org = asking.state, asking.org
    folders = {one["uid"]: one for one in state.all("folder", org) if visible(asking, one["uid"])}
    boards = [one for one in state.all("dashboard", org) if asking.role and visible(asking, one["folderUid"])]
    found = [_hit(asking, one, "dash-folder", "dashboards/f") for one in folders.values()]
    return [*found, *(_in_folder(asking, one, folders.get(one["folderUid"])) for one in boards)]


def _hit(asking: Asking, one: Document, kind: str, path: str) -> Document:
    names = {"id": one["id"], "uid": one["uid"], "title": one["title"], "uri": f"db/{slug(one['title'])}"}
    address = {"url": url(asking, path, one["uid"], one["title"]), "slug": "", "type": kind}
    return {**names, **address, "tags": one.get("tags", []), "isStarred": False, "sortMeta": 0}


def _in_folder(asking: Asking, one: Document, folder: Document | None) -> Document:
    return {**_hit(asking, one, "dash-db", "d"), **(place(asking, folder) if folder else {})}
