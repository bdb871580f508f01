"""The tests' Grafana in memory answers as the real one does, as far as the operator asks.

The same requests go to both, one after the other; the answers' codes and what the operator reads of them must agree.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fake_grafana import FakeGrafana
from tests.unit.operator.conftest import ENV, STORED
from voice_lab.waiting import until
from voiceprobe_operator.alerting.contacts import contact_point, policy, silence
from voiceprobe_operator.desired import Access, desired
from voiceprobe_operator.model import Client, parse_probe
from voiceprobe_operator.receivers import parse_receivers
from voiceprobe_operator.settings import Settings

pytestmark = pytest.mark.services
PROVISIONING = "/api/v1/provisioning"
TOKEN = {"credentialsSecretRef": {"name": "pager", "key": "token"}}
Ask = Callable[..., tuple[int, Any]]


def asking(client: httpx.Client, org: dict[str, int]) -> Ask:
    def ask(method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        headers = {"X-Grafana-Org-Id": str(org["id"])} if org else {}
        answer = client.request(method, f"/grafana{path}", json=body, params=params, headers=headers)
        return answer.status_code, answer.json() if answer.content else None

    return ask


@pytest.fixture
def both(grafana: Any) -> Any:
    """The real one and the fake, both asked as their administrator."""
    origin = grafana.url.removesuffix("/grafana")
    real = httpx.Client(base_url=origin, auth=grafana.admin, timeout=30)
    fake = httpx.Client(
        base_url="http://fake", auth=("admin", "x"), transport=httpx.MockTransport(FakeGrafana().answer)
    )
    with real, fake:
        yield real, fake


def conversation(client: httpx.Client, name: str) -> list[tuple[str, Any]]:
    """What the operator may ask about one client, and what it reads of each answer; numbers of one server left out."""
    org: dict[str, int] = {}
    ask = asking(client, org)
    said: list[tuple[str, Any]] = []

    def note(what: str, answer: tuple[int, Any], read: Callable[[Any], Any] = lambda _: None) -> Any:
        status, body = answer
        said.append((what, (status, read(body) if status < 300 else None)))
        return body

    probe = parse_probe(STORED)
    settings = Settings.from_env(ENV | {"VOICE_MYSQL_DATABASE": "voice"})
    want = desired(Client(name, name), [probe], settings, Access("secret"))
    note("health", ask("GET", "/api/health"), lambda b: sorted(b.keys() & {"version", "database"}))
    note("me", ask("GET", "/api/user"), lambda b: b["login"])
    note("no organisation", ask("GET", f"/api/orgs/name/{name}"))
    made = note("make organisation", ask("POST", "/api/orgs", {"name": name}))
    note("make it again", ask("POST", "/api/orgs", {"name": name}))
    org["id"] = made["orgId"]
    everybody: list[Any] = []
    page = 0
    while part := ask("GET", "/api/orgs", perpage=1000, page=page)[1]:
        everybody, page = everybody + part, page + 1
    said.append(("organisations", [o["id"] == org["id"] for o in everybody if o["name"] == name]))
    members = f"/api/orgs/{org['id']}/users"
    note("members", ask("GET", members), lambda b: [(m["login"], m["role"]) for m in b])
    people(note, ask, members, org, want.viewer)
    source(note, ask, want)
    boards(note, ask, want)
    receivers(note, ask)
    note("remove it from within", ask("DELETE", f"/api/orgs/{org['id']}"))
    number = org.pop("id")
    note("remove organisation", ask("DELETE", f"/api/orgs/{number}"))
    note("no such organisation", ask("GET", f"/api/orgs/name/{name}"))
    org["id"] = number
    note("nobody is in it", ask("GET", members), lambda b: b)
    note("nothing is found in it", ask("GET", "/api/datasources"), len)
    note("nobody can join it", ask("POST", members, {"loginOrEmail": "admin", "role": "Admin"}))
    note("nothing is found in it", ask("GET", "/api/search", limit=5000, page=1), len)
    return said


def people(note: Any, ask: Ask, members: str, org: dict[str, int], login: str) -> None:
    note("no viewer", ask("GET", "/api/users/lookup", loginOrEmail=login))
    body = {"login": login, "name": login, "password": uuid.uuid4().hex, "OrgId": org["id"]}
    user = note("make viewer", ask("POST", "/api/admin/users", body))
    note("make it again", ask("POST", "/api/admin/users", body))
    note("the viewer", ask("GET", "/api/users/lookup", loginOrEmail=login), lambda b: b["id"] == user["id"])
    mine = f"/api/users/{user['id']}/orgs"
    note("its organisations", ask("GET", mine), lambda b: [(o["orgId"] == org["id"], o["role"]) for o in b])
    note("promote", ask("PATCH", f"{members}/{user['id']}", {"role": "Editor"}))
    note("join again", ask("POST", members, {"loginOrEmail": login, "role": "Viewer"}))
    note("members", ask("GET", members), lambda b: sorted((m["login"], m["role"]) for m in b))
    note("leave", ask("DELETE", f"{members}/{user['id']}"))
    note("members", ask("GET", members), lambda b: sorted((m["login"], m["role"]) for m in b))


def source(note: Any, ask: Ask, want: Any) -> None:
    body = want.datasource.visible | {"secureJsonData": want.datasource.secret}
    note("no datasource", ask("GET", "/api/datasources"), len)
    note("make datasource", ask("POST", "/api/datasources", body))
    note("make it again", ask("POST", "/api/datasources", body))
    read = lambda b: [{key: s[key] for key in want.datasource.visible} for s in b]  # noqa: E731
    listed = note("datasources", ask("GET", "/api/datasources"), read)
    note("change", ask("PUT", f"/api/datasources/uid/{body['uid']}", body | {"user": "other"}))
    note("change by number", ask("PUT", f"/api/datasources/{listed[0]['id']}", body | {"user": "another"}))
    note("datasources", ask("GET", "/api/datasources"), lambda b: [s["user"] for s in b])


def boards(note: Any, ask: Ask, want: Any) -> None:
    folder = {"uid": "voice", "title": "Voice"}
    (uid, board) = next((uid, b) for uid, b in want.dashboards.items() if uid.startswith("vp-"))
    body = {"dashboard": board.model(), "folderUid": "voice", "overwrite": True, "message": "m"}
    search = {"limit": 5000, "page": 1}
    note("no folder", ask("GET", "/api/folders/voice"))
    note("dashboard without its folder", ask("POST", "/api/dashboards/db", body))
    note("make folder", ask("POST", "/api/folders", folder))
    note("make it again", ask("POST", "/api/folders", folder))
    note("rename", ask("PUT", "/api/folders/voice", {"title": "Other", "overwrite": True}))
    note("folder", ask("GET", "/api/folders/voice"), lambda b: b["title"])
    note(
        "the folder alone",
        ask("GET", "/api/search", **search),
        lambda b: [(h["uid"], h["title"], h["type"]) for h in b],
    )
    note("write", ask("POST", "/api/dashboards/db", body), lambda b: b["status"])
    note("write again", ask("POST", "/api/dashboards/db", body), lambda b: b["status"])
    read = lambda b: [(h["uid"], h["type"], sorted(h["tags"]), h.get("folderUid")) for h in b]  # noqa: E731
    note("found", ask("GET", "/api/search", **search), read)
    kept = lambda b: json.loads(json.dumps({k: b["dashboard"][k] for k in board.model()}))  # noqa: E731
    note("content", ask("GET", f"/api/dashboards/uid/{uid}"), kept)
    note("remove", ask("DELETE", f"/api/dashboards/uid/{uid}"))
    note("remove again", ask("DELETE", f"/api/dashboards/uid/{uid}"))
    note("gone", ask("GET", f"/api/dashboards/uid/{uid}"))


def receivers(note: Any, ask: Ask) -> None:
    """The real one sets up alerting for an organisation some seconds after it was made."""
    until(lambda: ask("GET", f"{PROVISIONING}/policies")[0] == 200, what="alerting has begun", seconds=60)
    (noc,) = parse_receivers([{"name": "noc", "webhook": {"url": "https://hooks.example/", "authorization": TOKEN}}])
    one, other = (contact_point(noc, {"pager": {"token": token}}, "key") for token in ("old", "new"))
    rest = {"settings": {"url": "https://elsewhere.example/", "httpMethod": "POST"}}
    contacts, timings, policies = (f"{PROVISIONING}/{kind}" for kind in ("contact-points", "mute-timings", "policies"))
    ours = lambda b: [(c["name"], c["type"], c["settings"]) for c in b if c["uid"].startswith("voice-")]  # noqa: E731
    tree = lambda b: (b["receiver"], b["group_by"], b.get("routes", []))  # noqa: E731
    born = note("policy as it was born", ask("GET", policies), tree)
    want = policy([noc], born["receiver"])
    note("no contact point", ask("GET", contacts), ours)
    note("a policy that names what is not there", ask("PUT", policies, want))
    note("no silence", ask("GET", timings), len)
    note("make the silence", ask("POST", timings, silence()))
    note("make it again", ask("POST", timings, silence()))
    note("change it", ask("PUT", f"{timings}/voice-nobody", silence()))
    note("the silence", ask("GET", timings), lambda b: [{k: t[k] for k in silence()} for t in b])
    note("make a contact point", ask("POST", contacts, one.model()))
    note("make it again", ask("POST", contacts, one.model()))
    note("with its policy", ask("PUT", policies, want))
    note("the policy", ask("GET", policies), tree)
    note("a secret is not read back", ask("GET", contacts), ours)
    note("change it", ask("PUT", f"{contacts}/{one.uid}", one.model() | rest))
    note("it is changed", ask("GET", contacts), ours)
    note("one that the policy names cannot go", ask("DELETE", f"{contacts}/{one.uid}"))
    note("unless there is another of its name", ask("POST", contacts, other.model()))
    note("then it goes", ask("DELETE", f"{contacts}/{one.uid}"))
    note("reset the policy", ask("DELETE", policies))
    note("as it was born", ask("GET", policies), tree)
    note("the other goes too", ask("DELETE", f"{contacts}/{other.uid}"))
    note("none is left", ask("GET", contacts), ours)


def test_the_fake_answers_as_the_real_one(both: tuple[httpx.Client, httpx.Client]):
    name = f"fake-test-{uuid.uuid4().hex[:6]}"
    real, fake = (conversation(client, name) for client in both)
    differ = [(what, truth, told) for (what, truth), (_, told) in zip(real, fake, strict=True) if told != truth]
    assert not differ, f"what was asked, what the real one answered, and the fake: {differ}"
