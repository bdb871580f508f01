"""Signing in as a person does who has a browser: pages are read, forms are filled in and sent, redirects followed."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from voice_lab.errors import LabError
from voice_lab.identity import realms
from voice_lab.identity.people import Person

TIMEOUT = 30.0
FORMS = 10
"""More one after another is a circle."""
SAML_FIELDS = {"SAMLRequest", "SAMLResponse"}


@dataclass
class Form:
    """A form of a page.

    Attributes:
        action: where it is sent: an address.
        method: get or post.
        fields: names of its fields, with what is in them.
        kinds: the same names, with the types of their fields.
        name: its id in the page.
    """

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    name: str = ""


class Transport(httpx.HTTPTransport):
    """Knows `*.localhost` as browsers do, whether or not this machine's resolver does (RFC 6761, 6.3)."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to where its address leads."""
        if (host := request.url.host).endswith(".localhost"):
            request.extensions["sni_hostname"] = host
            address = request.url
            request.url = address.copy_with(host="127.0.0.1")
            try:
                return super().handle_request(request)
            finally:
                request.url = address
        return super().handle_request(request)


def browser(
    authority: Path, *, seconds: float = TIMEOUT, instead: Mapping[str, httpx.BaseTransport] | None = None
) -> httpx.Client:
    """Return a browser without cookies that trusts the lab's certificate authority.

    Args:
        seconds: how long it waits for an answer.
        instead: what answers at some addresses in place of their servers.
    """
    trusting = Transport(verify=ssl.create_default_context(cafile=str(authority)), trust_env=False)
    return httpx.Client(transport=trusting, mounts=instead, timeout=seconds, follow_redirects=True, trust_env=False)


def sign_in(http: httpx.Client, portal_url: str, person: Person, provider: str, password: str) -> httpx.Response:
    """Sign in to the portal with one of its providers; return the page at which that ends, whatever it is.

    Raises:
        LabError: the portal does not offer the provider.
    """
    page = http.get(portal_url + realms.LOGIN_PATH)
    address = portal_url + realms.START_PATH.format(provider=provider)
    form = next((each for each in forms(page) if each.action == address), None)
    if form is None:
        asking = next((each for each in forms(page) if "email" in each.kinds.values()), None)
        if asking is None:
            raise LabError(f"{page.url} neither offers the provider {provider} nor asks for an e-mail address")
        page = send(http, page, asking, **{name: person.mail for name, kind in asking.kinds.items() if kind == "email"})
        form = next((each for each in forms(page) if each.action == address), None)
    return go_on(http, page if form is None else send(http, page, form), person.name, password)


def go_on(http: httpx.Client, page: httpx.Response, username: str, password: str) -> httpx.Response:
    """Fill in the form of Keycloak where it asks, once; go where pages lead by themselves; return the page then."""
    asked = False
    for _ in range(FORMS):
        found = forms(page)
        login = next((each for each in found if each.name == "kc-form-login"), None)
        carrier = next((each for each in found if SAML_FIELDS & each.fields.keys()), None)
        if login and not asked:
            asked = True
            page = send(http, page, login, username=username, password=password)
        elif carrier:
            page = send(http, page, carrier)
        elif address := onward(page):
            page = http.get(address)
        else:
            return page
    raise LabError(f"{page.url} is the page after {FORMS} forms, and there is another")


def onward(page: httpx.Response) -> str:
    """Where a page leads on to by itself; empty: it stays."""
    return _read(page).onward


def forms(page: httpx.Response) -> list[Form]:
    """The forms of a page; none of what is no page."""
    return _read(page).forms


def send(http: httpx.Client, page: httpx.Response, form: Form, **filled: str) -> httpx.Response:
    """Send a form of a page, with some fields filled in."""
    fields = {**form.fields, **filled}
    if form.method == "get":
        return http.get(form.action, params=fields)
    parts = urlsplit(str(page.url))
    origin = f"{parts.scheme}://{parts.netloc}"
    return http.post(form.action, data=fields, headers={"Origin": origin, "Referer": str(page.url)})


def _read(page: httpx.Response) -> _Reader:
    reader = _Reader(str(page.url))
    reader.feed(page.text if "html" in page.headers.get("Content-Type", "") else "")
    return reader


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._open = False
        self.forms: list[Form] = []
        self.onward = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self._url, told.get("action", ""))
            self.forms.append(Form(action, told.get("method", "get").lower(), name=told.get("id", "")))
            self._open = True
        elif tag == "meta" and told.get("http-equiv") == "refresh":
            self.onward = told.get("content", "").partition("url=")[2]
        elif tag == "input" and self._open and told.get("name"):
            kind = told.get("type", "text")
            self.forms[-1].kinds[told["name"]] = kind
            if kind not in {"submit", "image", "checkbox", "radio"}:
                self.forms[-1].fields[told["name"]] = told.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
