"""Files of the settings that hold nothing usable yet: waited for, as whoever mounted them may exchange them."""

import json
import logging
import sys
import threading

import httpx
import pytest

from tests.ports import free_port
from voice_lab import waiting
from voiceprobe_operator import beginning
from voiceprobe_operator.settings import Settings, SettingsError

CERTIFICATE = "VOICE_MYSQL_TLS_CA"


@pytest.fixture
def mounted(env, tmp_path):
    """An environment whose password is a file that holds nothing, and that file."""
    path = tmp_path / "password"
    path.write_text("\n")
    del env["VOICE_MYSQL_PASSWORD"]
    return env | {"VOICE_MYSQL_PASSWORD_FILE": str(path), "VOICE_LIVENESS_PORT": str(free_port())}, path


@pytest.fixture(autouse=True)
def _logging():
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = before, hook
    root.setLevel(level)


def test_an_empty_secret_is_waited_for_alive_and_not_ready(mounted, monkeypatch):
    env, path = mounted
    monkeypatch.setattr(beginning, "LOOK_SECONDS", 0.05)
    url = f"http://127.0.0.1:{env['VOICE_LIVENESS_PORT']}"
    said = []

    def mend():
        try:
            waiting.until(lambda: _says(url), what="it says what it waits for", seconds=30)
            said.append((httpx.get(f"{url}/healthz").status_code, httpx.get(f"{url}/readyz")))
        finally:
            path.write_text("secret")

    thread = threading.Thread(target=mend)
    thread.start()
    settings = beginning.settled(lambda: Settings.from_env(env))
    thread.join()
    ((alive, ready),) = said
    assert (alive, ready.status_code) == (200, 503)
    (sentence,) = json.loads(ready.text)["waitingFor"]
    assert sentence == f"VOICE_MYSQL_PASSWORD_FILE names {path}, which is empty: put the value itself into it"
    assert settings.mysql_password.read() == "secret"


def _says(url):
    try:
        return httpx.get(f"{url}/readyz").status_code == 503
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize(
    ("name", "content"),
    [("VOICE_MYSQL_PASSWORD_FILE", b""), ("VOICE_MYSQL_PASSWORD_FILE", b"\xff"), (CERTIFICATE, b"no certificate")],
)
def test_what_a_file_holds_may_be_exchanged(env, tmp_path, name, content):
    (tmp_path / "file").write_bytes(content)
    del env["VOICE_MYSQL_PASSWORD"]
    env = {"VOICE_MYSQL_PASSWORD_FILE": str(tmp_path / "right")} | env | {name: str(tmp_path / "file")}
    (tmp_path / "right").write_text("secret")
    with pytest.raises(SettingsError) as error:
        Settings.from_env(env)
    assert error.value.meanwhile is not None
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"VOICE_MYSQL_PASSWORD_FILE": "/gone"},
        {CERTIFICATE: "/gone"},
        {"VOICE_MYSQL_PORT": "x"},
        {"VOICE_PORTAL_URL": ""},
    ],
)
def test_no_file_mends_what_is_wrong_elsewhere(mounted, change):
    env, _ = mounted
    with pytest.raises(SettingsError) as error:
        beginning.settled(lambda: Settings.from_env(env | change))
    assert error.value.meanwhile is None
