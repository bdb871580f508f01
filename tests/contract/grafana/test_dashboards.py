"""Dashboards of an organisation (contract, 8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NUMBER, TEXT, TIME, UUID, failed
from tests.contract.grafana.server import read
from tests.contract.grafana.world import Maker, Org

pytestmark = pytest.mark.services
WRITE, PATH = "/api/dashboards/db", "/api/dashboards/uid/vp-1"
MISSING = failed("Dashboard not found")
BAD_DATA = failed("bad request data")
TITLES = ("11.3", "titles need not be unique (pull request #90687, issue #105077)")
NAME_MATCH = {"message": "Dashboard name cannot be the same as folder", "status": "name-match"}
NAME_EXISTS = {"message": "A dashboard with the same name in the folder already exists", "status": "name-exists"}
CHANGED = {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
NO_TITLE = {"message": "Dashboard title cannot be empty", "status": "empty-name"}
MODEL = {
    "uid": "vp-1", "title": "Probe one", "tags": ["voice", "voice-probe", "revision-abc"], "timezone": "utc",
    "editable": False, "schemaVersion": 36, "panels": [],
}  # fmt: skip


def body(folder: str | None = "voice", *, overwrite: bool = True, **model: Any) -> dict[str, Any]:
    """As the operator sends it."""
    place = {"folderUid": folder} if folder else {}
    return (
        {"dashboard": MODEL | model, "message": "written by contract"}
        | place
        | ({"overwrite": True} if overwrite else {})
    )


def saved(uid: Any = "vp-1", slug: str = "probe-one", version: int = 1, number: Any = NUMBER) -> dict[str, Any]:
    url = f"/grafana/d/{uid}/{slug}"
    return {"id": number, "slug": slug, "status": "success", "uid": uid, "url": url, "version": version}


def meta(folder: int | None, **more: Any) -> dict[str, Any]:
    rights = dict.fromkeys(("canSave", "canEdit", "canAdmin", "canStar", "canDelete"), True)
    notes = dict.fromkeys(("canAdd", "canEdit", "canDelete"), True)
    url = "/grafana/dashboards/f/voice/voice"
    inside = {"folderId": folder, "folderUid": "voice", "folderTitle": "Voice", "folderUrl": url}
    outside = {"folderId": 0, "folderUid": "", "folderTitle": TEXT, "folderUrl": TEXT}
    return {
        "type": "db", "slug": "probe-one", "url": "/grafana/d/vp-1/probe-one", "expires": "0001-01-01T00:00:00Z",
        "created": TIME, "updated": TIME, "updatedBy": "admin", "createdBy": "admin", "version": 1, "hasAcl": False,
        "isFolder": False, "provisioned": False, "provisionedExternalId": "",
        "annotationsPermissions": {"dashboard": notes, "organization": notes}, "publicDashboardAccessToken": "",
        "publicDashboardUid": "", "publicDashboardEnabled": False,
    } | rights | (inside if folder else outside) | more  # fmt: skip


@pytest.fixture
def place(org: Org) -> Org:
    """An organisation with the folder `voice`."""
    org.folder()
    return org


def test_a_dashboard_is_written_and_read(org: Org):
    folder = org.folder()["id"]
    made = org.server.check(org.admin.post(WRITE, body()), 200, saved())
    model = MODEL | {"id": made["id"], "version": 1}
    org.server.check(org.admin.get(PATH), 200, {"meta": meta(folder), "dashboard": model})


def test_keys_come_back_in_alphabetical_order_and_nothing_is_added(place: Org):
    read(place.admin.post(WRITE, body(b={"z": 1, "a": {"y": 1, "x": None}})))
    told = read(place.admin.get(PATH))["dashboard"]
    assert list(told) == sorted([*MODEL, "b", "id", "version"])
    assert (list(told["b"]), list(told["b"]["a"])) == (["a", "z"], ["x", "y"])


NUMBERS = (
    '{"dashboard":{"uid":"vp-1","title":"Numbers","tags":["z","a","z","A",""],"n1":4.0,"n2":1e3,'
    '"n3":12345678901234567890,"n4":3.60,"n5":null,"arr":[1,2.50,null],"o":{},"s":"<b>&\\u00e9"},"overwrite":true}'
)


def test_numbers_keep_their_spelling_and_null_and_order_and_repeated_tags_are_kept(org: Org):
    read(org.admin.post(WRITE, NUMBERS.encode()))
    text = org.admin.get(PATH).text
    kept = (
        '"n1":4.0,', '"n2":1e3,', '"n3":12345678901234567890,', '"n4":3.60,', '"n5":null,', '"arr":[1,2.50,null],',
        '"o":{},', '"tags":["z","a","z","A",""]', r'"s":"\u003cb\u003e\u0026é"',
    )  # fmt: skip
    assert [part for part in kept if part not in text] == []


def test_a_known_uid_is_replaced_and_every_write_is_a_version_even_of_the_same(place: Org):
    number = read(place.admin.post(WRITE, body()))["id"]
    place.server.check(place.admin.post(WRITE, body()), 200, saved(version=2, number=number))
    answer = place.admin.post(WRITE, body(title="Probe one b"))
    place.server.check(answer, 200, saved(slug="probe-one-b", version=3, number=number))
    told = read(place.admin.get(PATH))
    assert (told["dashboard"]["title"], told["dashboard"]["version"], told["meta"]["version"]) == ("Probe one b", 3, 3)


def test_another_folder_moves_a_dashboard(place: Org):
    place.folder("other", "Other")
    read(place.admin.post(WRITE, body()))
    read(place.admin.post(WRITE, body("other")))
    assert read(place.admin.get(PATH))["meta"]["folderUid"] == "other"


def test_no_folder_moves_a_dashboard_out_of_its_folder(place: Org):
    """What a stand-in could easily take for `as before`."""
    read(place.admin.post(WRITE, body()))
    read(place.admin.post(WRITE, body(None)))
    model = MODEL | {"id": NUMBER, "version": 2}
    place.server.check(place.admin.get(PATH), 200, {"meta": meta(None, version=2), "dashboard": model})


@pytest.mark.parametrize("odd", [{"version": 77}, {"id": None}], ids=["another version", "a null id"])
def test_with_overwrite_a_dashboard_is_written_whatever_its(place: Org, odd: dict[str, Any]):
    read(place.admin.post(WRITE, body()))
    place.server.check(place.admin.post(WRITE, body(**odd)), 200, saved(version=2))


def test_a_dashboard_without_a_uid_is_given_one(place: Org):
    model = {name: value for name, value in MODEL.items() if name != "uid"}
    made = read(place.admin.post(WRITE, {"dashboard": model, "folderUid": "voice"}))
    assert UUID.holds(made["uid"])
    place.server.check(place.admin.get(f"/api/dashboards/uid/{made['uid']}"), 200, {
        "meta": meta(read(place.admin.get("/api/folders/voice"))["id"], url=made["url"]),
        "dashboard": model | {"id": made["id"], "uid": made["uid"], "version": 1},
    })  # fmt: skip


def test_three_megabytes_are_taken(place: Org):
    read(place.admin.post(WRITE, body(text="x" * 3 * 2**20)))
    assert len(read(place.admin.get(PATH))["dashboard"]["text"]) == 3 * 2**20


def test_uids_differ_by_case(place: Org):
    read(place.admin.post(WRITE, body()))
    place.server.check(place.admin.post(WRITE, body(uid="VP-1", title="Two")), 200, saved("VP-1", "two"))
    assert read(place.admin.get(PATH))["dashboard"]["title"] == "Probe one"


def test_a_uid_may_have_forty_characters(place: Org):
    uid = "x_-" + "9" * 37
    place.server.check(place.admin.post(WRITE, body(uid=uid)), 200, saved(uid))


def test_a_folders_uid_answers_as_a_dashboard_that_is_a_folder(place: Org):
    assert read(place.admin.get("/api/dashboards/uid/voice"))["meta"]["isFolder"] is True


def test_a_dashboard_of_another_organisation_is_not_found(maker: Maker, place: Org):
    read(place.admin.post(WRITE, body()))
    place.server.check(maker.org().admin.get(PATH), 404, MISSING)


def test_a_dashboard_is_deleted_and_cannot_be_again(place: Org):
    number = read(place.admin.post(WRITE, body(title="Numbers")))["id"]
    gone = {"id": number, "message": "Dashboard Numbers deleted", "title": "Numbers"}
    place.server.check(place.admin.delete(PATH), 200, gone)
    place.server.check(place.admin.delete(PATH), 404, MISSING)
    place.server.check(place.admin.get(PATH), 404, MISSING)


def test_a_folder_is_not_deleted_as_a_dashboard(place: Org):
    place.server.only_before("11.0", "nobody recorded what newer ones say")
    place.server.check(place.admin.delete("/api/dashboards/uid/voice"), 500, failed("Failed to delete dashboard"))
    read(place.admin.get("/api/folders/voice"))


@table(
    case("nothing", f"POST {WRITE}", {"folderUid": "voice"}, 400, BAD_DATA),
    case("what is no JSON", f"POST {WRITE}", b"{bad", 400, BAD_DATA),
    case("an empty title", f"POST {WRITE}", body(title=""), 400, NO_TITLE),
    case("a blank title", f"POST {WRITE}", body(title="  "), 400, NO_TITLE),
    case("a title that is no text", f"POST {WRITE}", body(title=5), 400, NO_TITLE),
    case("a folder that there is not", f"POST {WRITE}", body("none"), 400, failed("Folder not found")),
    case("the folder general", f"POST {WRITE}", body("general"), 400, failed("Folder not found"),
         before=("11.0", "nobody recorded what newer ones say")),
    case("a uid of more than 40 characters", f"POST {WRITE}", body(uid="x" * 41), 400,
         {"message": "uid too long, max 40 characters"}),
    case("a uid with a blank", f"POST {WRITE}", body(uid="a b"), 400, {"message": "uid contains illegal characters"}),
    case("a uid with a full stop", f"POST {WRITE}", body(uid="a.b"), 400,
         {"message": "uid contains illegal characters"}),
    case("a folder's uid", f"POST {WRITE}", body(uid="voice"), 400,
         {"message": "Dashboard cannot be changed to a folder"}),
    case("a number that there is not", f"POST {WRITE}", body(id=123456789), 404,
         {"message": "Dashboard not found", "status": "not-found"}),
    *(
        case(f"the slug of a folder, {title}", f"POST {WRITE}", body(title=title), 400, NAME_MATCH, before=TITLES)
        for title in ("Voice", "voice!", " VOICE ")
    ),
)  # fmt: skip
def test_a_dashboard_is_refused_with(place: Org, case: Case):
    case.check(place.admin, {})
    assert [hit["uid"] for hit in read(place.admin.get("/api/search"))] == ["voice"]


def test_the_slug_of_a_folder_is_refused_in_whatever_folder(place: Org):
    place.server.only_before(*TITLES)
    place.folder("other", "Other")
    for folder in ("other", None):
        place.server.check(place.admin.post(WRITE, body(folder, title="voice")), 400, NAME_MATCH)


@pytest.fixture
def two(place: Org) -> Org:
    """Two dashboards in the folder `voice`."""
    read(place.admin.post(WRITE, body()))
    read(place.admin.post(WRITE, body(uid="vp-2", title="Probe two", mark="two")))
    return place


def test_a_known_uid_is_not_written_without_overwrite_and_without_its_version(two: Org):
    for version in ({}, {"version": 7}):
        two.server.check(two.admin.post(WRITE, body(overwrite=False, **version)), 412, CHANGED)
    two.server.check(two.admin.post(WRITE, body(overwrite=False, version=1)), 200, saved(version=2))


def test_a_title_of_its_folder_that_is_taken_is_refused_without_overwrite(two: Org):
    two.server.only_before(*TITLES)
    answer = two.admin.post(WRITE, body(uid="vp-3", title="Probe two", overwrite=False))
    two.server.check(answer, 412, NAME_EXISTS)


SAME = ("Probe two", "PROBE tWO", "  Probe two ")


@pytest.mark.parametrize("title", SAME, ids=["the same letters", "other letters", "blanks around it"])
@pytest.mark.parametrize("uid", ["vp-3", "vp-1"], ids=["a new uid", "a known uid"])
def test_a_dashboards_title_taken_in_its_folder_replaces_that_dashboard(two: Org, uid: str, title: str):
    two.server.only_before(*TITLES)
    answer = two.admin.post(WRITE, body(uid=uid, title=title, mark="other"))
    two.server.check(answer, 200, saved("vp-2", "probe-two", 2))
    assert read(two.admin.get("/api/dashboards/uid/vp-2"))["dashboard"]["mark"] == "other"
    assert two.admin.get("/api/dashboards/uid/vp-3").status_code == 404, "the uid of the request is not made"
    told = read(two.admin.get(PATH))["dashboard"]
    assert (told["title"], told["version"]) == ("Probe one", 1), "one that there is stays as it is"


def test_two_dashboards_of_one_title_live_side_by_side(two: Org):
    two.server.only_since("11.3", "one replaced the other before (pull request #90687)")
    read(two.admin.post(WRITE, body(uid="vp-3", title="Probe two")))
    assert read(two.admin.get("/api/dashboards/uid/vp-2"))["dashboard"]["mark"] == "two"
    assert read(two.admin.get("/api/dashboards/uid/vp-3"))["dashboard"]["title"] == "Probe two"


def test_the_same_title_in_another_folder_is_another_dashboard(two: Org):
    two.folder("other", "Other")
    answer = two.admin.post(WRITE, body("other", uid="vp-3", title="Probe two"))
    two.server.check(answer, 200, saved("vp-3", "probe-two"))
    assert read(two.admin.get("/api/dashboards/uid/vp-2"))["dashboard"]["mark"] == "two"
