"""What the program is told wrongly is one sentence that names the setting, and no traceback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    keys = tmp_path / "keys.json"
    key = {"kty": "oct", "k": "c2VjcmV0", "kid": "some", "alg": "HS256"}
    keys.write_text(json.dumps({"keys": [key]}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return {
        "GF_PATHS_DATA": str(tmp_path),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_SERVER_ROOT_URL": "http://127.0.0.1:1/grafana/",
        "GF_SECURITY_ADMIN_PASSWORD": "secret",
        "GF_AUTH_JWT_JWK_SET_FILE": str(keys),
        "GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL": "5s",
        "GF_AUTH_SIGNOUT_REDIRECT_URL": "http://127.0.0.1:1/logout/",
        "GF_SMTP_HOST": "127.0.0.1:25",
        "GF_SMTP_FROM_ADDRESS": "grafana@lab.example",
    }


def ended(told: dict[str, str]) -> str:
    """What the program says as it ends."""
    command = [sys.executable, "-m", "voice_lab.grafana_stand_in"]
    done = subprocess.run(
        command, env={"PATH": os.defpath} | told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("Grafana's stand-in: ")
    return done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GF_SERVER_HTTP_PORT", "abc"),
        ("GF_SERVER_HTTP_PORT", "99999"),
        ("GF_SERVER_HTTP_PORT", ""),
        ("GF_SERVER_ROOT_URL", "junk"),
        ("GF_SERVER_ROOT_URL", "http://[bad"),
        ("GF_AUTH_JWT_JWK_SET_FILE", "/nonexistent"),
        ("GF_AUTH_JWT_JWK_SET_FILE", "/etc/hostname"),
        ("GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL", "junk"),
        ("GF_SMTP_HOST", "host"),
        ("GF_SMTP_HOST", "host:x"),
        ("GF_LOG_LEVEL", "loud"),
        ("GF_PATHS_DATA", "/nonexistent"),
        ("GF_PATHS_DATA", "/etc/hostname"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(told: dict[str, str], name: str, value: str) -> None:
    assert name in ended(told | {name: value})


@pytest.mark.parametrize("text", ["[]", "{}", '{"keys": [{}]}', "\xff"])
def test_keys_that_are_none_are_named(told: dict[str, str], text: str) -> None:
    Path(told["GF_AUTH_JWT_JWK_SET_FILE"]).write_bytes(text.encode("latin-1"))
    assert "GF_AUTH_JWT_JWK_SET_FILE" in ended(told)


def test_a_taken_port_is_told_with_the_mend(told: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = ended(told | {"GF_SERVER_HTTP_PORT": str(port)})
    assert str(port) in said
    assert "that nobody uses" in said


@pytest.mark.parametrize("broken", ["garbage", "a folder", "of something else"])
def test_a_state_that_is_broken_is_named_with_the_mend(told: dict[str, str], tmp_path: Path, broken: str) -> None:
    state = tmp_path / "stand-in.db"
    if broken == "a folder":
        state.mkdir()
    elif broken == "garbage":
        state.write_bytes(b"garbage" * 1000)
    else:
        import sqlite3

        with sqlite3.connect(state) as other:
            other.execute("CREATE TABLE document (id INTEGER)")
        other.close()
    said = ended(told)
    assert str(state) in said
    assert "remove that file and start again" in said
