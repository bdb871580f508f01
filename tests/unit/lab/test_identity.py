"""The lab's identity provider before it runs: its realms, its people, and the browser that signs in there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from voice_lab import context, packages, root, stack
from voice_lab.errors import LabError
from voice_lab.identity import login, people, realms
from voice_lab.services import ON_REQUEST, directory, everyday, identity, registry
from voice_lab.tools import keycloak, samba

PORTAL = "http://127.0.0.1:8080"
WIRING = realms.Wiring(
    portal=PORTAL,
    directory="ldaps://[fd77:ad:1::2]:636",
    reader_password="reader's",
    client_secrets={"corp": "one", "partner": "other"},
    password_hash=realms.hash_of("drawn"),
    certificate="MIIB",
)


def client(realm: str, protocol: str) -> realms.Realm:
    """One of the portal's clients."""
    (found,) = [each for each in realms.realms(WIRING) if each["realm"] == realm]
    (chosen,) = [each for each in found["clients"] if each["protocol"] == protocol]
    return dict(chosen)


def test_nobody_pays_for_an_identity_provider_who_does_not_ask_for_one() -> None:
    assert set(registry()) - set(everyday()) == set(ON_REQUEST) == {"directory", "identity"}
    assert not set(stack.needed(everyday())) & set(ON_REQUEST)
    assert stack.needed(["identity"]) == ["network", "directory", "identity"]


def test_a_group_in_a_group_counts_for_its_members() -> None:
    assert people.groups_of(people.EVERYBODY["alice"]) == {"acme-telephony", "acme-voice-engineers"}
    assert people.groups_of(people.EVERYBODY["mallory"]) == set()
    assert all(group in people.NESTED for person in people.STAFF for group in people.groups_of(person))


def test_of_two_people_with_one_name_the_domain_s_is_meant() -> None:
    assert people.EVERYBODY["alice"] in people.STAFF
    assert people.EVERYBODY["grace"] in people.FOREIGNERS


@pytest.mark.parametrize("realm", realms.REALMS)
def test_the_portal_may_use_the_code_flow_with_pkce_and_come_back_to_one_address(realm: str) -> None:
    found = client(realm, "openid-connect")
    assert found["redirectUris"] == [f"{PORTAL}/login/{realm}/complete/"]
    assert found["attributes"]["pkce.code.challenge.method"] == "S256"
    assert not found["publicClient"]
    flows = ("implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled")
    assert [found[flow] for flow in flows] == [False, False, False]


@pytest.mark.parametrize("realm", realms.REALMS)
def test_saml_is_signed_both_ways(realm: str) -> None:
    found = client(realm, "saml")
    assert found["clientId"] == f"{PORTAL}/login/{realm}-saml/metadata.xml"
    signed = ("saml.client.signature", "saml.server.signature", "saml.assertion.signature")
    assert {found["attributes"][each] for each in signed} == {"true"}
    assert found["attributes"]["saml.signature.algorithm"] == "RSA_SHA256"


def test_each_provider_is_one_client_of_a_realm() -> None:
    assert sorted(realms.PROVIDERS.values()) == sorted(
        (r, p) for r in realms.REALMS for p in (realms.OIDC, realms.SAML)
    )


def test_blanks_filled_in_are_what_would_have_been_written_at_once() -> None:
    """So a database that was made with blanks serves every lab."""
    text = json.dumps(realms.realms(realms.BLANKS))
    for blank, filling in realms.fillings(WIRING).items():
        assert blank in text
        text = text.replace(blank, filling)
    assert text == json.dumps(realms.realms(WIRING))


def test_no_blank_is_part_of_another() -> None:
    blanks = list(realms.fillings(WIRING))
    assert not [(one, other) for one in blanks for other in blanks if one != other and one in other]


def test_a_quote_in_a_filling_ends_no_statement() -> None:
    wiring = replace(WIRING, reader_password="x'; DROP TABLE client; --")
    statements = keycloak._sql(realms.fillings(wiring)).splitlines()
    assert all(each.startswith("UPDATE ") and each.count("'") % 2 == 0 for each in statements)
    assert any("'x''; DROP TABLE client; --'" in each for each in statements)


def test_a_lab_s_directory_has_an_address_of_its_own() -> None:
    one, two = (context.Lab(name, {}, {}, number=number) for name, number in (("one", 1), ("two", 0xABC)))
    assert directory.url(one) == "ldaps://[fd77:ad:1::2]:636"
    assert directory.url(two) == "ldaps://[fd77:ad:abc::2]:636"


def test_pods_and_browsers_know_the_identity_provider_by_one_name() -> None:
    lab = context.Lab("one", {"identity": 12345}, {}, number=1)
    assert lab.identity_url == "https://127.0.0.1:12345"
    assert replace(lab, pods=True).identity_url == "https://identity.localhost:12345"
    assert identity.issuer(lab, "corp") == "https://127.0.0.1:12345/realms/corp"


def test_the_services_of_its_packages_do_not_start_with_the_machine() -> None:
    assert {"smbd", "nmbd", "winbind"} <= {unit for name in samba.PACKAGES for unit in packages.UNITS.get(name, ())}


def test_a_run_as_root_knows_which_keycloak_and_which_java() -> None:
    assert {keycloak.CHOICE, "JAVA_HOME"} <= set(root.KEPT)


# --- Keycloak and its Java


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java, and a folder for one."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(keycloak, "_PACKAGED_JAVA", tmp_path)
    keycloak._java_version.cache_clear()
    return tmp_path


