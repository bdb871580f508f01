"""Users of the server (contract, 4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NUMBER, TIME, failed
from tests.contract.grafana.server import Server, read, until
from tests.contract.grafana.world import Maker, Org, User, fresh

pytestmark = pytest.mark.services
UNKNOWN = 999999
NOT_FOUND = {"message": "user not found"}


def person(**known: Any) -> dict[str, Any]:
    flags = dict.fromkeys(("isGrafanaAdmin", "isDisabled", "isExternal", "isExternallySynced"), False)
    return {"theme": "", **flags, "updatedAt": TIME, "createdAt": TIME} | known


@pytest.mark.usefixtures("alone")
def test_the_administrator_is_the_first_user(server: Server):
    org = read(server.admin.get("/api/user"))["orgId"]
    known = person(
        id=1, email="admin@localhost", name="", login="admin", orgId=org, isGrafanaAdmin=True, authLabels=[],
        avatarUrl="/grafana/public/img/user_profile.png",
    )  # fmt: skip
    server.check(server.admin.get("/api/user"), 200, known)


def test_a_user_is_made_as_a_viewer_of_one_organisation(maker: Maker, org: Org):
    server, login = org.server, fresh()
    body = {"login": login, "name": "Somebody", "password": "a secret", "OrgId": org.id}
    answer = server.admin.post("/api/admin/users", body)
    made = server.check(answer, 200, {"id": NUMBER, "message": "User created"})
    maker.users.append(made["id"])
    known = person(
        id=made["id"], email=login, name="Somebody", login=login, orgId=org.id, authLabels=None, avatarUrl=""
    )
    server.check(server.admin.get("/api/users/lookup", loginOrEmail=login), 200, known)
    only = [{"orgId": org.id, "name": org.name, "role": "Viewer"}]
    server.check(server.admin.get(f"/api/users/{made['id']}/orgs"), 200, only)


def test_a_user_that_is_made_without_an_organisation_is_a_viewer_of_the_first(maker: Maker, server: Server):
    login = fresh()
    made = read(server.admin.post("/api/admin/users", {"login": login, "name": login, "password": "12345"}))
    maker.users.append(made["id"])
    told = [(org["orgId"], org["role"]) for org in read(server.admin.get(f"/api/users/{made['id']}/orgs"))]
    assert told == [(1, "Viewer")]


def test_a_user_keeps_the_email_address_that_it_is_made_with(maker: Maker, server: Server):
    login = fresh()
    body = {"login": login, "email": f"{login}@acme.example", "password": "12345"}
    maker.users.append(read(server.admin.post("/api/admin/users", body))["id"])
    told = read(server.admin.get("/api/users/lookup", loginOrEmail=body["email"]))
    assert (told["login"], told["email"]) == (login, body["email"])


def test_a_password_of_four_characters_is_enough(maker: Maker, server: Server):
    server.only_before("11.0", "nobody recorded what newer ones ask of passwords")
    made = server.admin.post("/api/admin/users", {"login": fresh(), "password": "1234"})
    maker.users.append(read(made)["id"])


NEW = {"login": "<new>", "name": "x", "password": "12345", "OrgId": "<org>"}


@table(
    case("whose login is taken", "POST /api/admin/users", NEW | {"login": "<login>"}, 412,
         failed("User with email '' or username '<login>' already exists")),
    case("whose login is taken in other letters", "POST /api/admin/users", NEW | {"login": "<upper>"}, 412,
         failed("User with email '' or username '<upper>' already exists")),
    case("in an organisation that there is not", "POST /api/admin/users", NEW | {"OrgId": UNKNOWN}, 400,
         {"message": f"[org.notFound] failed to get organization with ID: {UNKNOWN}"}),
    case("with a password of three characters", "POST /api/admin/users", NEW | {"password": "123"}, 400,
         {"message": "Password is missing or too short"}),
    case("without a password", "POST /api/admin/users", {"login": "<new>", "OrgId": "<org>"}, 400,
         failed("bad request data")),
    case("with neither login nor email", "POST /api/admin/users", {"name": "x", "password": "12345"}, 400,
         {"message": "Validation error, need specify either username or email"}),
)  # fmt: skip
def test_a_user_is_not_made(org: Org, viewer: User, case: Case):
    if "upper" in case.body.get("login", ""):
        org.server.only_since("10.0", "logins differed by case on SQLite and PostgreSQL")
    names = {"org": org.id, "login": viewer.login, "upper": viewer.login.upper(), "new": fresh()}
    case.check(org.server.admin, names)
    assert org.server.admin.get("/api/users/lookup", loginOrEmail=names["new"]).status_code == 404


@pytest.mark.parametrize("params", [{"loginOrEmail": "nobody-knows-it"}, {}], ids=["unknown", "without the parameter"])
def test_a_user_that_there_is_not_is_not_found(server: Server, params: dict[str, str]):
    server.check(server.admin.get("/api/users/lookup", **params), 404, NOT_FOUND)


def test_a_user_in_no_organisation_is_found_without_one(maker: Maker, org: Org, viewer: User):
    maker.leave(viewer, org)
    known = person(
        id=viewer.id, email=viewer.login, name=viewer.login, login=viewer.login, authLabels=None, avatarUrl=""
    )
    org.server.check(org.server.admin.get("/api/users/lookup", loginOrEmail=viewer.login), 200, known)


def test_a_user_is_deleted_and_is_not_found_any_more(maker: Maker, org: Org, viewer: User):
    server, path = org.server, f"/api/admin/users/{viewer.id}"
    maker.users.remove(viewer.id)
    server.check(server.admin.delete(path), 200, {"message": "User deleted"})
    server.check(server.admin.delete(path), 404, NOT_FOUND)
    server.check(server.admin.get("/api/users/lookup", loginOrEmail=viewer.login), 404, NOT_FOUND)
    assert [member["login"] for member in read(server.admin.get(f"/api/orgs/{org.id}/users"))] == ["admin"]


def test_a_user_that_there_is_not_is_not_deleted(server: Server):
    server.check(server.admin.delete(f"/api/admin/users/{UNKNOWN}"), 404, NOT_FOUND)


def test_the_organisations_of_a_user_are_listed_by_name(maker: Maker, org: Org, viewer: User):
    others = [maker.org(f"{end}-{fresh()}") for end in ("z", "A")]
    for other in others:
        maker.join(viewer, other, "Editor")
    rows = [{"orgId": o.id, "name": o.name, "role": "Editor"} for o in others]
    rows.append({"orgId": org.id, "name": org.name, "role": "Viewer"})
    answer = org.server.admin.get(f"/api/users/{viewer.id}/orgs")
    org.server.check(answer, 200, sorted(rows, key=lambda row: row["name"]))


def test_the_organisations_of_who_is_not_are_none(server: Server):
    server.check(server.admin.get(f"/api/users/{UNKNOWN}/orgs"), 200, [])


def logins(server: Server, **params: int) -> list[str]:
    return [user["login"] for user in read(server.admin.get("/api/users", **params))]


def test_users_are_listed_by_login_capitals_first(maker: Maker, org: Org):
    mine = {maker.user(org, login=f"{start}{fresh()}").login for start in ("x", "y", "xB", "xb")}
    told = logins(org.server, perpage=1000)
    assert mine < set(told)
    assert told == sorted(told)


def test_users_are_listed_by_pages_from_1(maker: Maker, org: Org):
    maker.user(org)

    def pages_agree() -> bool:
        first, same, second = (logins(org.server, perpage=1, page=page) for page in (1, 0, 2))
        return len(first) == len(second) == 1 and first == same != second

    until(pages_agree, "pages 1 and 0 are the same, and 2 is another", 5)  # others may make users in between
