"""Organisations and their members (contract, 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NUMBER, TEXT, TIME, failed
from tests.contract.grafana.server import Server, read
from tests.contract.grafana.world import Maker, Org, User, fresh

pytestmark = pytest.mark.services
UNKNOWN = 999999
BAD_DATA = failed("bad request data")
NO_ADDRESS = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
LAST_ADMIN = {"message": "Cannot remove last organization admin"}
UPDATED = {"message": "Organization user updated"}
NOT_UPDATED = failed("Failed update org user")


@pytest.fixture
def names(org: Org, viewer: User) -> dict[str, Any]:
    return {"org": org.id, "name": org.name, "user": viewer.id, "login": viewer.login}


@pytest.fixture
def three(maker: Maker) -> tuple[str, list[Org]]:
    """A prefix of three organisations, with which they are found again, and they in their order."""
    prefix = fresh()
    made = [maker.org(f"{prefix} {end}") for end in ("b", "B", "a")]
    return prefix, [made[1], made[2], made[0]]


def listed(server: Server, **params: object) -> list[str]:
    return [org["name"] for org in read(server.admin.get("/api/orgs", **params))]


def test_organisations_are_listed_by_name_capitals_first(server: Server, three: tuple[str, list[Org]]):
    prefix, orgs = three
    answer = server.admin.get("/api/orgs", query=prefix)
    server.check(answer, 200, [{"id": org.id, "name": org.name} for org in orgs])
    assert [name for name in listed(server, perpage=1000, page=0) if name.startswith(prefix)] == [o.name for o in orgs]


def test_organisations_are_listed_by_pages_from_0(server: Server, three: tuple[str, list[Org]]):
    prefix, orgs = three
    pages = [listed(server, query=prefix, perpage=2, page=page) for page in range(3)]
    assert pages == [[org.name for org in orgs[:2]], [orgs[2].name], []]


@pytest.mark.parametrize("params", [{"perpage": 0}, {}, {"page": 0}], ids=["perpage 0", "neither", "page alone"])
def test_without_perpage_all_organisations_are_listed(
    server: Server, three: tuple[str, list[Org]], params: dict[str, int]
):
    prefix, orgs = three
    assert listed(server, query=prefix, **params) == [org.name for org in orgs]


def test_organisations_are_found_by_their_exact_name_or_a_part_of_it(server: Server, three: tuple[str, list[Org]]):
    prefix, orgs = three
    assert listed(server, name=orgs[0].name) == [orgs[0].name]
    assert listed(server, name=prefix) == []
    assert listed(server, query=prefix[3:]) == [org.name for org in orgs]


def test_an_organisation_is_made_and_found_by_its_name(maker: Maker, server: Server):
    name = fresh()
    answer = server.admin.post("/api/orgs", {"name": name})
    made = server.check(answer, 200, {"message": "Organization created", "orgId": NUMBER})
    maker.orgs.append(made["orgId"])
    recorded = {"id": made["orgId"], "name": name, "address": NO_ADDRESS}
    server.check(server.admin.get(f"/api/orgs/name/{name}"), 200, recorded)


def test_the_maker_of_an_organisation_is_its_admin_and_nothing_is_in_it(org: Org):
    member = {
        "orgId": org.id, "userId": 1, "email": "admin@localhost", "name": "", "login": "admin", "role": "Admin",
        "avatarUrl": "/grafana/public/img/user_profile.png", "lastSeenAt": TIME, "lastSeenAtAge": TEXT,
        "isDisabled": False, "authLabels": None, "isExternallySynced": False,
    }  # fmt: skip
    org.server.check(org.server.admin.get(f"/api/orgs/{org.id}/users"), 200, [member])
    for path in ("datasources", "folders", "search", "v1/provisioning/alert-rules"):
        org.server.check(org.admin.get(f"/api/{path}"), 200, [])


@table(
    case("its name in other letters, to find it", "GET /api/orgs/name/<upper>", None, 404,
         failed("Organization not found")),
    case("a name that nobody has, to find it", "GET /api/orgs/name/<name>-x", None, 404,
         failed("Organization not found")),
    case("a name that is taken", "POST /api/orgs", {"name": "<name>"}, 409, failed("Organization name taken")),
    case("an empty name", "POST /api/orgs", {"name": ""}, 400, BAD_DATA),
    case("no name", "POST /api/orgs", {}, 400, BAD_DATA),
)  # fmt: skip
def test_an_organisation_is_refused(org: Org, case: Case):
    case.check(org.server.admin, {"name": org.name, "upper": org.name.upper()})


def test_a_name_in_other_letters_is_another_name(maker: Maker, org: Org):
    assert maker.org(org.name.upper()).id > org.id


def test_a_name_may_have_three_hundred_characters(maker: Maker):
    server = maker.server
    name = fresh() + "x" * 280
    answer = server.admin.post("/api/orgs", {"name": name})
    server.only_before("11.0", "nobody recorded what newer ones do with long names")
    maker.orgs.append(server.check(answer, 200, {"message": "Organization created", "orgId": NUMBER})["orgId"])


def test_an_organisation_is_deleted_and_cannot_be_again(org: Org, maker: Maker):
    server = org.server
    maker.orgs.remove(org.id)
    path = f"/api/orgs/{org.id}"
    server.check(server.admin.delete(path), 200, {"message": "Organization deleted"})
    missing = {"message": "Failed to delete organization. ID not found"}
    server.check(server.admin.delete(path), 404, missing)
    server.check(server.admin.get(f"/api/orgs/name/{org.name}"), 404, failed("Organization not found"))


def test_an_organisation_is_not_deleted_from_within(org: Org):
    answer = org.admin.delete(f"/api/orgs/{org.id}")
    org.server.check(answer, 400, {"message": "Can not delete org for current user"})


@pytest.mark.usefixtures("alone")
def test_the_organisation_that_is_current_is_not_deleted(org: Org):
    admin = org.server.admin
    read(admin.post(f"/api/user/using/{org.id}"))
    try:
        answer = admin.delete(f"/api/orgs/{org.id}")
        org.server.check(answer, 400, {"message": "Can not delete org for current user"})
    finally:
        read(admin.post("/api/user/using/1"))


def test_with_an_organisation_goes_all_that_is_in_it_and_a_new_one_of_its_name_is_empty(
    maker: Maker, alerted: Org, viewer: User
):
    server, admin = alerted.server, alerted.admin
    provisioning = "/api/v1/provisioning"
    alerted.folder()
    alerted.dashboard("vp-1", "Probe one")
    read(admin.post("/api/datasources", {"uid": "x", "name": "x", "type": "mysql", "access": "proxy"}))
    timing = {"name": "never", "time_intervals": []}
    read(admin.post(f"{provisioning}/mute-timings", timing))
    maker.join(viewer, alerted)
    read(server.admin.delete(f"/api/orgs/{alerted.id}"))
    server.check(server.admin.get(f"/api/orgs/{alerted.id}/users"), 200, [])
    assert alerted.id not in [one["orgId"] for one in read(viewer.asker.get("/api/user/orgs"))]
    again = maker.org(alerted.name)
    assert again.id > alerted.id
    for path in ("datasources", "folders", "search"):
        server.check(again.admin.get(f"/api/{path}"), 200, [])
    assert [one["login"] for one in read(server.admin.get(f"/api/orgs/{again.id}/users"))] == ["admin"]


def test_the_users_of_a_deleted_organisation_stay_in_none(org: Org, viewer: User):
    server = org.server
    read(server.admin.delete(f"/api/orgs/{org.id}"))
    found = read(server.admin.get("/api/users/lookup", loginOrEmail=viewer.login))
    assert found["id"] == viewer.id
    server.check(server.admin.get(f"/api/users/{viewer.id}/orgs"), 200, [])


def test_members_are_listed_by_email_capitals_first(maker: Maker, org: Org):
    logins = sorted(maker.user(org, login=f"{start}{fresh()}").login for start in ("z", "Z", "a", "B"))
    told = [member["email"] for member in read(org.server.admin.get(f"/api/orgs/{org.id}/users"))]
    assert told == sorted([*logins, "admin@localhost"])


def test_a_member_that_was_never_seen_was_so_ten_years_before_it_was_made(org: Org, viewer: User):
    member = {
        "orgId": org.id, "userId": viewer.id, "email": viewer.login, "name": viewer.login, "login": viewer.login,
        "role": "Viewer", "avatarUrl": "/grafana/public/img/user_profile.png", "lastSeenAt": TIME,
        "lastSeenAtAge": "10 years", "isDisabled": False, "authLabels": None, "isExternallySynced": False,
    }  # fmt: skip
    told = read(org.server.admin.get(f"/api/orgs/{org.id}/users"))
    found = org.server.admin.get(f"/api/orgs/{org.id}/users")
    others = [each for each in told if each["userId"] != viewer.id]
    org.server.check(found, 200, sorted([member, *others], key=lambda each: each["email"]))
    seen = datetime.fromisoformat(next(each["lastSeenAt"] for each in told if each["userId"] == viewer.id))
    assert 9.9 < (datetime.now(UTC) - seen).days / 365 < 10.1


def test_members_of_what_there_is_not_are_none(server: Server):
    server.check(server.admin.get(f"/api/orgs/{UNKNOWN}/users"), 200, [])


def test_members_are_read_from_within_too(org: Org, viewer: User):
    told = read(org.admin.get("/api/org/users"))
    assert told == read(org.server.admin.get(f"/api/orgs/{org.id}/users"))
    assert [member["userId"] for member in told] == [1, viewer.id]


ADD = {"loginOrEmail": "<login>", "role": "Viewer"}


def test_a_user_becomes_a_member(maker: Maker, viewer: User):
    other = maker.org()
    answer = maker.server.admin.post(f"/api/orgs/{other.id}/users", {"loginOrEmail": viewer.login, "role": "Editor"})
    maker.server.check(answer, 200, {"message": "User added to organization", "userId": viewer.id})
    assert (other.id, "Editor") in [(o["orgId"], o["role"]) for o in read(viewer.asker.get("/api/user/orgs"))]


@table(
    case("who is one", "POST /api/orgs/<org>/users", ADD, 409,
         {"message": "User is already member of this organization", "userId": "<user>"}),
    case("of what there is not", f"POST /api/orgs/{UNKNOWN}/users", ADD, 500,
         failed("Could not add user to organization")),
    case("with a role that there is not", "POST /api/orgs/<org>/users", ADD | {"role": "King"}, 400, BAD_DATA),
    case("without a role", "POST /api/orgs/<org>/users", {"loginOrEmail": "<login>"}, 400, BAD_DATA),
)  # fmt: skip
def test_a_member_is_not_taken(names: dict[str, Any], server: Server, case: Case):
    case.check(server.admin, names)


def test_a_member_is_not_taken_whom_nobody_knows(org: Org):
    body = {"loginOrEmail": fresh(), "role": "Viewer"}
    answer = org.server.admin.post(f"/api/orgs/{org.id}/users", body)
    assert (answer.status_code, answer.json()["message"]) == (404, "User not found")


@table(
    case("by number", "PATCH /api/orgs/<org>/users/<user>", {"role": "Editor"}, 200, UPDATED),
    case("from within", "PATCH /api/org/users/<user>", {"role": "Editor"}, 200, UPDATED),
)
def test_a_role_is_changed(org: Org, viewer: User, names: dict[str, Any], case: Case):
    case.check(org.admin, names)
    told = read(org.server.admin.get(f"/api/users/{viewer.id}/orgs"))
    assert told == [{"orgId": org.id, "name": org.name, "role": "Editor"}]


@table(
    case("one that there is not", "PATCH /api/orgs/<org>/users/<user>", {"role": "King"}, 400, BAD_DATA),
    case("of who is no member", "PATCH /api/orgs/1/users/<user>", {"role": "Editor"}, 500, NOT_UPDATED),
    case("of who is not", f"PATCH /api/orgs/<org>/users/{UNKNOWN}", {"role": "Editor"}, 500, NOT_UPDATED),
    case("in what is not", f"PATCH /api/orgs/{UNKNOWN}/users/<user>", {"role": "Editor"}, 500, NOT_UPDATED),
    case("from within, of who is not", f"PATCH /api/org/users/{UNKNOWN}", {"role": "Editor"}, 500, NOT_UPDATED),
    case("of the last Admin", "PATCH /api/orgs/<org>/users/1", {"role": "Viewer"}, 400,
         {"message": "Cannot change role so that there is no organization admin left"}),
)  # fmt: skip
def test_a_role_is_not_changed(org: Org, names: dict[str, Any], case: Case):
    case.check(org.admin, names)


def test_an_admin_that_is_not_the_last_may_become_less(maker: Maker, org: Org):
    maker.user(org, role="Admin")
    org.server.check(org.server.admin.patch(f"/api/orgs/{org.id}/users/1", {"role": "Viewer"}), 200, UPDATED)


def test_a_member_is_put_out_and_again(org: Org, viewer: User):
    server, path = org.server, f"/api/orgs/{org.id}/users/{viewer.id}"
    for _ in range(2):
        server.check(server.admin.delete(path), 200, {"message": "User removed from organization"})
    assert read(server.admin.get("/api/users/lookup", loginOrEmail=viewer.login))["id"] == viewer.id, "it was its last"


@table(
    case("the last Admin", "DELETE /api/orgs/<org>/users/1", None, 400, LAST_ADMIN),
    case("from what is not", f"DELETE /api/orgs/{UNKNOWN}/users/<user>", None, 400, LAST_ADMIN),
)
def test_a_member_is_not_put_out(server: Server, names: dict[str, Any], case: Case):
    case.check(server.admin, names)
