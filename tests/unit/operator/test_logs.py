"""Log lines as programs read them."""

import asyncio
import io
import json
import logging
import sys

import pytest
from kopf._cogs.clients.errors import APIForbiddenError

from voiceprobe_operator import logs


@pytest.fixture
def logged(monkeypatch):
    """Configures logging to this test's stderr; a function that returns what was logged since."""
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, sys.excepthook
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure("debug")
    yield lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = before, hook
    root.setLevel(level)


async def test_a_line_tells_of_which_client_it_is_wherever_it_comes_from(logged):
    async def work(client):
        logs.CLIENT.set(client)
        await asyncio.sleep(0)
        logging.getLogger("some.library").debug("asked\nfor %d", 3)
        await asyncio.to_thread(logging.getLogger("another").info, "in a thread")

    await asyncio.gather(*(asyncio.create_task(work(client)) for client in ("acme", "globex")))
    logging.getLogger("nobody").warning("of no client")
    lines = [line for line in logged() if line["logger"] != "asyncio"]
    assert sorted((line["logger"], line.get("client")) for line in lines) == [
        ("another", "acme"),
        ("another", "globex"),
        ("nobody", None),
        ("some.library", "acme"),
        ("some.library", "globex"),
    ]
    assert next(line for line in lines if line["logger"] == "some.library")["message"] == "asked\nfor 3"


def test_an_object_of_kopf_and_an_error_are_told(logged):
    about = {"kind": "VoiceProbe", "namespace": "acme", "name": "line"}
    try:
        int("no such thing")
    except ValueError:
        logging.getLogger("kopf.objects").exception("failed", extra={"k8s_ref": about})
    line = logged()[-1]
    assert (line["client"], line["object"], line["severity"]) == ("acme", about, "error")
    assert line["exception"].startswith("Traceback")


def test_an_error_that_nobody_caught_is_a_line_too(logged):
    sys.excepthook(ValueError, ValueError("no such thing"), None)
    line = logged()[-1]
    assert (line["severity"], line["message"]) == ("critical", "ended by an error")


def test_what_the_api_server_answers_to_kopf_is_no_line_of_the_log(logged, capsys):
    """It repeats each answer again and again, with a traceback at the end; what comes of it, the operator says."""
    logs.configure("info")
    kopf = logging.getLogger("kopf._cogs.clients.watching")
    kopf.error("Request attempt #1/9 failed; will retry: GET https://x -> APIForbiddenError('no', {}, status=403)")
    for error in (APIForbiddenError({"message": "no"}, status=403, headers={}), KeyError("a bug")):
        kopf.error("Watcher for voiceprobes has failed", exc_info=error)
    kopf.warning("something else")
    told = capsys.readouterr().err.splitlines()
    lines = [(line["message"], "a bug" in line.get("exception", "")) for line in map(json.loads, told)]
    assert lines == [("Watcher for voiceprobes has failed", True), ("something else", False)]
