"""A provider by OpenID Connect that lies, forges, leaves out, or does not answer."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.attacks.hostile_oidc import CLIENT, KEY, OTHER_KEY, Provider, hostile
from tests.integration.portal.conftest import django_db, records  # noqa: F401 - fixtures

pytestmark = [pytest.mark.services, pytest.mark.database]

TENANT, OTHER_TENANT = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
MANY = [f"00000000-0000-0000-0000-{number:012d}" for number in range(500)]
KNOWN = "Your account is known, but no client is open to you."


class World:
    """The portal, its one hostile provider, and a client that the provider's group `in` may see."""

    def __init__(self, provider: Provider, name: str, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.test import Client

        self.provider, self.name, self.client, self._monkeypatch = provider, name, client, monkeypatch
        self.browser = Client(raise_request_exception=False)

    def set(self, **changes: Any) -> None:
        from django.conf import settings

        from voice_portal.config.providers.model import Providers

        providers = Providers(by_name={self.name: self.provider.settings(self.name, **changes)})
        self._monkeypatch.setattr(settings, "ENV", replace(settings.ENV, providers=providers))

    def begin(self, **form: str) -> Any:
        page = self.browser.post(f"/login/{self.name}/", form)
        if found := re.search(r'id="onward" href="([^"]+)"', page.content.decode()):
            self.asked = dict(parse_qsl(urlsplit(found[1].replace("&amp;", "&")).query))
            self.provider.challenge, self.provider.nonce = self.asked["code_challenge"], self.asked["nonce"]
        return page

    def complete(self, **changes: str) -> Any:
        query = {"state": self.asked["state"], "code": uuid.uuid4().hex, **changes}
        return self.browser.get(f"/login/{self.name}/complete/", query)

    def sign_in(self, **claims: Any) -> Any:
        self.provider.claims = {"groups": ["in"], **claims}
        self.begin()
        return self.complete()

    def is_in(self) -> bool:
        return self.browser.get(f"/c/{self.client}/").status_code == 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with hostile(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def world(django_db: Any, records: Any, server: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:  # noqa: F811
    from django.contrib.auth.models import User

    from voice_portal.federation import asking
    from voice_portal.federation.oidc import Protocol

    name = f"p-{uuid.uuid4().hex[:12]}"
    rights = [{"provider": name, "group": group, "role": "viewer"} for group in ("in", "Über", MANY[-1])]
    client = records.client(access=json.dumps(rights))
    fresh = Provider(server.port, server.folder)
    server.__dict__.update(fresh.__dict__)
    for kept in (Protocol.get_openid_configuration, Protocol.get_jwks_keys_for_uri):
        kept.invalidate()
    monkeypatch.setattr(asking, "_away_until", {})
    made = World(server, name, client, monkeypatch)
    made.set()
    yield made
    User.objects.filter(username__startswith=f"{name}/").delete()


def said(page: Any) -> str:
    found = re.search(r'role="alert">(.*?)</p>', page.content.decode())
    assert found, page.content.decode()
    return found[1]


def test_who_tells_the_truth_is_let_in(world: World) -> None:
    assert world.sign_in().status_code == 302
    assert world.is_in()
    assert world.asked["code_challenge_method"] == "S256"
    assert world.asked["scope"] == "openid profile email"


def test_nothing_of_a_session_that_was_planted_goes_on_after_a_sign_in(world: World) -> None:
    session = world.browser.session
    session["mark"] = "of the attacker"
    session.save()
    planted = session.session_key
    assert world.sign_in().status_code == 302
    assert world.browser.session.session_key != planted
    assert "mark" not in world.browser.session


# --- tokens

WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "no nonce": {"nonce": None},
    "another nonce": {"nonce": "n" * 64},
    "for another client": {"aud": "another"},
    "for several, of which this asked not": {"aud": [CLIENT, "another"]},
    "asked for by another": {"aud": [CLIENT, "another"], "azp": "another"},
    "of another issuer": {"iss": "https://evil.example/realm"},
    "of an issuer with a slash more": {"iss": "{issuer}/"},
    "run out": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "long ago": {"iat": 1_700_000_000},
    "not valid yet": {"nbf": 4_000_000_000},
    "without a subject": {"sub": None},
    "of another access token": {"at_hash": "x" * 22},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_that_is_not_for_this_sign_in_is_refused(world: World, claims: dict[str, Any]) -> None:
    told = {name: value.replace("{issuer}", world.provider.issuer) if isinstance(value, str) else value
            for name, value in claims.items()}  # fmt: skip
    assert world.sign_in(**told).status_code == 400
    assert not world.is_in()


def public_key() -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KEY.public_key().public_bytes(*form).decode()


def hand_made(header: dict[str, Any], claims: dict[str, Any], signature: bytes) -> str:
    parts = [json.dumps(each).encode() for each in (header, claims)] + [signature]
    return b".".join(jwt.utils.base64url_encode(part) for part in parts).decode()


@pytest.mark.parametrize("how", ["another key", "none", "the public key as a secret", "the client secret", "a bit off"])
def test_a_token_that_is_not_signed_by_the_providers_key_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    import hashlib
    import hmac

    usual = Provider.token

    def token(provider: Provider) -> str:
        if how == "another key":
            provider.key = OTHER_KEY
            return usual(provider)
        whole = usual(provider)
        claims = jwt.decode(whole, options={"verify_signature": False})
        if how == "none":
            return hand_made({"alg": "none", "kid": "one"}, claims, b"")
        if how == "a bit off":
            return whole[:-8] + "AAAAAAAA"
        secret = public_key() if how == "the public key as a secret" else provider.secret
        unsigned = hand_made({"alg": "HS256", "kid": "one"}, claims, b"").rstrip(".")
        digest = hmac.new(secret.encode(), unsigned.encode(), hashlib.sha256).digest()
        return f"{unsigned}.{jwt.utils.base64url_encode(digest).decode()}"

    monkeypatch.setattr(Provider, "token", token)
    assert world.sign_in().status_code == 400
    assert not world.is_in()


def test_a_key_that_is_new_is_asked_for_and_one_that_is_withdrawn_is_not_believed(world: World) -> None:
    assert world.sign_in().status_code == 302
    world.provider.published, world.provider.kid, world.provider.key = {"two": OTHER_KEY}, "two", OTHER_KEY
    assert world.sign_in().status_code == 302
    world.provider.kid, world.provider.key = "one", KEY
    assert world.sign_in().status_code == 400


def test_a_code_is_worth_nothing_without_what_the_portal_alone_knows(world: World) -> None:
    world.provider.claims = {"groups": ["in"]}
    world.begin()
    world.provider.challenge = "of another browser"
    assert world.complete().status_code == 400
    assert not world.is_in()


def test_an_exchanged_secret_is_used_at_the_next_sign_in(world: World) -> None:
    assert world.sign_in().status_code == 302
    world.provider.secret = "another"
    (world.provider.folder / "client-secret").write_text("another\n")
    assert world.sign_in().status_code == 302
    (world.provider.folder / "client-secret").write_text("wrong")
    page = world.sign_in()
    assert page.status_code == 503
    assert said(page) == "Hostile &amp; Co does not answer. Wait a moment, then try again."


# --- tenants


@pytest.mark.parametrize("tid", [OTHER_TENANT, None, "", TENANT[:-1], f"{TENANT} ", [TENANT]])
def test_a_tenant_that_is_not_listed_is_refused(world: World, tid: Any) -> None:
    world.provider.told_issuer = world.provider.issuer + "/{tenantid}"
    world.set(tenants=frozenset({TENANT}))
    page = world.sign_in(tid=tid, iss=f"{world.provider.issuer}/{tid}")
    assert page.status_code in {400, 403}
    assert not world.is_in()


def test_a_tenant_that_is_listed_is_let_in_by_its_own_issuer_alone(world: World) -> None:
    world.provider.told_issuer = world.provider.issuer + "/{tenantid}"
    world.set(tenants=frozenset({TENANT}))
    assert world.sign_in(tid=TENANT.upper(), iss=f"{world.provider.issuer}/{TENANT}").status_code == 302
    assert world.is_in()
    world.browser.post("/logout/")
    assert world.sign_in(tid=TENANT, iss=f"{world.provider.issuer}/{OTHER_TENANT}").status_code == 400


def test_an_issuer_of_all_tenants_is_none_where_no_tenant_is_listed(world: World) -> None:
    world.provider.told_issuer = world.provider.issuer + "/{tenantid}"
    assert world.begin().status_code == 503


# --- groups


@pytest.mark.parametrize("groups", [["in"], "in", [*MANY[:-1], "in"], ["x" * 3000, "in"]])
def test_the_groups_that_open_a_client_open_it_however_many_there_are(world: World, groups: Any) -> None:
    assert world.sign_in(groups=groups).status_code == 302
    assert world.is_in()


@pytest.mark.parametrize("group", ["In", "in ", " in", "in\u0000", "ın", "Uber", "über", "i", "inn", ""])
def test_a_group_that_only_looks_alike_opens_nothing(world: World, group: str) -> None:
    page = world.sign_in(groups=[group])
    assert page.status_code == 403
    assert not world.is_in()


@pytest.mark.parametrize("groups", [{"in": 1}, [1], [["in"]], 7, ["in", None], True])
def test_groups_that_are_no_list_of_texts_are_refused(world: World, groups: Any) -> None:
    page = world.sign_in(groups=groups)
    assert page.status_code == 403
    assert "does not say which groups you are in" in said(page)


OVERAGE = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://evil.example/getMemberObjects"}},
}


@pytest.mark.parametrize(
    "claims", [{"groups": None, **OVERAGE}, {"groups": None, "hasgroups": True}, {"groups": ["in"], **OVERAGE}]
)
def test_groups_that_were_left_out_of_the_token_are_never_taken_for_none(world: World, claims: dict[str, Any]) -> None:
    page = world.sign_in(**claims)
    assert page.status_code == 403
    assert "You are in more groups than Hostile &amp; Co can tell at once" in said(page)
    assert not world.is_in()


def graph(world: World) -> str:
    return f"https://localhost:{world.provider.port}"


ASK = "/v1.0/me/getMemberObjects"


def test_groups_that_were_left_out_are_asked_for_where_the_settings_say(world: World) -> None:
    world.set(graph_url=graph(world), scopes=("User.Read",))
    world.provider.answers[ASK] = 200, json.dumps({"value": MANY})
    assert world.sign_in(groups=None, **OVERAGE).status_code == 302
    assert world.is_in()
    (asked,) = (sent for path, sent in world.provider.asked if path == ASK)
    assert asked["Authorization"].startswith("Bearer ")
    assert json.loads(asked["body"]) == {"securityEnabledOnly": True}
    assert "User.Read" in world.asked["scope"].split()


@pytest.mark.parametrize(
    "answer",
    [
        (200, json.dumps({"value": MANY, "@odata.nextLink": "https://graph.microsoft.com/more"})),
        (200, json.dumps({"value": None})),
        (200, "[]"),
        (200, "no JSON"),
        (403, json.dumps({"error": {"code": "Authorization_RequestDenied"}})),
        (302, ""),
    ],
)
def test_groups_that_are_not_told_wholly_let_nobody_in(world: World, answer: tuple[int, str]) -> None:
    world.set(graph_url=graph(world))
    world.provider.answers[ASK] = answer
    page = world.sign_in(groups=None, **OVERAGE)
    assert page.status_code == 403
    assert "more groups" in said(page)
    assert not world.is_in()


def test_somebody_with_groups_of_whom_none_is_left_loses_what_was_open(world: World) -> None:
    assert world.sign_in().status_code == 302
    assert said(world.sign_in(groups=None)).startswith(KNOWN)
    from voice_portal.accounts.models import Membership

    assert not Membership.objects.filter(provider=world.name).exists()


# --- who it is


def test_nobody_is_found_by_an_address_or_a_name(world: World) -> None:
    from django.contrib.auth.models import User

    world.sign_in(sub="one", email="boss@hostile.example", preferred_username="boss")
    world.browser.post("/logout/")
    world.sign_in(sub="two", email="boss@hostile.example", preferred_username="boss")
    names = sorted(User.objects.filter(username__startswith=f"{world.name}/").values_list("username", flat=True))
    assert len(names) == 2
    assert names[0] == f"{world.name}/boss"
    assert re.fullmatch(rf"{world.name}/boss#[0-9a-f]{{12}}", names[1])


@pytest.mark.parametrize("sub", ["", " u1", "u1 ", "u\n1", "u" * 256, "u\u0000"])
def test_a_uid_that_is_no_plain_text_is_nobodys(world: World, sub: str) -> None:
    page = world.sign_in(sub=sub)
    assert page.status_code in {400, 403}
    assert not world.is_in()


def test_names_are_shown_as_text(world: World) -> None:
    world.sign_in(preferred_username="<script>alert(1)</script>", name="<b>", email="<i>@x")
    page = world.browser.get(f"/c/{world.client}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_who_comes_back_as_somebody_else_gets_their_own_session(world: World) -> None:
    from django.contrib.auth.models import User

    world.sign_in(sub="first", preferred_username="first")
    session = world.browser.session
    session["provider_asked_at"] = time.time() - 3601
    session["mark"] = "of the first"
    session.save()
    silent = world.browser.get(f"/c/{world.client}/")
    asked = dict(parse_qsl(urlsplit(silent.headers["Location"]).query))
    assert asked["prompt"] == "none"
    world.asked, world.provider.nonce, world.provider.challenge = asked, asked["nonce"], asked["code_challenge"]
    world.provider.claims = {"groups": ["in"], "sub": "second", "preferred_username": "second"}
    assert world.complete().status_code == 302
    assert "mark" not in world.browser.session
    assert User.objects.get(pk=world.browser.session["_auth_user_id"]).username == f"{world.name}/second"


def test_a_user_who_is_closed_here_stays_out(world: World) -> None:
    from django.contrib.auth.models import User

    world.sign_in()
    User.objects.filter(username=f"{world.name}/somebody").update(is_active=False)
    assert not world.is_in()
    page = world.sign_in()
    assert (page.status_code, said(page)) == (403, "Your account is closed here. Ask whoever runs this portal.")


def test_a_provider_that_is_trusted_no_more_has_no_sessions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    from voice_portal.config.providers.model import NONE

    world.sign_in()
    assert world.is_in()
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, providers=NONE))
    assert not world.is_in()
    world.set()
    assert not world.is_in()


@pytest.mark.parametrize("code", ["access_denied", "server_error", "<script>"])
def test_what_the_provider_itself_refuses_is_told_as_such(world: World, code: str) -> None:
    world.begin()
    page = world.complete(error=code)
    assert (page.status_code, said(page)) == (403, "Hostile &amp; Co did not sign you in.")


def test_an_id_token_that_is_too_long_for_an_address_is_not_put_into_one(world: World) -> None:
    for groups, is_told in ((["in"], True), ([*MANY[:100], "in"], False)):
        world.sign_in(groups=groups)
        page = world.browser.post("/logout/").content.decode()
        onward = re.search(r'id="onward" href="([^"]+)"', page)
        assert onward
        assert ("id_token_hint=" in onward[1]) == is_told
        assert f"client_id={CLIENT}" in onward[1]
        assert len(onward[1]) < 4000


def test_no_token_and_no_code_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.sign_in()
    world.sign_in(aud="another")
    held = [each for each in caplog.messages if "eyJ" in each or world.provider.secret in each]
    assert held == []


# --- away


def after(seconds: float) -> Callable[[dict[str, str]], tuple[int, str]]:
    def answer(_: dict[str, str]) -> tuple[int, str]:
        time.sleep(seconds)
        return 200, "{}"

    return answer


DISCOVERY = "/realm/.well-known/openid-configuration"
AWAY: dict[str, tuple[str, Any]] = {
    "discovery fails": (DISCOVERY, (500, "")),
    "discovery is no JSON": (DISCOVERY, (200, "<html>")),
    "discovery is a list": (DISCOVERY, (200, "[]")),
    "discovery is of another": (DISCOVERY, (200, '{"issuer": "https://evil.example"}')),
    "discovery lacks everything": (DISCOVERY, (200, "{}")),
    "discovery is not there": (DISCOVERY, (404, "")),
    "discovery leads elsewhere": (DISCOVERY, (302, "")),
    "discovery has no end": (DISCOVERY, (200, "[" + "1," * 2_000_000)),
    "keys fail": ("/jwks_uri", (503, "")),
    "tokens fail": ("/token_endpoint", (502, "")),
    "tokens take too long": ("/token_endpoint", after(8)),
}


@pytest.mark.parametrize(("path", "answer"), AWAY.values(), ids=AWAY)
def test_a_provider_that_fails_is_told_as_such_within_seconds(world: World, path: str, answer: Any) -> None:
    world.provider.answers[path] = answer
    began = time.monotonic()
    page = world.begin() if path == DISCOVERY else world.sign_in()
    assert time.monotonic() - began < 6.5
    assert page.status_code == 503, page.content.decode()
    assert page.headers["Retry-After"] == "10"
    assert said(page) == "Hostile &amp; Co does not answer. Wait a moment, then try again."
    assert 'href="/login/' in page.content.decode()


def test_a_server_that_says_nothing_holds_one_sign_in_for_seconds_and_the_next_not_at_all(world: World) -> None:
    with socket.create_server(("localhost", 0)) as silent:
        world.set(issuer=f"https://localhost:{silent.getsockname()[1]}/realm")
        began = time.monotonic()
        assert world.begin().status_code == 503
        assert 4 < time.monotonic() - began < 6.5
        began = time.monotonic()
        assert world.begin().status_code == 503
        assert time.monotonic() - began < 0.5
    assert world.browser.get("/login/local/").status_code == 200


def test_a_server_that_trickles_is_given_up(world: World) -> None:
    """Each byte arrives in time; all of them never do."""
    import threading

    done = threading.Event()

    def trickle(listening: socket.socket) -> None:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(world.provider.folder / "server.pem", world.provider.folder / "server.key")
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not done.wait(0.2):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("localhost", 0)) as listening:
        thread = threading.Thread(target=trickle, args=(listening,))
        thread.start()
        world.set(issuer=f"https://localhost:{listening.getsockname()[1]}/realm")
        began = time.monotonic()
        assert world.begin().status_code == 503
        assert time.monotonic() - began < 6.5
        done.set()
        thread.join()


def test_a_server_with_anybodys_certificate_is_not_the_provider(world: World) -> None:
    world.set(ca_file=None)
    assert world.begin().status_code == 503
    assert world.provider.asked == []


def test_waiting_sign_ins_leave_threads_for_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from voice_portal.federation import asking

    monkeypatch.setattr(asking, "_room", threading.BoundedSemaphore(1))
    assert asking._room.acquire(blocking=False)
    began = time.monotonic()
    assert world.begin().status_code == 503
    assert time.monotonic() - began < 0.5
    assert world.provider.asked == []
    asking._room.release()
    assert world.begin().status_code == 200
