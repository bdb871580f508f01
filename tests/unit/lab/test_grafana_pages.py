"""Grafana's web pages are built where no release of Grafana can be had; without them the lab goes on, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from voice_lab import places
from voice_lab.errors import LabError
from voice_lab.tools import grafana, grafana_pages


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a Grafana that was built: its server alone."""
    monkeypatch.delenv("GRAFANA_HOME", raising=False)
    monkeypatch.setattr(places, "cache", lambda: tmp_path)
    monkeypatch.setattr(grafana, "_source", lambda work, _env: work)
    monkeypatch.setattr(grafana.go, "environment", lambda **_: {})
    monkeypatch.setattr(grafana_pages, "need_node", lambda: None)
    home = tmp_path / "tools" / f"grafana-{grafana.MODULE_RELEASE}-server"
    (home / "public" / "views").mkdir(parents=True)
    return home


def put_pages(_source: Path, home: Path) -> None:
    (home / "public" / "build").mkdir()
    (home / "public" / "views" / "index.html").touch()


def test_they_are_built_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(grafana_pages, "build", lambda source, home: (made.append(home), put_pages(source, home)))
    grafana.install()
    grafana.install()
    assert made == [built]
    assert not (places.cache() / "build" / "grafana-pages").exists()


def test_what_keeps_them_from_being_built_is_said_and_no_more(
    built: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tries = []

    def fail(*_: Path) -> None:
        tries.append(1)
        raise LabError("npm cannot be reached")

    monkeypatch.setattr(grafana_pages, "build", fail)
    for _ in range(2):
        grafana.install()
        assert not grafana_pages.are_in(built)
        assert "npm cannot be reached" in "".join(capfd.readouterr())
    assert len(tries) == 1, "the next start does not wait for it again"


def test_what_a_run_that_was_broken_off_left_is_not_used(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = places.cache() / "build" / "grafana-pages" / "src" / "package.json"
    left.parent.mkdir(parents=True)
    left.write_text("half edited")
    found = []
    monkeypatch.setattr(grafana_pages, "build", lambda _, home: (found.append(left.exists()), put_pages(_, home)))
    grafana.install()
    assert found == [False]


def test_a_node_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v12.22.9\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"Node\.js 18 or newer is needed, and this is v12\.22\.9"):
        grafana_pages.need_node()
