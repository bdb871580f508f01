import asyncio
import base64
from dataclasses import replace

import httpx
import pytest

from tests.far_grafana import Connected
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.grafana import api
from voiceprobe_operator.grafana.api import ATTEMPTS, Grafana
from voiceprobe_operator.grafana.login import REST_SECONDS, Login
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.secretvalue import SecretValue


class Answers:
    """Answers each request with the next of `answers`, and remembers the requests and the waits between them."""

    def __init__(self, settings, *answers):
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.grafana = Grafana(settings, connections=Connected(self.answer), sleep=self.sleep)

    def answer(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds):
        self.waits.append(seconds)


async def test_the_organisation_and_the_sub_path_are_in_the_request(settings):
    far = Answers(settings, httpx.Response(200, json={"uid": "voice"}))
    assert await far.grafana.get("/api/folders/voice", org=7, limit=1) == {"uid": "voice"}
    request = far.requests[0]
    assert str(request.url) == "http://grafana.example/grafana/api/folders/voice?limit=1"
    assert request.headers["X-Grafana-Org-Id"] == "7"
    assert request.headers["Authorization"].startswith("Basic ")


async def test_what_is_not_there_is_none(settings):
    far = Answers(settings, httpx.Response(404, json={"message": "not found"}), httpx.Response(404))
    assert await far.grafana.get("/api/folders/voice") is None
    await far.grafana.delete("/api/folders/voice")


@pytest.mark.parametrize("passing", [httpx.Response(500), httpx.Response(503), httpx.ConnectError("refused")])
async def test_what_passes_is_tried_again_after_a_pause(settings, passing):
    far = Answers(settings, passing, httpx.Response(200, json={}))
    assert await far.grafana.get("/api/search") == {}
    assert len(far.waits) == 1


async def test_a_grafana_that_stays_away_is_transient_with_a_sentence(settings):
    far = Answers(settings, *[httpx.ConnectError("connection refused")] * ATTEMPTS)
    with pytest.raises(Transient, match="Grafana does not answer: connection refused"):
        await far.grafana.get("/api/search")
    assert len(far.waits) == ATTEMPTS - 1


async def test_the_last_answer_counts_when_all_failed(settings):
    far = Answers(settings, *[httpx.Response(500, json={"message": "database is locked"})] * ATTEMPTS)
    with pytest.raises(Transient, match="500 to POST /api/orgs: database is locked"):
        await far.grafana.send("POST", "/api/orgs", {"name": "acme"})


@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (412, Rejected), (401, Transient), (409, Transient)])
async def test_a_refusal_is_not_repeated(settings, status, kind):
    far = Answers(settings, httpx.Response(status, json={"message": "no"}))
    with pytest.raises(kind, match=str(status)):
        await far.grafana.send("PUT", "/api/folders/voice", {})
    assert far.waits == []


async def test_a_web_page_is_no_answer(settings):
    far = Answers(settings, httpx.Response(200, html="<html>"), httpx.Response(400, text="<html>"))
    with pytest.raises(Transient, match="not Grafana"):
        await far.grafana.get("/api/search")
    with pytest.raises(Rejected, match="Bad Request"):
        await far.grafana.send("POST", "/api/orgs", {})


async def test_no_body_is_nothing(settings):
    far = Answers(settings, httpx.Response(200))
    assert await far.grafana.send("DELETE", "/api/x") is None
    await far.grafana.aclose()


async def test_a_pause_that_grafana_asks_for_is_kept(settings):
    busy = httpx.Response(429, headers={"Retry-After": "7"})
    far = Answers(settings, busy, httpx.Response(429, headers={"Retry-After": "3600"}), httpx.Response(200, json={}))
    assert await far.grafana.get("/api/search") == {}
    assert far.waits == [7, api.LONGEST_PAUSE_SECONDS]


async def test_a_request_has_a_deadline_with_all_its_attempts(settings, monkeypatch):
    monkeypatch.setattr(api, "DEADLINE_SECONDS", 0.01)

    async def never(_):
        await asyncio.sleep(60)

    grafana = Grafana(settings, connections=Connected(never))
    with pytest.raises(Transient, match="took longer"):
        await grafana.get("/api/search")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def login_of(tmp_path, clock):
    (tmp_path / "password").write_text("old")
    file = SecretValue.of("VOICE_GRAFANA_PASSWORD", {"VOICE_GRAFANA_PASSWORD_FILE": str(tmp_path / "password")})
    return Login(SecretValue("VOICE_GRAFANA_USER", "admin"), file, clock=clock)


