"""Grafana for tests that start no server: the lab's stand-in in memory, with a clock of its own.

`tests/contract/grafana` holds the stand-in to what Grafana was measured to answer.
"""

from __future__ import annotations

import base64
import inspect
import json
from dataclasses import replace
from functools import cache
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from voice_lab.grafana_stand_in import dashboards, organisations, rules
from voice_lab.grafana_stand_in.access import ADMIN_ID, MAIN_ORG, Config
from voice_lab.grafana_stand_in.http import Request, Response
from voice_lab.grafana_stand_in.server import Server
from voice_lab.grafana_stand_in.state import SERVER, State
from voiceprobe_operator.grafana.connections import Answer, Unanswered

# What may become of a request: refused before it is looked at, or done while the answer gets lost.
FAULTS = ("away", "500", "429", "web page", "lost", "none", "none", "none")
ADMIN, PASSWORD = "admin", "grafana-secret"
# 15 January 2027, some seconds after a full minute: what is polled for each minute is not found at once.
START = 1_800_000_007.0

Json = dict[str, Any]
# What Grafana adds to a rule, a contact point and a policy that it is given.
ADDED = {"id", "orgID", "updated", "provenance", "disableResolveMessage"}


class NotDoneError(Exception):
    """Grafana refused what somebody asked by hand."""