def put_java(home: Path, told: str) -> str:
    """A program that tells this version."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{told}'\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.usefixtures("no_java")
def test_a_missing_java_is_told_with_the_remedy() -> None:
    with pytest.raises(LabError, match=r"Java 17 or newer \(none is here\): install openjdk-17-jre-headless"):
        keycloak.java()


def test_an_older_java_is_named_and_a_newer_one_beside_it_is_taken(no_java: Path) -> None:
    old = put_java(no_java / "a", "openjdk 11.0.9 2020-10-20")
    with pytest.raises(LabError, match=f"{old} is 11"):
        keycloak.java()
    new = put_java(no_java / "b", "openjdk 21 2023-09-19")
    assert keycloak.java() == new


def test_what_java_home_names_comes_first(no_java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_java(no_java / "packaged", "openjdk 21 2023-09-19")
    chosen = put_java(no_java / "chosen" / "deeper", "openjdk 17.0.1 2021-10-19")
    monkeypatch.setenv("JAVA_HOME", str(no_java / "chosen" / "deeper"))
    assert keycloak.java() == chosen


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(keycloak, "java", lambda: "java")
    return tmp_path


def test_a_folder_that_is_no_keycloak_is_named(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keycloak.CHOICE, str(own_cache))
    with pytest.raises(LabError, match=rf"VOICE_LAB_KEYCLOAK is {own_cache}, but there is no lib/quarkus-run.jar"):
        keycloak.install()


def test_without_maven_the_remedies_are_told(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(own_cache))
    with pytest.raises(LabError, match=r"(?s)the program mvn is not there.*VOICE_LAB_KEYCLOAK=FOLDER"):
        keycloak.install()
    assert not list((own_cache / "cache" / "tools").glob("keycloak-*[0-9a-f]")), "nothing half-made is taken for it"


def test_another_archive_than_the_published_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = own_cache / "mvn"
    maven.write_text(
        '#!/bin/sh\nfor word; do case "$word" in -DoutputDirectory=*) echo > "${word#*=}/k.tar.gz";; esac; done'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{own_cache}:/usr/bin:/bin")
    with pytest.raises(
        LabError, match="has the checksum 01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b"
    ):
        keycloak.install()


# --- a browser


def pages(answers: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answers), follow_redirects=True)


def html(text: str) -> httpx.Response:
    return httpx.Response(200, html=text)


FORM = """
<form id="kc-form-login" method="post" action="/in">
  <input name="username"><input name="password" type="password"><input type="hidden" name="hidden" value="&amp;1">
</form>
"""
CARRIER = """
<form method="POST" action="http://portal.example/acs">
  <input type="hidden" name="SAMLResponse" value="a+b="><input type="hidden" name="RelayState" value="r">
  <input type="submit" name="no">
</form>
"""


def test_the_form_is_filled_in_once_and_a_refusal_is_the_end() -> None:
    sent: list[dict[str, list[str]]] = []

    def provider(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(parse_qs(request.content.decode()))
        return html(FORM)

    with pages(provider) as http:
        page = login.go_on(http, http.get("https://idp.example/"), "alice", "p w")
    assert sent == [{"username": ["alice"], "password": ["p w"], "hidden": ["&1"]}]
    assert login.forms(page)


def test_what_saml_posts_by_itself_is_posted() -> None:
    def anybody(request: httpx.Request) -> httpx.Response:
        if request.url.host == "portal.example":
            assert parse_qs(request.content.decode()) == {"SAMLResponse": ["a+b="], "RelayState": ["r"]}
            assert request.headers["Origin"] == "https://idp.example"
            return html("in")
        if request.method == "POST":
            return html(CARRIER)
        return html(FORM)

    with pages(anybody) as http:
        assert login.go_on(http, http.get("https://idp.example/"), "alice", "pw").text == "in"


def test_a_provider_that_is_no_button_is_found_by_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def portal(request: httpx.Request) -> httpx.Response:
        if request.url.host == "idp.example":
            return html("the provider")
        if request.method == "POST":
            assert parse_qs(request.content.decode()) == {"csrf": ["t"], "address": ["alice@acme.example"]}
            return httpx.Response(302, headers={"Location": "https://idp.example/"})
        return html(
            '<form method="post"><input type="hidden" name="csrf" value="t"><input name="address" type="email"></form>'
        )

    with pages(portal) as http:
        page = login.sign_in(http, "http://portal.example", people.EVERYBODY["alice"], "corp", "pw")
    assert page.text == "the provider"


def test_a_portal_without_providers_is_told() -> None:
    with pages(lambda _: html("nothing")) as http, pytest.raises(LabError, match="neither offers the provider corp"):
        login.sign_in(http, "http://portal.example", people.EVERYBODY["alice"], "corp", "pw")


def test_pages_that_lead_in_a_circle_are_left() -> None:
    with (
        pages(lambda _: html('<meta http-equiv="refresh" content="0;url=https://idp.example/">')) as http,
        pytest.raises(LabError, match="after 10 forms"),
    ):
        login.go_on(http, http.get("https://idp.example/"), "alice", "pw")


def test_a_name_below_localhost_is_this_machine_whatever_its_resolver_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, str, str]] = []

    def send(_: object, request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), request.headers["Host"], request.extensions.get("sni_hostname", "")))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", send)
    with httpx.Client(transport=login.Transport()) as http:
        page = http.get("https://identity.localhost:1234/a")
        http.get("https://elsewhere.example/a")
    assert asked == [
        ("https://127.0.0.1:1234/a", "identity.localhost:1234", "identity.localhost"),
        ("https://elsewhere.example/a", "elsewhere.example", ""),
    ]
    assert str(page.url) == "https://identity.localhost:1234/a"
