"""Grafana as far as the operator uses it, in memory; an integration test holds it to the real one."""

from __future__ import annotations

import base64
import inspect
import json
import re

import httpx

from voiceprobe_operator.grafana.connections import Answer, Unanswered

# What may become of a request: refused before it is looked at, or done while the answer gets lost.
FAULTS = ("away", "500", "429", "web page", "lost", "none", "none", "none")


def conflict():
    """A response of its own each time: httpx ties one to the client that it went to."""
    return httpx.Response(409, json={"message": "there is one already"})


class Connected:
    """Connections of the operator to what `answers` a request: a response, an awaitable one, or an error raised."""

    def __init__(self, answers):
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


class FakeGrafana:
    """Grafana as far as the operator uses it, its state in memory, its requests remembered."""

    def __init__(self):
        self.orgs = {1: "Main Org."}
        self.users = {1: "admin"}
        self.members = {(1, 1): "Admin"}
        self.datasources, self.folders, self.dashboards = {}, {}, {}
        self.rules: dict[tuple[int, str], dict] = {}
        self.intervals: dict[int, int] = {}
        self.contacts: dict[tuple[int, str], dict] = {}
        self.timings: dict[tuple[int, str], dict] = {}
        self.policies: dict[int, dict] = {}
        # Organisations in which alerting has not begun yet: the real one does that once a minute.
        self.starting: set[int] = set()
        self.next_org = 1
        self.passwords = {}
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.away = False
        self.aliases: dict[str, int] = {}
        self.version = "10.0.0"
        self.refused: set[str] = set()
        self.faults: list[str] = []
        self.asks_within = False

    def answer(self, request):
        fault = self.faults.pop(0) if self.faults else "none"
        if self.away or fault == "away":
            raise httpx.ConnectError("refused")
        if fault in {"500", "429"}:
            return httpx.Response(int(fault), json={"message": "not now"})
        if fault == "web page":
            return httpx.Response(200, html="<html>")
        answer = self.done(request)
        if fault == "lost":
            raise httpx.ReadError("the connection broke")
        return answer

    def done(self, request):
        self.asking = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().split(":")[0]
        path = request.url.path.removeprefix("/grafana/api")
        self.org = int(request.headers.get("X-Grafana-Org-Id", 1))
        (self.reads if request.method == "GET" else self.writes).append(f"{request.method} {path}")
        self.asks_within = "X-Grafana-Org-Id" in request.headers
        self.asked = dict(request.url.params)
        body = json.loads(request.content) if request.content else {}
        for pattern, handler in ROUTES.items():
            if match := re.fullmatch(pattern, f"{request.method} {path}"):
                found = handler(self, body, *match.groups())
                if isinstance(found, httpx.Response):
                    return found
                return httpx.Response(
                    404 if found is None else 200, json={"message": "not found"} if found is None else found
                )
        raise AssertionError(f"unexpected request {request.method} {path}")

    def health(self, _):
        return {"database": "ok", "version": self.version}

    def list_orgs(self, _):
        start = int(self.asked["page"]) * int(self.asked["perpage"])
        found = [{"id": number, "name": name} for number, name in self.orgs.items()]
        return found[start : start + int(self.asked["perpage"])]

    def delete_org(self, _, org):
        if self.asks_within and int(org) == self.org:
            return httpx.Response(400, json={"message": "Can not delete org for current user"})
        return self.remove_org(int(org)) and {"message": "deleted"}

    def remove_org(self, org):
        self.delete_folder(org)
        self.remove_alerting(org)
        self.datasources.pop(org, None)
        self.members = {key: role for key, role in self.members.items() if key[0] != org}
        return self.orgs.pop(org, None)

    def delete_folder(self, org):
        self.folders.pop(org, None)
        self.dashboards = {key: board for key, board in self.dashboards.items() if key[0] != org}
        self.rules = {key: rule for key, rule in self.rules.items() if key[0] != org}

    def remove_alerting(self, org):
        self.policies.pop(org, None)
        self.contacts = {key: point for key, point in self.contacts.items() if key[0] != org}
        self.timings = {key: timing for key, timing in self.timings.items() if key[0] != org}

    def wipe(self):
        """Start on an empty database, and keep the faults."""
        faults = self.faults
        self.__init__()
        self.faults = faults

    def org_by_name(self, _, name):
        return next(({"id": number} for number, known in self.orgs.items() if known == name), None)

    def add_org(self, body):
        if body["name"] in self.orgs.values():
            return conflict()
        number = self.next_org = self.next_org + 1
        self.orgs[number] = body["name"]
        self.members[number, 1] = "Admin"
        return {"orgId": number}

    def org_users(self, _, org):
        members = {u: role for (o, u), role in self.members.items() if o == int(org)}
        return [{"userId": u, "login": self.users[u], "role": role} for u, role in members.items()]

    def logins(self, org):
        return {self.users[user] for found, user in self.members if found == org}

    def me(self, _):
        user = self.aliases.get(self.asking) or self.user(self.asking)
        return user and {"id": user, "login": self.users[user]}

    def user(self, login):
        return next((number for number, known in self.users.items() if known == login), None)

    def add_org_user(self, body, org):
        user = self.user(body["loginOrEmail"])
        if int(org) not in self.orgs:
            return httpx.Response(500, json={"message": "failed"})
        if (int(org), user) in self.members:
            return conflict()
        self.members[int(org), user] = body["role"]
        return {"message": "added"}

    def change_role(self, body, org, user):
        self.members[int(org), int(user)] = body["role"]
        return {"message": "changed"}

    def remove_org_user(self, _, org, user):
        self.members.pop((int(org), int(user)), None)
        return {"message": "removed"}

    def user_orgs(self, _, user):
        found = {o: role for (o, u), role in self.members.items() if u == int(user)}
        return [{"orgId": o, "role": role} for o, role in found.items()]

    def lookup(self, _):
        found = self.user(self.asked["loginOrEmail"])
        return found and {"id": found}

    def add_user(self, body):
        if self.user(body["login"]):
            return httpx.Response(412, json={"message": "User already exists"})
        number = max(self.users) + 1
        self.users[number] = body["login"]
        self.members[body["OrgId"], number] = "Viewer"
        return {"id": number}

    def delete_user(self, _, user):
        self.members = {key: role for key, role in self.members.items() if key[1] != int(user)}
        return self.users.pop(int(user), None) and {"message": "deleted"}

    def list_datasources(self, _):
        return [self.datasources[self.org]] if self.org in self.datasources else []

    def add_datasource(self, body):
        return conflict() if self.org in self.datasources else self.put_datasource(body)

    def put_datasource(self, body, *_):
        self.passwords[self.org] = body.pop("secureJsonData")["password"]
        self.datasources[self.org] = {"id": 1, "readOnly": False, **body}
        return {"message": "ok"}

    def get_folder(self, _):
        return self.folders.get(self.org)

    def add_folder(self, body):
        taken = httpx.Response(412, json={"message": "there is one already"})
        return taken if self.org in self.folders else self.put_folder(body)

    def put_folder(self, body):
        self.folders[self.org] = {"uid": "voice", "title": body["title"]}
        return self.folders[self.org]

    def search(self, _):
        mine = [d for (org, _), d in self.dashboards.items() if org == self.org]
        folders = [self.folders[self.org] | {"type": "dash-folder", "tags": []}] if self.org in self.folders else []
        boards = [{"uid": d["uid"], "tags": sorted(d["tags"]), "folderUid": d["folderUid"]} for d in mine]
        return [*folders, *(board | {"type": "dash-db"} for board in boards)]

    def get_dashboard(self, _, uid):
        found = self.dashboards.get((self.org, uid))
        return found and {"dashboard": found}

    def put_dashboard(self, body):
        model = body["dashboard"]
        if model["uid"] in self.refused or self.org not in self.folders:
            return httpx.Response(400, json={"message": "refused"})
        self.dashboards[self.org, model["uid"]] = {"id": 9, **model, "folderUid": body["folderUid"]}
        return {"status": "success"}

    def delete_dashboard(self, _, uid):
        found = self.dashboards.pop((self.org, uid), None)
        return found and {"title": found["title"]}

    def get_group(self, _):
        mine = [{"id": 1, **rule} for (org, _), rule in self.rules.items() if org == self.org]
        return {"title": "voice", "interval": self.intervals[self.org], "rules": mine} if mine else None

    def put_group(self, body):
        assert [rule["uid"] for rule in body["rules"]] == [uid for org, uid in self.rules if org == self.org]
        self.intervals[self.org] = body["interval"]
        return body

    def add_rule(self, body):
        if (self.org, body["uid"]) in self.rules:
            return httpx.Response(500, json={"message": "conflicting alert rule found"})
        self.intervals.setdefault(self.org, 60)
        return self.put_rule(body, body["uid"])

    def get_rule(self, _, uid):
        return self.rules.get((self.org, uid))

    def put_rule(self, body, uid):
        self.rules[self.org, uid] = body
        return body

    def delete_rule(self, _, uid):
        self.rules.pop((self.org, uid), None)
        return {}

    def get_policy(self, _):
        born = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
        return None if self.org in self.starting else self.policies.get(self.org, born)

    def put_policy(self, body):
        names = {"grafana-default-email", *(p["name"] for (org, _), p in self.contacts.items() if org == self.org)}
        muted = {name for org, name in self.timings if org == self.org}
        for route in [body, *body["routes"]]:
            if route.get("receiver") not in names or not muted.issuperset(route.get("mute_time_intervals", ())):
                return httpx.Response(400, json={"message": "invalid object specification"})
        self.policies[self.org] = body
        return httpx.Response(202, json={"message": "policies updated"})

    def reset_policy(self, _):
        self.policies.pop(self.org, None)
        return httpx.Response(202, json={"message": "notification policy tree reset"})

    def list_contacts(self, _):
        return [shown_contact(point) for (org, _), point in self.contacts.items() if org == self.org]

    def add_contact(self, body):
        if (self.org, body["uid"]) in self.contacts:
            return httpx.Response(500, json={"message": "there is one already"})
        self.contacts[self.org, body["uid"]] = body
        return httpx.Response(202, json=shown_contact(body))

    def put_contact(self, body, uid):
        self.contacts[self.org, uid] = body
        return httpx.Response(202, json={"message": "contactpoint updated"})

    def delete_contact(self, _, uid):
        name = self.contacts.get((self.org, uid), {}).get("name")
        others = [u for (org, u), p in self.contacts.items() if org == self.org and p["name"] == name and u != uid]
        tree = self.policies.get(self.org, {"routes": ()})
        if not others and name in {tree.get("receiver"), *(r.get("receiver") for r in tree["routes"])}:
            return httpx.Response(500, json={"message": "contact point is in use"})
        self.contacts.pop((self.org, uid), None)
        return httpx.Response(202, json={"message": "contactpoint deleted"})

    def list_timings(self, _):
        return [timing for (org, _), timing in self.timings.items() if org == self.org]

    def add_timing(self, body):
        if (self.org, body["name"]) in self.timings:
            return httpx.Response(400, json={"message": "there is one already"})
        return httpx.Response(201, json=self.put_timing(body, body["name"]).json())

    def put_timing(self, body, name):
        self.timings[self.org, name] = body
        return httpx.Response(202, json=body)


