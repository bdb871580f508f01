import json
from types import SimpleNamespace

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import Denied, Rejected, Transient
from voiceprobe_operator.kubernetes import api
from voiceprobe_operator.kubernetes.api import Kubernetes
from voiceprobe_operator.model import Reference
from voiceprobe_operator.reporting.statuswriter import StatusWriter

REF = Reference("VoiceProbe", "acme", "inbound-sales", "u1", 3)
STATUS = "/apis/voicequality.io/v1alpha1/namespaces/acme/voiceprobes/inbound-sales/status"


class Far:
    """An API server that answers each request with the next of `answers`: a status and a body."""

    def __init__(self):
        self.answers, self.requests, self.logins, self.url = [], [], 0, ""
        self.api = Kubernetes()

    async def answer(self, request):
        body = await request.text()
        self.requests.append(SimpleNamespace(
            method=request.method, path=request.path, headers=request.headers, query=request.query,
            json=json.loads(body) if body else None,
        ))  # fmt: skip
        status, content = self.answers.pop(0)
        if isinstance(content, str):
            return web.Response(status=status, text=content)
        return web.json_response(content, status=status)

    def login(self):
        self.logins += 1
        return kopf.ConnectionInfo(server=self.url, token=f"token-{self.logins}")


@pytest.fixture
async def far(monkeypatch):
    far = Far()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", far.answer)
    async with TestServer(application) as server:
        far.url = str(server.make_url("")).rstrip("/")
        monkeypatch.setattr(api, "login", far.login)
        yield far
        await far.api.aclose()


def page(names, token=""):
    return 200, {"items": [{"metadata": {"name": n}} for n in names], "metadata": {"continue": token}}


async def listed(far):
    return [item async for item in far.api.objects("VoiceProbe")]


async def test_a_list_is_followed_to_its_end(far):
    far.answers = [page(["a", "b"], "more"), page(["c"])]
    found = await listed(far)
    assert [item["metadata"]["name"] for item in found] == ["a", "b", "c"]
    assert found[0]["kind"] == "VoiceProbe"
    assert far.requests[1].query["continue"] == "more"


async def test_a_list_that_breaks_off_is_no_list(far):
    far.answers = [page(["a"], "more"), (410, {"message": "expired"})]
    with pytest.raises(Transient, match="410"):
        await listed(far)


async def test_a_cluster_that_knows_no_allotments_has_none_and_says_so(far, caplog):
    far.answers = [(404, "page not found"), (404, {"message": "page not found"})]
    assert [item async for item in far.api.objects("NumberAllotment")] == []
    with pytest.raises(Transient, match="knows no VoiceProbe, so nothing can be declared: helm show crds"):
        await listed(far)


async def test_the_status_of_what_is_in_no_namespace_is_patched_there(far):
    far.answers = [(200, {"metadata": {}})]
    await far.api.patch_status(Reference("NumberAllotment", "", "acme", "u1", 1), {})
    assert far.requests[0].path == "/apis/voicequality.io/v1alpha1/numberallotments/acme/status"


async def test_an_expired_token_is_replaced(far):
    far.answers = [(401, "no"), page([])]
    assert await listed(far) == []
    assert [r.headers["Authorization"] for r in far.requests] == ["Bearer token-1", "Bearer token-2"]


async def test_a_status_names_the_object_it_is_meant_for(far):
    far.answers = [(200, {})]
    await far.api.patch_status(REF, {"health": "Healthy"})
    request = far.requests[0]
    assert (request.method, request.path) == ("PATCH", STATUS)
    assert request.json == {"metadata": {"uid": "u1"}, "status": {"health": "Healthy"}}


@pytest.mark.parametrize("status", [404, 409])
async def test_an_object_that_is_gone_needs_no_status(far, status):
    far.answers = [(status, {"message": "gone"})]
    await far.api.patch_status(REF, {"health": "Healthy"})


@pytest.mark.parametrize(("status", "kind"), [(422, Rejected), (403, Transient), (500, Transient)])
async def test_errors_carry_a_sentence(far, status, kind):
    far.answers = [(status, {"message": "because"})]
    with pytest.raises(kind, match="because"):
        await listed(far)


async def test_a_web_page_is_no_answer(far):
    far.answers = [(200, "<html>"), (502, "<html>")]
    with pytest.raises(Transient, match="did not answer JSON"):
        await listed(far)
    with pytest.raises(Transient, match="502"):
        await listed(far)


async def test_an_api_server_that_is_away_is_transient(far):
    far.url = "http://127.0.0.1:1"
    with pytest.raises(Transient, match=r"does not answer: .*Connect"):
        await listed(far)


async def test_a_secret_that_is_not_there_is_none_and_one_that_is_forbidden_says_so(far):
    far.answers = [(404, {}), (403, {"message": "no"})]
    assert await far.api.secret("acme", "hook") is None
    with pytest.raises(Denied, match="403"):
        await far.api.secret("acme", "hook")


async def test_a_watch_gives_events_until_it_ends(far):
    events = [{"type": "ADDED", "object": {"n": 1}}, {"type": "DELETED", "object": {"n": 2}}]
    far.answers = [(200, "".join(json.dumps(event) + "\n" for event in events))]
    assert [event async for event in far.api.watch_secrets("acme", {"fieldSelector": "metadata.name=hook"})] == events
    assert far.requests[0].query["fieldSelector"] == "metadata.name=hook"
    assert far.requests[0].query["watch"] == "1"


@pytest.mark.parametrize(
    "answer", [(403, "no"), (200, "<html>"), (200, '{"type": "ERROR", "object": {"code": 410}}\n')]
)
async def test_a_watch_that_breaks_is_transient(far, answer):
    far.answers = [answer]
    with pytest.raises(Transient):
        [event async for event in far.api.watch_secrets("acme", {})]


async def test_an_event_points_at_its_object(far):
    far.answers = [(201, {}), (403, {})]
    await far.api.event(REF, "Normal", "Published", "generation 3")
    body = far.requests[0].json
    assert body["involvedObject"]["uid"] == "u1"
    assert body["reason"] == "Published"
    await far.api.event(REF, "Normal", "Published", "the namespace is being deleted")


def body(version=1, **status):
    metadata = {"name": "inbound-sales", "namespace": "acme", "uid": "u1", "generation": 3}
    return {"kind": "VoiceProbe", "metadata": metadata | {"resourceVersion": str(version)}, "status": status}


async def test_a_status_that_is_right_is_not_written(far):
    store = Store()
    writer = StatusWriter(far.api, store)
    store.notice(body(health="Healthy"), deleted=False)
    await writer.write(REF, lambda _: {"health": "Healthy"})
    assert far.requests == []
    far.answers = [(200, body(2, health="Degraded"))]
    await writer.write(REF, lambda _: {"health": "Degraded"})
    store.notice(body(1, health="Healthy"), deleted=False)
    await writer.write(REF, lambda _: {"health": "Degraded"})
    assert len(far.requests) == 1