def basic(password):
    return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()


async def test_a_password_that_was_exchanged_is_used_in_the_same_request_and_nobody_hears_of_it(settings, tmp_path):
    (tmp_path / "password").write_text("old")
    file = SecretValue.of("VOICE_GRAFANA_PASSWORD", {"VOICE_GRAFANA_PASSWORD_FILE": str(tmp_path / "password")})

    def answer(request):
        sent.append(request.headers["Authorization"])
        (tmp_path / "password").write_text("new")
        return httpx.Response(200, json=[]) if sent[-1] == basic("new") else httpx.Response(401)

    sent = []
    grafana = Grafana(replace(settings, grafana_password=file), connections=Connected(answer))
    assert await grafana.get("/api/orgs") == []
    assert sent == [basic("old"), basic("new")]


async def test_a_refused_login_is_a_sentence_and_is_not_sent_again_and_again(settings):
    """Grafana locks a login after five wrong passwords in five minutes, for people too."""
    far = Answers(settings, *[httpx.Response(401, json={"message": "Invalid username or password"})] * 2)
    sentence = r"refuses the administrator's login \(401\): VOICE_GRAFANA_USER and VOICE_GRAFANA_PASSWORD must be"
    for _ in range(50):
        with pytest.raises(Transient, match=sentence):
            await far.grafana.get("/api/orgs")
    assert len(far.requests) == 1


async def test_health_which_grafana_tells_everybody_says_nothing_of_a_refused_login(settings):
    """Else each look at the health would have it sent again, until Grafana locks it."""
    asked, told = asyncio.Event(), asyncio.Event()

    async def answer(request):
        if request.url.path.endswith("/api/health"):
            asked.set()
            await told.wait()
            return httpx.Response(200, json={})
        refused.append(request)
        return httpx.Response(401)

    refused = []
    grafana = Grafana(settings, connections=Connected(answer))
    health = asyncio.create_task(grafana.get("/api/health"))
    await asked.wait()
    for _ in range(2):
        with pytest.raises(Transient, match="401"):
            await grafana.get("/api/orgs")
        told.set()
        assert await health == {}
    assert len(refused) == 1


def test_a_refused_login_is_tried_once_after_each_rest_and_at_once_if_it_is_another(tmp_path):
    clock = Clock()
    login = login_of(tmp_path, clock)
    for _ in range(3):
        authorization = login.authorization()
        assert not login.refused(authorization)
        with pytest.raises(Transient, match="401"):
            login.authorization()
        clock.now += REST_SECONDS
        assert login.authorization() == basic("old")
        with pytest.raises(Transient, match="401"):
            login.authorization()
        clock.now += REST_SECONDS
    (tmp_path / "password").write_text("new")
    assert login.authorization() == basic("new")
    login.accepted()
    (tmp_path / "password").write_text("old")
    assert login.authorization() == basic("old"), "what was refused once may be right by now"


def test_a_login_whose_file_has_gone_is_a_sentence(tmp_path):
    login = login_of(tmp_path, Clock())
    (tmp_path / "password").unlink()
    with pytest.raises(Transient, match=r"VOICE_GRAFANA_PASSWORD_FILE names .* is not there"):
        login.authorization()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (
            {"/api/health": httpx.Response(404)},
            "not Grafana, or Grafana under another sub-path: VOICE_GRAFANA_URL must",
        ),
        ({"/api/health": httpx.Response(200, html="<html>")}, "not Grafana: VOICE_GRAFANA_URL must"),
        ({"/api/health": httpx.Response(200, json=[])}, "not Grafana"),
        (
            {"/api/health": httpx.Response(302, headers={"Location": "https://g/"})},
            "it sends to https://g/: VOICE_GRAF",
        ),
        ({"/api/user": httpx.Response(404)}, "not Grafana"),
        ({"/api/orgs": httpx.Response(404)}, "not Grafana"),
        ({"/api/orgs": httpx.Response(403)}, "403 .*VOICE_GRAFANA_USER must be a server administrator of Grafana"),
    ],
)
async def test_what_is_not_the_grafana_that_is_meant_is_a_sentence_with_the_mend(settings, answers, sentence):
    well = {"/api/health": {"version": "13.2.2"}, "/api/user": {"login": "admin"}, "/api/orgs": []}

    def answer(request):
        path = request.url.path.removeprefix("/grafana")
        return answers[path] if path in answers else httpx.Response(200, json=well[path])

    with pytest.raises(Transient, match=sentence):
        await Server(Grafana(settings, connections=Connected(answer))).look()
