"""Messages on real sockets: a webhook and a mail server that listen; and the loop that evaluates and sends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller

from tests.ports import free_port
from tests.unit.lab.grafana_stand_in.alert_world import BEGIN, ORG, World, expression, rule, sql, table
from voice_lab.grafana_stand_in.alerting import delivery, scheduler
from voice_lab.grafana_stand_in.alerting.delivery import Smtp
from voice_lab.grafana_stand_in.alerting.dispatch import Message

SECRET = "s3cret"


class Hook:
    """A webhook's other end."""

    def __init__(self) -> None:
        self.heard: list[tuple[web.BaseRequest, Any]] = []
        self.status, self.headers = 200, dict[str, str]()

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((request, json.loads(await request.read())))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made, app = Hook(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/v1?a=b"))
        yield made


class Mailbox:
    """A mail server that keeps what comes, with who said hello and by which options."""

    def __init__(self, port: int) -> None:
        self.letters: list[tuple[str, list[str], list[str], EmailMessage]] = []
        self.port = port

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.letters.append((session.host_name, envelope.mail_options, envelope.rcpt_tos, letter))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


def message(kind: str, **settings: str) -> Message:
    """The message that an alert of a hostile name makes, to a contact point of these settings."""
    world = World(rule("r", labels={"team": "<b>Ä\r\nBcc: x@x"}))
    world.contact("noc", type=kind, settings=settings)
    world.answers["A"] = table("probe value", ("p1", 1))
    found: list[Message] = []
    world.reachable = lambda _: False
    while not found:
        world.pass_time(1)
        found = [one for _, one in world.alerting.messages(world.now)]
    return found[0]


async def send(told: Message, smtp: Smtp | None = None) -> bool:
    async with delivery.session() as session:
        return await delivery.send(told, session, smtp)


async def test_a_webhook_is_called_as_grafana_calls_it(hook: Hook) -> None:
    told = message("webhook", url=hook.url, authorization_scheme="Token", authorization_credentials=SECRET)
    assert await send(told)
    ((request, body),) = hook.heard
    assert (request.method, request.path_qs) == ("POST", "/v1?a=b")
    wanted = {"Authorization": f"Token {SECRET}", "User-Agent": "Grafana", "Content-Type": "application/json"}
    assert {name: request.headers[name] for name in wanted} == wanted
    assert body == told.body


async def test_without_credentials_nothing_is_said_of_who_calls(hook: Hook) -> None:
    assert await send(message("webhook", url=hook.url, httpMethod="PUT"))
    assert hook.heard[0][0].method == "PUT"
    assert "Authorization" not in hook.heard[0][0].headers


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_any_other_answer_is_a_failure_and_no_redirect_is_followed(hook: Hook, status: int) -> None:
    hook.status, hook.headers = status, {"Location": "/elsewhere"}
    assert not await send(message("webhook", url=hook.url))
    assert len(hook.heard) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://127.0.0.1:1/s3cret"},
        {"url": "no address s3cret"},
        {"url": "http://[::1/s3cret"},
        {"url": "http://127.0.0.1:1/", "authorization_credentials": "s3cret\r\nX: y"},
    ],
)
async def test_what_cannot_be_called_is_a_failure_that_tells_no_secret(
    settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert not await send(message("webhook", **settings))
    assert "contact point noc was not told" in caplog.text
    assert SECRET not in caplog.text


async def test_each_address_gets_a_mail_of_its_own(mailbox: Mailbox) -> None:
    told = message("email", addresses="noc@acme.example; ops@acme.example")
    assert await send(told, Smtp("127.0.0.1", mailbox.port, "grafana@lab.example"))
    assert [to for _, _, to, _ in mailbox.letters] == [["noc@acme.example"], ["ops@acme.example"]]
    hello, options, _, letter = mailbox.letters[0]
    assert hello == "lab"
    assert "BODY=8BITMIME" in options
    assert str(letter["From"]) == "Grafana <grafana@lab.example>"
    assert letter["To"] == "noc@acme.example"
    assert letter["Subject"] == told.body["title"].replace("\r\n", "  ")
    assert letter["Bcc"] is None
    assert letter["Content-Type"] == 'text/html; charset="utf-8"'
    assert "&lt;b&gt;Ä" in letter.get_content()
    assert "<b>" not in letter.get_content()


async def test_a_mail_server_that_is_away_is_a_failure_and_none_at_all_is_not() -> None:
    told = message("email", addresses="noc@acme.example")
    assert not await send(told, Smtp("127.0.0.1", 1, "grafana@lab.example"))
    assert await send(told)


async def test_a_slow_rule_and_a_broken_one_hold_up_no_other(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    text = expression("C", type="math", expression="$A > 0")
    slow, broken, good = ({**sql(name), "refId": "A"} for name in ("slow", "broken", "good"))
    world = World(*(rule(one["model"]["rawSql"], one, text) for one in (slow, broken, good)))
    world.contact("noc", settings={"url": hook.url})
    goes_on = threading.Event()
    asked: list[tuple[str, int, int]] = []

    def run_query(org: int, uid: str, model: dict[str, Any], first: int, last: int) -> dict[str, Any]:
        assert (org, uid) == (ORG, "voice-cdr")
        asked.append((model["rawSql"], first, last))
        if model["rawSql"] == "slow":
            goes_on.wait(30)
        if model["rawSql"] == "broken":
            raise RuntimeError("a fault")
        return table("probe value", ("p1", 1))

    clock = itertools.count(BEGIN, 0.25)
    loop = asyncio.create_task(scheduler.run(world.alerting, run_query, None, lambda: next(clock), pause_s=0.001))
    with contextlib.suppress(asyncio.CancelledError):
        while not hook.heard:
            await asyncio.sleep(0.01)
        assert hook.heard[0][1]["groupLabels"] == {"alertname": "good"}
        assert [name for name, *_ in asked].count("slow") == 1, "it is not begun again while it runs"
        goes_on.set()
        while {body["groupLabels"]["alertname"] for _, body in hook.heard} != {"good", "slow"}:
            await asyncio.sleep(0.01)
        assert not loop.done()
        loop.cancel()
        await loop
    assert "alert rule broken of organisation 2" in caplog.text
    assert [first % 10000 for _, first, last in asked if first == last] == [0] * len(asked)


async def test_what_cannot_be_read_in_one_organisation_is_logged_and_does_not_end_it_all(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(rule("r"))
    world.contact("noc", settings={"url": hook.url})
    world.state.put("rule", ORG, "no rule", {"org": ORG})
    world.answers["A"] = table("probe value", ("p1", 1))
    clock = itertools.count(BEGIN, 0.25)
    task = scheduler.run(world.alerting, lambda *_: world.answers["A"], None, lambda: next(clock), pause_s=0.001)
    loop = asyncio.create_task(task)
    while "alerting goes on" not in caplog.text:
        await asyncio.sleep(0.01)
    world.state.drop("rule", ORG, "no rule")
    while not hook.heard:
        await asyncio.sleep(0.01)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop
