"""People who sign in at a lab's portal with its real providers, each in a browser of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from unittest import mock
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from django.conf import settings

from tests import portal as portal_settings
from voice_lab.context import Lab
from voice_lab.identity import login, people, realms
from voice_lab.services import database, identity

SESSION = "voice_portal_session"


@dataclass
class Answer:
    """What a provider sends a browser back to the portal with, before the browser has gone there."""

    method: str
    url: str
    fields: dict[str, str]


class Browser:
    """One browser, which may be signed in at the portal, at providers, or nowhere."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.http = login.browser(identity.authority(lab))

    def close(self) -> None:
        self.http.close()

    def sign_in(self, name: str, provider: str = "corp") -> httpx.Response:
        """Go through everything; the page at which it ends."""
        person = people.EVERYBODY[name]
        return login.sign_in(self.http, self.lab.portal_url, person, provider, self.lab.passwords["demo"])

    def get(self, path: str, *, follow_redirects: bool = True) -> httpx.Response:
        return self.http.get(self.lab.portal_url + path, follow_redirects=follow_redirects)

    def post(self, path: str, follow_redirects: bool = True, **fields: str) -> httpx.Response:
        """Send a form as one of the portal's pages does."""
        token = next((c.value for c in self.http.cookies.jar if c.name == "csrftoken"), None)
        if token is None:
            self.get("/login/local/")
            token = next((c.value for c in self.http.cookies.jar if c.name == "csrftoken"), "")
        headers = {"Origin": self.lab.portal_url, "Referer": f"{self.lab.portal_url}/", "X-CSRFToken": token}
        url = self.lab.portal_url + path
        return self.http.post(url, data=fields, headers=headers, follow_redirects=follow_redirects)

    def sign_out(self) -> httpx.Response:
        """Press the button, and go wherever that leads."""
        return login.go_on(self.http, self.post("/logout/"), "nobody", "nothing")

    def begin(self, provider: str, following: str = "/") -> str:
        """Press the provider's button; the address there to which the portal leads."""
        page = self.post(f"/login/{provider}/", next=following)
        assert page.status_code == 200, page.text
        reader = login._Reader(str(page.url))
        reader.feed(page.text)
        return reader.onward

    def answer(self, name: str, provider: str = "corp", following: str = "/", begun: str = "") -> Answer:
        """Sign in at the provider, and stop before the browser comes back."""
        back = f"{self.lab.portal_url}/login/"
        page = self.http.get(begun or self.begin(provider, following), follow_redirects=False)
        for _ in range(15):
            if page.is_redirect:
                url = urljoin(str(page.url), page.headers["Location"])
                if url.startswith(back):
                    return Answer("GET", url, {})
                page = self.http.get(url, follow_redirects=False)
                continue
            found = login.forms(page)
            for form in found:
                if form.name == "kc-form-login":
                    filled = {**form.fields, "username": name, "password": self.lab.passwords["demo"]}
                    page = self.http.post(form.action, data=filled, follow_redirects=False)
                    break
                if "SAMLResponse" in form.fields:
                    return Answer("POST", form.action, form.fields)
            else:
                break
        raise AssertionError(f"the provider does not answer: {page.url} {page.text[:500]}")

    def bring(self, answer: Answer, *, follow_redirects: bool = True) -> httpx.Response:
        """Come back to the portal with it, by the portal's own detour where there is one."""
        if answer.method == "GET":
            return self.http.get(answer.url, follow_redirects=follow_redirects)
        fields = {**answer.fields, "psa_saml_browser_return": "1"}
        headers = {"Origin": "null"}
        return self.http.post(answer.url, data=fields, headers=headers, follow_redirects=follow_redirects)

    @property
    def session(self) -> str:
        """The key of the portal's session; empty: there is none."""
        return next((cookie.value or "" for cookie in self.http.cookies.jar if cookie.name == SESSION), "")

    @session.setter
    def session(self, key: str) -> None:
        host = urlsplit(self.lab.portal_url).hostname or ""
        for cookie in list(self.http.cookies.jar):
            if cookie.name == SESSION:
                self.http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
        if key:
            self.http.cookies.set(SESSION, key, domain=host, path="/")

    def is_in(self) -> bool:
        """Whether a page of somebody's opens, with nobody asked for anything."""
        page = self.get("/c/", follow_redirects=False)
        return page.status_code == 200


@contextmanager
def inside(lab: Lab) -> Iterator[None]:
    """Django in this process works on the lab's tables, with its portal's key."""
    from django.db import connection

    changes = portal_settings.database_of(database.environment(lab, "portal"))
    connection.close()
    with mock.patch.dict(connection.settings_dict, changes), mock.patch.object(settings, "SECRET_KEY", key_of(lab)):
        yield
        connection.close()


def key_of(lab: Lab) -> str:
    return lab.passwords["portal-key"]


def change_session(lab: Lab, key: str, **ago: float) -> None:
    """Set times of a session to so many seconds ago."""
    import time

    from django.contrib.sessions.backends.db import SessionStore

    with inside(lab):
        store = SessionStore(session_key=key)
        store.load()
        for name, seconds in ago.items():
            store[name] = time.time() - seconds
        store.save()


def session_of(lab: Lab, key: str) -> dict[str, object]:
    """What a session holds; nothing, where there is none."""
    from django.contrib.sessions.backends.db import SessionStore

    with inside(lab):
        return dict(SessionStore(session_key=key).load())


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def open_client(lab: Lab, client: str, *providers: str) -> None:
    """A client that each provider's `<client>-voice-engineers` and `-viewers` may see."""
    rights = [
        {"provider": provider, "group": portal_settings.group(client, role), "role": role}
        for provider in providers
        for role in ("engineer", "viewer")
    ]
    with database.connect(lab, "owner") as connection, connection.cursor() as cursor:
        cursor.execute(
            "REPLACE INTO voice_client (client, display_name, time_zone, updated_at, access)"
            " VALUES (%s, %s, 'UTC', '2026-01-01', %s)",
            [client, client.capitalize(), json.dumps(rights)],
        )


def rows(lab: Lab, sql: str, *values: object) -> list[tuple[object, ...]]:
    with database.connect(lab, "owner") as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


@contextmanager
def browser(lab: Lab) -> Iterator[Browser]:
    with closing(Browser(lab)) as made:
        yield made


PROTOCOLS = {"corp": realms.OIDC, "corp-saml": realms.SAML}
