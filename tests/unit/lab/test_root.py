"""Becoming root: with sudo the same command starts again, without it the remedy is told."""

import os
import shutil
import sys

import pytest

from voice_lab import root
from voice_lab.errors import LabError


def test_root_goes_on_after_what_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done: list[str] = []
    root.become(lambda: done.append("installed"), "voice_lab", ["demo"])
    assert done == ["installed"]


def test_without_root_and_sudo_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(LabError, match="install sudo, or run this as root"):
        root.become(lambda: None, "voice_lab", ["demo"])


def test_sudo_starts_the_same_command_with_no_secret_of_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "execvp", lambda _program, command: started.append(command))
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("GRAFANA_HOME", "/opt/grafana")
    monkeypatch.setenv("VOICE_LAB_GRAFANA", "stand-in")
    for name in root.NETWORK:
        monkeypatch.delenv(name, raising=False)
    root.become(lambda: None, "voice_lab", ["demo", "--check"])
    (command,) = started
    assert command[:2] == ["sudo", "env"]
    assert command[-5:] == [sys.executable, "-m", "voice_lab", "demo", "--check"]
    assert "GRAFANA_HOME=/opt/grafana" in command
    assert "VOICE_LAB_GRAFANA=stand-in" in command
    assert "secret" not in " ".join(command)


def test_sudo_passes_on_the_way_to_the_network_without_its_passwords_in_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "execvp", lambda _program, command: started.append(command))
    for name in root.NETWORK:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example.net:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror.example.net/simple")
    root.become(lambda: None, "voice_lab.images", ["build"])
    (command,) = started
    assert command[:3] == ["sudo", "--preserve-env=https_proxy,PIP_INDEX_URL", "env"]
    assert "secret" not in " ".join(command)
