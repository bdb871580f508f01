"""Finding dashboards and folders (contract, 7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.matching import NUMBER
from tests.contract.grafana.server import read
from tests.contract.grafana.world import Org, User

pytestmark = pytest.mark.services
TOO_MUCH = "Limit is above maximum allowed (5000), use page parameter to access hits beyond limit"


def folder(uid: str, title: str, slug: str) -> dict[str, Any]:
    return {
        "id": NUMBER, "uid": uid, "title": title, "uri": f"db/{slug}", "url": f"/grafana/dashboards/f/{uid}/{slug}",
        "slug": "", "type": "dash-folder", "tags": [], "isStarred": False, "sortMeta": 0,
    }  # fmt: skip


def dashboard(uid: str, title: str, slug: str, **more: Any) -> dict[str, Any]:
    known = {"url": f"/grafana/d/{uid}/{slug}", "type": "dash-db"}
    return folder(uid, title, slug) | known | more


def inside(number: int, uid: str, title: str, slug: str) -> dict[str, Any]:
    url = f"/grafana/dashboards/f/{uid}/{slug}"
    return {"folderId": number, "folderUid": uid, "folderTitle": title, "folderUrl": url}


def uids(org: Org, **params: Any) -> list[str]:
    return [hit["uid"] for hit in read(org.admin.get("/api/search", **params))]


@pytest.fixture
def some(org: Org) -> Org:
    """A folder and five dashboards, one of them outside; the folder's title comes late by its bytes."""
    org.folder("voice", "voice")
    for uid, title, tags in (("d", "delta", ["x"]), ("a", "Alpha", ["y", "x"]), ("b", "beta", ["xy"])):
        org.dashboard(uid, title, tags=tags)
    org.dashboard("c", "Charlie", folder=None, tags=["X"])
    org.dashboard("z", "zulu 100%_off")
    return org


def test_hits_are_told_whole_with_their_tags_in_order_and_repeated(org: Org):
    number = org.folder()["id"]
    org.dashboard("vp-1", "Probe one", tags=["z", "a", "z", "A", "é"])
    org.dashboard("vp-2", "Probe two", folder=None)
    recorded = [
        folder("voice", "Voice", "voice"),
        dashboard("vp-1", "Probe one", "probe-one", tags=["A", "a", "z", "z", "é"])
        | inside(number, "voice", "Voice", "voice"),
        dashboard("vp-2", "Probe two", "probe-two"),
    ]
    org.server.check(org.admin.get("/api/search"), 200, recorded)


def test_folders_come_first_and_then_titles_without_regard_to_case(some: Org):
    assert uids(some) == ["voice", "a", "b", "c", "d", "z"]


def test_pages_are_cut_by_title_capitals_first_with_folders_among_the_rest(some: Org):
    """So a folder may stand on a later page than its dashboards."""
    assert uids(some, limit=2, page=1) == ["a", "c"], "Alpha, Charlie"
    assert uids(some, limit=2, page=2) == ["b", "d"], "beta, delta"
    assert uids(some, limit=2, page=3) == ["voice", "z"], "voice, zulu"
    assert uids(some, limit=4, page=2) == ["voice", "z"]
    assert uids(some, limit=2, page=4) == []


def test_page_0_is_page_1(some: Org):
    assert uids(some, limit=2, page=0) == uids(some, limit=2, page=1)


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_that_is_none_is_the_default(some: Org, limit: str):
    assert uids(some, limit=limit) == uids(some)


def test_a_limit_of_5000_is_the_most(org: Org):
    assert uids(org, limit=5000, page=1) == []
    answer = org.admin.get("/api/search", limit=5001)
    assert (answer.status_code, answer.json()["message"]) == (422, TOO_MUCH)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"type": "dash-db"}, ["a", "b", "c", "d", "z"]),
        ({"type": "dash-folder"}, ["voice"]),
        ({"type": "other"}, ["voice", "a", "b", "c", "d", "z"]),
        ({"tag": "x"}, ["a", "d"]),
        ({"tag": "xy"}, ["b"]),
        ({"query": "ALPH"}, ["a"]),
        ({"query": "e"}, ["voice", "b", "c", "d"]),
        ({"sort": "alpha-desc"}, ["z", "d", "c", "b", "a", "voice"]),
    ],
    ids=[
        "dashboards alone", "folders alone", "a type that there is not", "a tag", "a tag that holds another",
        "a part of a title in other letters", "a part of several titles", "the order turned round",
    ],
)  # fmt: skip
def test_hits_are_chosen_by(some: Org, params: dict[str, str], found: list[str]):
    told = uids(some, **params)
    if "sort" in params:
        # Whether folders still come first was not recorded.
        assert [uid for uid in told if uid != "voice"] == [uid for uid in found if uid != "voice"]
        assert set(told) == set(found)
    else:
        assert told == found


def test_folder_uids_are_ignored(some: Org):
    some.server.only_before("10.1", "newer ones know folderUIDs")
    assert uids(some, folderUIDs="none") == uids(some)


def test_a_viewer_finds_what_it_may_see(some: Org, viewer: User):
    assert [hit["uid"] for hit in read(viewer.asker.get("/api/search"))] == uids(some)


def test_new_and_moved_and_deleted_ones_show_at_once(org: Org):
    org.folder()
    org.folder("other", "Other")
    where = lambda: {hit["uid"]: hit.get("folderUid") for hit in read(org.admin.get("/api/search", type="dash-db"))}  # noqa: E731
    org.dashboard("vp-1", "Probe one")
    assert where() == {"vp-1": "voice"}
    org.dashboard("vp-1", "Probe one", "other")
    assert where() == {"vp-1": "other"}
    read(org.admin.delete("/api/dashboards/uid/vp-1"))
    assert where() == {}