class Connected:
    """Connections of the operator to what `answers` a request: a response, an awaitable one, or an error raised."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    async def ask(self, method, url, headers, content):
        request = httpx.Request(method, url, headers=headers, content=content)
        try:
            found = self.answers(request)
            response = await found if inspect.isawaitable(found) else found
        except httpx.HTTPError as error:
            raise Unanswered(str(error)) from error
        return Answer(response.status_code, response.reason_phrase, response.headers, response.content)

    async def aclose(self):
        pass


class FarGrafana:
    """The stand-in as the operator's far side. `reads` and `writes` are the operator's requests, below `/api`."""

    def __init__(self) -> None:
        self.state, self.now = State(), START
        config = Config("https://voice.example/grafana", PASSWORD, poll_s=0, cached_s=0, version="10.0.0")
        self.server = Server(self.state, config, lambda: self.now)
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.away = False
        self.faults: list[str] = []

    # What the operator asks.

    def answer(self, request: httpx.Request) -> httpx.Response:
        fault = self.faults.pop(0) if self.faults else "none"
        if self.away or fault == "away":
            raise httpx.ConnectError("refused")
        if fault in {"500", "429"}:
            return httpx.Response(int(fault), json={"message": "not now"})
        if fault == "web page":
            return httpx.Response(200, html="<html>")
        path = request.url.path.removeprefix("/grafana")
        told = f"{request.method} {path.removeprefix('/api')}"
        (self.reads if request.method == "GET" else self.writes).append(told)
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = self._done(Request(request.method, path, dict(request.url.params), headers, request.content))
        if fault == "lost":
            raise httpx.ReadError("the connection broke")
        return httpx.Response(found.status, content=found.body, headers={"Content-Type": found.content_type})

    def _done(self, request: Request) -> Response:
        found = self.server.answer(request)
        return found() if callable(found) else found

    # What people do behind the operator's back.

    def ask(self, method: str, path: str, body: Any = None, *, org: int | None = None) -> Any:
        """What the administrator asks by hand; the answer's JSON. Raises NotDoneError."""
        login = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
        headers = {"authorization": f"Basic {login}"} | ({} if org is None else {"x-grafana-org-id": str(org)})
        path, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        found = self._done(Request(method, path, dict(httpx.QueryParams(query)), headers, content))
        if found.status >= 400:
            raise NotDoneError(f"{method} {path}: {found.status} {found.body.decode()}")
        return json.loads(found.body) if found.body else None

    def edit_dashboard(self, org: int, uid: str, **changes: Any) -> None:
        """Save a dashboard with some of its fields changed; `folderUid` moves it."""
        model = self.dashboards[org, uid]
        folder = changes.pop("folderUid", model.pop("folderUid"))
        body = {"dashboard": model | changes, "folderUid": folder, "overwrite": True}
        self.ask("POST", "/api/dashboards/db", body, org=org)

    def drop_panel(self, org: int, uid: str) -> None:
        """Save a dashboard without its last panel."""
        self.edit_dashboard(org, uid, panels=self.dashboards[org, uid]["panels"][:-1])

    def delete_folder(self, org: int) -> None:
        """Delete our folder, with all that is in it."""
        self.ask("DELETE", "/api/folders/voice?forceDeleteRules=true", org=org)

    def delete_org(self, org: int) -> None:
        self.ask("DELETE", f"/api/orgs/{org}")

    def add_user(self, login: str) -> int:
        """Make a user who is in no organisation yet; the number."""
        body = {"login": login, "password": "of nobody", "OrgId": MAIN_ORG}
        user = self.ask("POST", "/api/admin/users", body)["id"]
        self.ask("DELETE", f"/api/orgs/{MAIN_ORG}/users/{user}")
        return int(user)

    def add_member(self, org: int, login: str, role: str) -> None:
        self.ask("POST", f"/api/orgs/{org}/users", {"loginOrEmail": login, "role": role})

    def leave(self, org: int) -> None:
        """Have the administrator be no member, which Grafana allows only if somebody else administers it."""
        if not any(role == "Admin" for (of, user), role in self.members.items() if of == org and user != ADMIN_ID):
            login = f"keeper-{org}"
            if login not in self.users.values():
                self.add_user(login)
            self.add_member(org, login, "Admin")
        self.ask("DELETE", f"/api/orgs/{org}/users/{ADMIN_ID}")

    def asked_by(self, login: str, method: str, path: str, body: Any = None, **query: str) -> Response:
        """What a user gets who comes with a token of the portal."""
        self.restart(keys=_keys()[1])
        claims = {"iss": "voice-portal", "aud": "grafana", "sub": login, "exp": self.now + 60}
        token = jwt.encode(claims, _keys()[0], algorithm="RS256", headers={"kid": "voice-portal"})
        content = b"" if body is None else json.dumps(body).encode()
        return self._done(Request(method, path, query, {"x-jwt-assertion": token}, content))

    def seen_by(self, login: str) -> set[str]:
        """The dashboards that a user finds who comes with a token of the portal."""
        found = self.asked_by(login, "GET", "/api/search", type="dash-db", limit="5000")
        return {hit["uid"] for hit in json.loads(found.body)}

    # What happens to the server.

    def restart(self, **config: Any) -> None:
        """Start the server anew on what it holds, with other settings: as another `version`, say."""
        self.server = Server(self.state, replace(self.server.config, **config), lambda: self.now)

    def wipe(self) -> None:
        """Start the server on an empty database."""
        self.state.wipe()
        self.restart()

    def add_orgs(self, *names: str) -> None:
        """Many at once."""
        for name in names:
            organisations.add_org(self.state, name, self.now)

    # What is there.

    @property
    def orgs(self) -> dict[int, str]:
        return {org["id"]: org["name"] for org in self.state.all("org", SERVER)}

    @property
    def users(self) -> dict[int, str]:
        return {user["id"]: user["login"] for user in self.state.all("user", SERVER)}

    @property
    def members(self) -> dict[tuple[int, int], str]:
        """Roles by organisation and user."""
        return {(org, member["userId"]): member["role"] for org, member in self.state.everywhere("member")}

    def logins(self, org: int) -> set[str]:
        users = self.users
        return {users[user] for of, user in self.members if of == org}

    def user(self, login: str) -> int | None:
        return next((number for number, known in self.users.items() if known == login), None)

    @property
    def datasources(self) -> dict[int, Json]:
        """The one of ours in each organisation."""
        ours = {"voice-client", "voice-fleet"}
        return {org: source for org, source in self.state.everywhere("datasource") if source["uid"] in ours}

    def password(self, org: int) -> str:
        """What the datasource logs in with."""
        uid = self.datasources[org]["uid"]
        return str((self.state.get("datasource-secret", org, uid) or {})["password"])

    @property
    def folders(self) -> dict[int, Json]:
        return {org: folder for org, folder in self.state.everywhere("folder") if folder["uid"] == "voice"}

    @property
    def dashboards(self) -> dict[tuple[int, str], Json]:
        """Whole, each with its folder."""
        return {(org, one["uid"]): self._dashboard(org, one) for org, one in self.state.everywhere("dashboard")}

    def _dashboard(self, org: int, one: Json) -> Json:
        return {**json.loads(dashboards.model_of(self.state, org, one["uid"])), "folderUid": one["folderUid"]}

    @property
    def rules(self) -> dict[tuple[int, str], Json]:
        return {(org, rule["uid"]): _as_given(rule) for org, rule in self.state.everywhere("rule")}

    def interval(self, org: int) -> int:
        """Seconds between two evaluations of our rules."""
        return rules.group_interval(self.state, org, "voice", "voice")

    @property
    def contacts(self) -> dict[tuple[int, str], Json]:
        return {(org, point["uid"]): _as_given(point) for org, point in self.state.everywhere("contact")}

    @property
    def policies(self) -> dict[int, Json]:
        """Those that somebody wrote."""
        return {org: _as_given(policy) for org, policy in self.state.everywhere("policy")}

    @property
    def timings(self) -> dict[tuple[int, str], Json]:
        return {(org, timing["name"]): timing for org, timing in self.state.everywhere("timing")}


@cache
def _keys() -> tuple[rsa.RSAPrivateKey, Json]:
    """A key that signs tokens, and the set that verifies them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return key, {"keys": [{**public, "kid": "voice-portal", "alg": "RS256", "use": "sig"}]}


def _as_given(document: Json) -> Json:
    return {name: value for name, value in document.items() if name not in ADDED}
