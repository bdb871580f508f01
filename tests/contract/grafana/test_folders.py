"""Folders of an organisation (contract, 6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NANOS, NUMBER, TIME, UUID, failed
from tests.contract.grafana.server import read
from tests.contract.grafana.world import Maker, Org

pytestmark = pytest.mark.services
PATH, ALL = "/api/folders/voice", "/api/folders"
MISSING = {"message": "folder not found", "status": "not-found"}
CHANGED = {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
TAKEN = {"message": "a folder or dashboard in the general folder with the same name already exists"}
TITLES = ("11.3", "titles need not be unique (pull request #90687)")
RULE = {
    "title": "r", "folderUID": "voice", "ruleGroup": "g", "condition": "A", "noDataState": "OK", "for": "0s",
    "execErrState": "Error", "isPaused": True,
    "data": [{"refId": "A", "datasourceUid": "x", "relativeTimeRange": {"from": 600, "to": 0}, "model": {}}],
}  # fmt: skip


def shown(uid: Any = "voice", title: str = "Voice", slug: str = "voice", **more: Any) -> dict[str, Any]:
    rights = dict.fromkeys(("canSave", "canEdit", "canAdmin", "canDelete"), True)
    by = {"createdBy": "admin", "created": TIME, "updatedBy": "admin", "updated": TIME, "version": 1}
    url = f"/grafana/dashboards/f/{uid}/{slug}"
    return {"id": NUMBER, "uid": uid, "title": title, "url": url, "hasAcl": False} | rights | by | more


def test_a_folder_is_made(org: Org):
    answer = org.admin.post(ALL, {"uid": "voice", "title": "Voice"})
    made = org.server.check(answer, 200, shown(created=NANOS, updated=NANOS))
    org.server.check(org.admin.get(PATH), 200, shown(id=made["id"]))
    org.server.check(org.admin.get(ALL), 200, [{"id": made["id"], "uid": "voice", "title": "Voice"}])


def test_a_folder_without_a_uid_is_given_one(org: Org):
    made = read(org.admin.post(ALL, {"title": "auto uid"}))
    assert UUID.holds(made["uid"])
    recorded = shown(made["uid"], "auto uid", "auto-uid", id=made["id"])
    org.server.check(org.admin.get(f"{ALL}/{made['uid']}"), 200, recorded)


def test_a_uid_may_have_forty_characters(org: Org):
    uid = "x_-" + "9" * 37
    answer = org.admin.post(ALL, {"uid": uid, "title": "forty"})
    org.server.check(answer, 200, shown(uid, "forty", "forty", created=NANOS, updated=NANOS))


def test_folders_are_listed_by_title_without_regard_to_case(org: Org):
    for title in ("b", "C", "a"):
        org.folder(f"uid-{title}", title)
    recorded = [{"id": NUMBER, "uid": f"uid-{title}", "title": title} for title in ("a", "b", "C")]
    org.server.check(org.admin.get(ALL), 200, recorded)


def test_folders_are_listed_by_pages_from_1(org: Org):
    for title in ("a", "b", "c"):
        org.folder(f"uid-{title}", title)
    pages = [[one["title"] for one in read(org.admin.get(ALL, limit=2, page=page))] for page in (1, 2, 3)]
    assert pages == [["a", "b"], ["c"], []]


@table(
    case("a folder that there is not", f"GET {PATH}", None, 404, MISSING),
    case("a folder that there is not, to change it", f"PUT {PATH}", {"title": "Other", "overwrite": True}, 404,
         MISSING),
    case("a folder that there is not, to delete it", f"DELETE {PATH}", None, 404, MISSING),
)  # fmt: skip
def test_nobody_finds(org: Org, case: Case):
    case.check(org.admin, {})


def test_a_folder_of_another_organisation_is_not_found(maker: Maker, org: Org):
    org.folder()
    org.server.check(maker.org().admin.get(PATH), 404, MISSING)


@table(
    case("a uid that is taken", f"POST {ALL}", {"uid": "voice", "title": "Voice"}, 412, CHANGED),
    case("a uid that is taken, and another title", f"POST {ALL}", {"uid": "voice", "title": "Other"}, 412, CHANGED),
    case("another folder's title", f"POST {ALL}", {"uid": "voice2", "title": "Voice"}, 409, TAKEN, before=TITLES),
    case("another folder's title in other letters", f"POST {ALL}", {"uid": "voice2", "title": "vOICE"}, 409, TAKEN,
         before=TITLES),
    case("a uid of more than 40 characters", f"POST {ALL}", {"uid": "x" * 41, "title": "long"}, 400,
         failed("uid too long, max 40 characters")),
    case("a uid with a blank", f"POST {ALL}", {"uid": "a b", "title": "bad uid"}, 400,
         failed("uid contains illegal characters")),
    case("a uid with a full stop", f"POST {ALL}", {"uid": "a.b", "title": "bad uid"}, 400,
         failed("uid contains illegal characters")),
    case("an empty title", f"POST {ALL}", {"uid": "e", "title": ""}, 400, {"message": "folder title cannot be empty"}),
    case("no title", f"POST {ALL}", {"uid": "e"}, 400, {"message": "folder title cannot be empty"}),
    case("the uid general", f"POST {ALL}", {"uid": "general", "title": "x"}, 500, failed("Folder API error"),
         before=("11.0", "nobody recorded what newer ones say")),
    case("the uid and title general", f"POST {ALL}", {"uid": "general", "title": "General"}, 500,
         failed("Folder API error"), before=("11.0", "nobody recorded what newer ones say")),
    case("the title General", f"POST {ALL}", {"uid": "gen2", "title": "General"}, 400,
         failed("A folder with that name already exists"), before=TITLES),
)  # fmt: skip
def test_a_folder_is_not_made_with(org: Org, case: Case):
    org.folder()
    case.check(org.admin, {})
    assert [one["uid"] for one in read(org.admin.get(ALL))] == ["voice"]


def test_a_folder_is_not_made_with_the_uid_of_a_dashboard(org: Org):
    org.dashboard("vp-1", "Probe one", folder=None)
    answer = org.admin.post(ALL, {"uid": "vp-1", "title": "x"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Dashboard cannot be changed to a folder")


@pytest.mark.parametrize("title", ["Probe one", "probe, ONE!"], ids=["title", "slug"])
def test_a_folder_is_not_made_with_the_title_or_slug_of_a_dashboard_outside_folders(org: Org, title: str):
    org.server.only_before(*TITLES)
    org.dashboard("vp-1", "Probe one", folder=None)
    answer = org.admin.post(ALL, {"uid": "voice", "title": title})
    words = "Folder name cannot be the same as one of its dashboards"
    assert (answer.status_code, answer.json()["message"]) == (400, words)


def test_a_folder_is_changed_with_overwrite(org: Org):
    made = org.folder()
    recorded = shown(title="Other", slug="other", id=made["id"], version=2)
    org.server.check(org.admin.put(PATH, {"title": "Other", "overwrite": True}), 200, recorded)
    org.server.check(org.admin.get(PATH), 200, recorded)


def test_a_folder_is_changed_with_its_version(org: Org):
    made = org.folder()
    recorded = shown(title="Other", slug="other", id=made["id"], version=2)
    org.server.check(org.admin.put(PATH, {"title": "Other", "version": 1}), 200, recorded)


def test_a_change_that_changes_nothing_is_another_version(org: Org):
    org.folder()
    for version in (2, 3):
        answer = org.admin.put(PATH, {"title": "Voice", "overwrite": True})
        org.server.check(answer, 200, shown(version=version))


def test_with_an_empty_title_the_title_stays(org: Org):
    org.folder()
    assert read(org.admin.put(PATH, {"title": "", "overwrite": True}))["title"] == "Voice"
    assert read(org.admin.get(PATH))["title"] == "Voice"


@pytest.mark.parametrize("version", [{}, {"version": 7}], ids=["no version", "another version"])
def test_a_folder_is_not_changed_without_overwrite_with(org: Org, version: dict[str, int]):
    org.folder()
    org.server.check(org.admin.put(PATH, {"title": "Other2"} | version), 412, CHANGED)
    org.server.check(org.admin.get(PATH), 200, shown())


def test_with_another_folders_title_it_is_that_other_folder_that_is_written_and_answered(org: Org):
    org.server.only_before(*TITLES)
    org.folder()
    other = org.folder("forty", "Forty")
    answer = org.admin.put(PATH, {"title": "Forty", "overwrite": True})
    org.server.check(answer, 200, shown("forty", "Forty", "forty", id=other["id"], version=2))
    org.server.check(org.admin.get(PATH), 200, shown())


def test_a_folder_is_given_another_uid(org: Org):
    org.server.only_before("11.0", "nobody recorded what newer ones do")
    made = org.folder()
    answer = org.admin.put(PATH, {"uid": "voice9", "title": "Voice", "overwrite": True})
    org.server.check(answer, 200, shown("voice9", id=made["id"], version=2))
    org.server.check(org.admin.get(PATH), 404, MISSING)


def test_a_folder_is_deleted_with_its_dashboards(org: Org):
    org.folder()
    org.dashboard("vp-1", "Probe one")
    org.dashboard("vp-2", "Probe two", folder=None)
    answer = org.admin.delete(PATH)
    assert answer.status_code == 200
    if not org.server.since("10.0.1"):
        assert answer.content == b"", "the documentation shows a body; there is none"
    org.server.check(org.admin.get(PATH), 404, MISSING)
    assert [hit["uid"] for hit in read(org.admin.get("/api/search"))] == ["vp-2"]
    org.server.check(org.admin.get("/api/dashboards/uid/vp-1"), 404, failed("Dashboard not found"))


def test_a_folder_with_alert_rules_is_not_deleted(org: Org):
    org.folder()
    read(org.admin.post("/api/v1/provisioning/alert-rules", RULE))
    refused = {"message": "folder cannot be deleted: folder contains alert rules"}
    org.server.check(org.admin.delete(PATH), 400, refused)
    org.server.check(org.admin.get(PATH), 200, shown())


def test_a_folder_with_alert_rules_is_deleted_with_them_if_they_are_named(org: Org):
    org.folder()
    read(org.admin.post("/api/v1/provisioning/alert-rules", RULE))
    assert org.admin.delete(f"{PATH}?forceDeleteRules=true").status_code == 200
    org.server.check(org.admin.get("/api/v1/provisioning/alert-rules"), 200, [])
    org.server.check(org.admin.get(PATH), 404, MISSING)
