"""Two clients and their voice engineers, at the real portal and the Grafana behind it. No operator works there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import httpx

from tests.integration.portal.conftest import Records
from tests.portal import access
from voice_lab.context import Lab
from voice_lab.services import database, grafana, portal

PROBE = "inbound"


@dataclass(frozen=True)
class Client:
    """A client with one probe, one call, its recording and one dashboard, all of which bear its name.

    Attributes:
        dashboard: the uid of its probe's dashboard.
        org: the number of its organisation in Grafana.
        month: that of the call, as in `2026-10`.
    """

    name: str
    org: int
    dashboard: str
    call: uuid.UUID
    month: str

    @property
    def viewer(self) -> str:
        """The login of the one viewer that all of its engineers share."""
        return f"client-{self.name}"


@dataclass
class World:
    """What there is to be attacked, and who may attack it."""

    lab: Lab
    records: Records
    admin: httpx.Client
    stack: ExitStack

    def client(self) -> Client:
        """A client of its own, in the database and in Grafana."""
        name = f"t-{uuid.uuid4().hex[:12]}"
        made = self.admin.post("/api/orgs", json={"name": name}).raise_for_status().json()["orgId"]
        call = self._rows(name, made)
        client = Client(name, made, f"vp-{uuid.uuid4().hex}", call, self._month(call))
        user = {"login": client.viewer, "name": "", "password": uuid.uuid4().hex, "OrgId": made}
        viewer = self.admin.post("/api/admin/users", json=user).raise_for_status().json()["id"]
        within = {"X-Grafana-Org-Id": str(made)}
        board = {"uid": client.dashboard, "title": f"Calls of {name}"}
        for path, body in (
            ("/api/folders", {"uid": "voice", "title": f"Voice of {name}"}),
            ("/api/dashboards/db", {"dashboard": board, "folderUid": "voice"}),
        ):
            self.admin.post(path, json=body, headers=within).raise_for_status()
        self.stack.callback(self.admin.delete, f"/api/orgs/{made}")
        self.stack.callback(self.admin.delete, f"/api/admin/users/{viewer}")
        return client

    def _rows(self, name: str, org: int) -> uuid.UUID:
        self.records.clients.append(name)
        values = {"display_name": f"Client {name}", "time_zone": "UTC", "updated_at": "2026-01-01"}
        self.records.insert("voice_client", client=name, grafana_org_id=org, access=access(name), **values)
        self.records.probe(name, f"{PROBE}-{name}", display_name=f"Probe of {name}")
        call = self.records.call(name, f"{PROBE}-{name}")
        self.records.recording(call)
        return call

    def _month(self, call: uuid.UUID) -> str:
        (month,) = self.records.one(
            "SELECT DATE_FORMAT(started_at, '%%Y-%%m') FROM voice_call WHERE uuid = %s", call.bytes
        )
        return str(month)

    def signed_in(self, *clients: Client, role: str = "engineer", staff: bool = False) -> httpx.Client:
        """The browser of somebody new, with that role in these clients."""
        login = f"engineer-{uuid.uuid4().hex[:10]}"
        portal.add_user(self.lab, login, *(client.name for client in clients), role=role, staff=staff)
        browser = httpx.Client(base_url=self.lab.portal_url, timeout=20, trust_env=False)
        browser.cookies.set(portal.COOKIE, portal.session(self.lab, login), domain=browser.base_url.host)
        browser.get("/logout/").raise_for_status()  # has a form, and so gives a token for forms
        return self.stack.enter_context(closing(browser))

    def stranger(self) -> httpx.Client:
        """The browser of somebody who is not signed in."""
        browser = httpx.Client(base_url=self.lab.portal_url, timeout=20, trust_env=False)
        browser.get("/login/local/").raise_for_status()  # has a form, and so gives a token for forms
        return self.stack.enter_context(closing(browser))


@contextmanager
def world(lab: Lab) -> Iterator[World]:
    """Everything is taken away again."""
    with (
        database.connect(lab, "owner") as connection,
        httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab), timeout=20) as admin,
        ExitStack() as stack,
    ):
        records = Records(connection)
        stack.callback(records.clear)
        yield World(lab, records, admin, stack)


def post(
    browser: httpx.Client, path: str, method: str = "POST", more: Mapping[str, str] | None = None, **form: str
) -> httpx.Response:
    """Send a form as a page of the portal's own does: with its token, from its origin, and with `more` headers."""
    token = browser.cookies.get("csrftoken") or ""
    headers = {"Referer": f"{browser.base_url}/", "X-CSRFToken": token, **(more or {})}
    return browser.request(method, path, data=form, headers=headers)
