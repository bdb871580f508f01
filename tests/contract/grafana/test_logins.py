"""Who is asking, by login and password (contract, 3.1)."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.grafana.matching import failed
from tests.contract.grafana.server import Asker, Server, read
from tests.contract.grafana.world import Maker, Org, User, fresh

pytestmark = pytest.mark.services
REFUSED = failed("invalid username or password")
CASE = "logins differ by case on SQLite and PostgreSQL (breaking changes of v10.0)"


def test_nobody_is_unauthorized(server: Server):
    server.check(server.nobody.get("/api/user"), 401, {"message": "Unauthorized"})


def test_nobody_may_not_query(server: Server):
    body = {"queries": [{"refId": "A", "datasource": {"uid": "x"}, "rawSql": "SELECT 1"}], "from": "0", "to": "1"}
    server.check(server.nobody.post("/api/ds/query", body), 401, {"message": "Unauthorized"})


def test_a_user_logs_in_with_its_password(server: Server, viewer: User):
    assert read(server.basic(viewer.login, viewer.password).get("/api/user"))["login"] == viewer.login


def test_a_wrong_password_is_refused(server: Server, viewer: User):
    server.check(server.basic(viewer.login, "wrong").get("/api/user"), 401, REFUSED)


def test_an_unknown_user_is_refused_in_the_same_words(server: Server):
    server.check(server.basic(fresh(), "x").get("/api/user"), 401, REFUSED)


def test_credentials_that_cannot_be_read_are_called_so(server: Server):
    asker = server.nobody.having(Authorization="Basic !!!")
    server.check(asker.get("/api/user"), 401, failed("Invalid Basic Auth Header"))


def test_a_bearer_that_is_no_key_is_refused(server: Server):
    answer = server.nobody.having(Authorization="Bearer x").get("/api/user")
    assert (answer.status_code, answer.json()["message"]) == (401, "invalid API key")


def attempts(server: Server, user: User, number: int) -> list[httpx.Response]:
    return [server.basic(user.login, "wrong").get("/api/user") for _ in range(number)]


def test_four_wrong_passwords_lock_nobody_out(server: Server, viewer: User):
    attempts(server, viewer, 4)
    read(server.basic(viewer.login, viewer.password).get("/api/user"))


def test_after_five_wrong_passwords_the_right_one_is_refused_too(server: Server, viewer: User):
    read(server.basic(viewer.login, viewer.password).get("/api/user"))
    for answer in attempts(server, viewer, 5):
        server.check(answer, 401, REFUSED)
    server.check(server.basic(viewer.login, viewer.password).get("/api/user"), 401, REFUSED)


def test_who_is_locked_out_still_comes_in_with_a_token_and_others_with_their_passwords(
    server: Server, viewer: User, maker: Maker, org: Org
):
    attempts(server, viewer, 5)
    other = maker.user(org)
    read(viewer.asker.get("/api/user"))
    read(server.basic(other.login, other.password).get("/api/user"))


def both(server: Server, token: str) -> Asker:
    return server.admin.having(**{"X-JWT-Assertion": token})


def test_of_a_token_and_a_login_the_token_decides(server: Server, viewer: User):
    assert read(both(server, server.token(viewer.login)).get("/api/user"))["login"] == viewer.login


def test_of_a_token_and_a_login_the_token_decides_even_a_bad_one(server: Server, viewer: User):
    answer = both(server, server.token(viewer.login, aud="other")).get("/api/user")
    server.check(answer, 401, failed("Invalid JWT"))


@pytest.fixture
def mixed(server: Server, maker: Maker, org: Org) -> User:
    """A user whose login has capitals."""
    server.only_since("10.0", CASE)
    return maker.user(org, login=f"{fresh()}-AbC")


@pytest.mark.parametrize("how", [str.lower, str.upper], ids=["small letters", "capitals"])
def test_logins_match_without_regard_to_case_by_password(server: Server, mixed: User, how: type[str]):
    assert read(server.basic(how(mixed.login), mixed.password).get("/api/user"))["id"] == mixed.id


@pytest.mark.parametrize("how", [str.lower, str.upper], ids=["small letters", "capitals"])
def test_logins_match_without_regard_to_case_by_token(server: Server, mixed: User, how: type[str]):
    assert read(server.bearing(server.token(how(mixed.login))).get("/api/user"))["id"] == mixed.id


@pytest.mark.parametrize("how", [str.lower, str.upper], ids=["small letters", "capitals"])
def test_logins_match_without_regard_to_case_when_looked_up(server: Server, mixed: User, how: type[str]):
    assert read(server.admin.get("/api/users/lookup", loginOrEmail=how(mixed.login)))["id"] == mixed.id


@pytest.mark.parametrize("how", [str.lower, str.upper], ids=["small letters", "capitals"])
def test_logins_match_without_regard_to_case_when_made(server: Server, mixed: User, org: Org, how: type[str]):
    body = {"login": how(mixed.login), "name": "x", "password": "12345", "OrgId": org.id}
    words = f"User with email '' or username '{how(mixed.login)}' already exists"
    server.check(server.admin.post("/api/admin/users", body), 412, failed(words))
