"""Who is asking, by a token of the portal in X-JWT-Assertion (contract, 3.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.contract.grafana.matching import TIME, failed
from tests.contract.grafana.server import Asker, Server, read
from tests.contract.grafana.world import Maker, Org, User, fresh
from voice_portal.grafana import tokens

pytestmark = pytest.mark.services
INVALID = failed("Invalid JWT")
UNAUTHORIZED = {"message": "Unauthorized"}


def from_now(**seconds: int) -> dict[str, int]:
    """Claims that are times."""
    return {name: int(time.time()) + delta for name, delta in seconds.items()}


def ask(server: Server, token: str, path: str = "/api/user") -> Any:
    return server.bearing(token).get(path)


def test_a_token_of_the_portal_is_its_viewer(maker: Maker, org: Org):
    client = fresh()
    user = maker.user(org, login=f"client-{client}")
    told = org.server.check(
        org.server.portal_token(client).get("/api/user"),
        200,
        {
            "id": user.id, "email": user.login, "name": user.login, "login": user.login, "theme": "", "orgId": org.id,
            "isGrafanaAdmin": False, "isDisabled": False, "isExternal": False, "isExternallySynced": False,
            "authLabels": [], "updatedAt": TIME, "createdAt": TIME,
            "avatarUrl": "/grafana/public/img/user_profile.png",
        },
    )  # fmt: skip
    assert told["createdAt"] == told["updatedAt"]


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "as the portal makes it": dict,
    "a list of audiences that holds the right one": lambda: {"aud": ["other", "grafana"]},
    "no exp": lambda: {"exp": None},
    "no iat": lambda: {"iat": None},
    "expired by less than a minute": lambda: from_now(iat=-165, exp=-45),
    "not valid for less than a minute": lambda: from_now(nbf=45, exp=165),
    "made less than a minute in the future": lambda: from_now(iat=45, exp=165),
}
BAD: dict[str, Callable[[], dict[str, Any]]] = {
    "expired by more than a minute": lambda: from_now(iat=-195, exp=-75),
    "not valid for more than a minute": lambda: from_now(nbf=75, exp=195),
    "made more than a minute in the future": lambda: from_now(iat=75, exp=195),
    "another audience": lambda: {"aud": "other"},
    "a list of other audiences": lambda: {"aud": ["other", "another"]},
    "no audience": lambda: {"aud": None},
    "another issuer": lambda: {"iss": "other"},
    "no issuer": lambda: {"iss": None},
}


@pytest.mark.parametrize("claims", GOOD.values(), ids=GOOD)
def test_a_token_is_good_with(server: Server, viewer: User, claims: Callable[[], dict[str, Any]]):
    assert read(ask(server, server.token(viewer.login, **claims())))["login"] == viewer.login


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD)
def test_a_token_is_bad_with(server: Server, viewer: User, claims: Callable[[], dict[str, Any]]):
    server.check(ask(server, server.token(viewer.login, **claims())), 401, INVALID)


def claims(login: str) -> dict[str, Any]:
    return {"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": login, **from_now(iat=0, exp=120)}


def unsigned(login: str, header: dict[str, str]) -> bytes:
    parts = (json.dumps(part).encode() for part in (header, claims(login)))
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def of_another_key(_: Server, login: str) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(login), key, algorithm="RS256", headers={"kid": tokens.KEY_ID})


def of_another_key_id(server: Server, login: str) -> str:
    return jwt.encode(claims(login), tokens.load_key(server.key_file), algorithm="RS256", headers={"kid": "other"})


def without_key_id(server: Server, login: str) -> str:
    return jwt.encode(claims(login), tokens.load_key(server.key_file), algorithm="RS256")


def with_no_algorithm(_: Server, login: str) -> str:
    return unsigned(login, {"alg": "none", "typ": "JWT", "kid": tokens.KEY_ID}).decode() + "."


def signed_with_the_public_key(server: Server, login: str) -> str:
    public = tokens.load_key(server.key_file).public_key()
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = unsigned(login, {"alg": "HS256", "typ": "JWT", "kid": tokens.KEY_ID})
    signature = hmac.new(text, head, hashlib.sha256).digest()
    return f"{head.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_another_signature(server: Server, login: str) -> str:
    head, _, _ = server.token(login).rpartition(".")
    return f"{head}.{server.token(login, sub='another').rpartition('.')[2]}"


FORGED = (
    of_another_key, of_another_key_id, without_key_id, with_no_algorithm, signed_with_the_public_key,
    with_another_signature,
)  # fmt: skip


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__.replace("_", " "))
def test_a_token_is_bad_that_is(server: Server, viewer: User, forge: Callable[[Server, str], str]):
    server.check(ask(server, forge(server, viewer.login)), 401, INVALID)


def test_a_token_of_a_user_that_there_is_not_is_refused(server: Server):
    server.check(ask(server, server.token(fresh())), 401, failed("User not found"))


def test_a_token_of_a_deleted_user_is_refused_at_once(server: Server, viewer: User):
    read(viewer.asker.get("/api/user"))
    read(server.admin.delete(f"/api/admin/users/{viewer.id}"))
    server.check(viewer.asker.get("/api/user"), 401, failed("User not found"))


@pytest.mark.parametrize("sub", [None, ""], ids=["no sub", "an empty sub"])
def test_a_token_that_names_nobody_is_as_none(server: Server, sub: str | None):
    server.only_before("11.0", "a token must have sub (documentation v11.0, configure-authentication/jwt)")
    server.check(ask(server, server.token("x", sub=sub)), 401, UNAUTHORIZED)


@pytest.mark.parametrize("sub", [None, ""], ids=["no sub", "an empty sub"])
def test_a_token_that_names_nobody_lets_nobody_in(server: Server, sub: str | None):
    assert ask(server, server.token("x", sub=sub)).status_code == 401


@pytest.mark.parametrize("text", ["garbage", ""], ids=["a text that is none", "an empty header"])
def test_what_is_no_token_is_as_none(server: Server, text: str):
    server.check(ask(server, text), 401, UNAUTHORIZED)


def test_a_good_token_for_the_administrator_is_the_administrator(server: Server):
    told = read(ask(server, server.token(server.login[0])))
    assert (told["login"], told["isGrafanaAdmin"]) == (server.login[0], True)
    read(ask(server, server.token(server.login[0]), "/api/orgs"))


@pytest.mark.parametrize("path", ["/api/health", "/login"])
def test_a_bad_token_is_ignored_where_no_login_is_needed(server: Server, viewer: User, path: str):
    assert ask(server, server.token(viewer.login, aud="other"), path).status_code == 200


def test_a_bad_token_on_a_page_is_refused_as_on_the_api_and_leads_nowhere(server: Server, viewer: User):
    answer = ask(server, server.token(viewer.login, aud="other"), "/d/x/-")
    server.check(answer, 401, INVALID)
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_a_token_in_the_url_is_ignored(server: Server, viewer: User):
    answer = Asker(server).get("/api/user", auth_token=server.token(viewer.login))
    server.check(answer, 401, UNAUTHORIZED)