def shown_contact(point):
    """A contact point as it can be read back: what is secret in it is not."""
    settings = {k: "[REDACTED]" if k == "authorization_credentials" else v for k, v in point["settings"].items()}
    return {**point, "settings": settings, "disableResolveMessage": False, "provenance": "api"}


ROUTES = {
    r"GET /health": FakeGrafana.health,
    r"GET /orgs": FakeGrafana.list_orgs,
    r"GET /orgs/name/(.+)": FakeGrafana.org_by_name,
    r"POST /orgs": FakeGrafana.add_org,
    r"DELETE /orgs/(\d+)": FakeGrafana.delete_org,
    r"DELETE /admin/users/(\d+)": FakeGrafana.delete_user,
    r"GET /orgs/(\d+)/users": FakeGrafana.org_users,
    r"POST /orgs/(\d+)/users": FakeGrafana.add_org_user,
    r"PATCH /orgs/(\d+)/users/(\d+)": FakeGrafana.change_role,
    r"DELETE /orgs/(\d+)/users/(\d+)": FakeGrafana.remove_org_user,
    r"GET /user": FakeGrafana.me,
    r"GET /users/(\d+)/orgs": FakeGrafana.user_orgs,
    r"GET /users/lookup": FakeGrafana.lookup,
    r"POST /admin/users": FakeGrafana.add_user,
    r"GET /datasources": FakeGrafana.list_datasources,
    r"PUT /datasources/(\d+)": FakeGrafana.put_datasource,
    r"PUT /datasources/uid/voice-cdr": FakeGrafana.put_datasource,
    r"POST /datasources": FakeGrafana.add_datasource,
    r"GET /folders/voice": FakeGrafana.get_folder,
    r"PUT /folders/voice": FakeGrafana.put_folder,
    r"POST /folders": FakeGrafana.add_folder,
    r"GET /search": FakeGrafana.search,
    r"GET /dashboards/uid/(.+)": FakeGrafana.get_dashboard,
    r"DELETE /dashboards/uid/(.+)": FakeGrafana.delete_dashboard,
    r"POST /dashboards/db": FakeGrafana.put_dashboard,
    r"GET /v1/provisioning/folder/voice/rule-groups/voice": FakeGrafana.get_group,
    r"PUT /v1/provisioning/folder/voice/rule-groups/voice": FakeGrafana.put_group,
    r"POST /v1/provisioning/alert-rules": FakeGrafana.add_rule,
    r"GET /v1/provisioning/alert-rules/(.+)": FakeGrafana.get_rule,
    r"PUT /v1/provisioning/alert-rules/(.+)": FakeGrafana.put_rule,
    r"DELETE /v1/provisioning/alert-rules/(.+)": FakeGrafana.delete_rule,
    r"GET /v1/provisioning/policies": FakeGrafana.get_policy,
    r"PUT /v1/provisioning/policies": FakeGrafana.put_policy,
    r"DELETE /v1/provisioning/policies": FakeGrafana.reset_policy,
    r"GET /v1/provisioning/contact-points": FakeGrafana.list_contacts,
    r"POST /v1/provisioning/contact-points": FakeGrafana.add_contact,
    r"PUT /v1/provisioning/contact-points/(.+)": FakeGrafana.put_contact,
    r"DELETE /v1/provisioning/contact-points/(.+)": FakeGrafana.delete_contact,
    r"GET /v1/provisioning/mute-timings": FakeGrafana.list_timings,
    r"POST /v1/provisioning/mute-timings": FakeGrafana.add_timing,
    r"PUT /v1/provisioning/mute-timings/(.+)": FakeGrafana.put_timing,
}
