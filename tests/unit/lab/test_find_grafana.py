"""Which Grafana the lab takes: the user's own, the official release, or none; what cannot be used is named."""

import os
from pathlib import Path

import pytest

from voice_lab import fetch
from voice_lab.errors import LabError
from voice_lab.tools import grafana


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an empty cache and no Grafana."""
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path / "cache"))
    for name in ("GRAFANA_HOME", grafana.CHOICE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(grafana, "_PACKAGED", tmp_path / "no-package")


def a_grafana(home: Path, version: str = "13.2.3") -> Path:
    """A home folder whose program tells a version, and does nothing else."""
    (home / "bin").mkdir(parents=True)
    (home / "conf").mkdir()
    (home / "conf" / "defaults.ini").touch()
    program = home / "bin" / "grafana"
    program.write_text(f"#!/bin/sh\necho grafana version {version}\n")
    program.chmod(0o755)
    return home


def no_internet(url: str, *_: object, **__: object) -> None:
    raise fetch.Unreachable(f"{url}: no route")


def test_the_named_home_goes_before_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_grafana(tmp_path / "other")
    monkeypatch.setenv("PATH", f"{other / 'bin'}:{os.defpath}")
    assert grafana.home() == other
    named = a_grafana(tmp_path / "named")
    monkeypatch.setenv("GRAFANA_HOME", str(named))
    assert grafana.home() == named


def test_a_link_on_path_leads_to_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_grafana(tmp_path / "grafana-13.2.3")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "grafana").symlink_to(home / "bin" / "grafana")
    monkeypatch.setenv("PATH", f"{tmp_path / 'links'}:{os.defpath}")
    assert grafana.home() == home


def test_a_packaged_program_has_the_home_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grafana, "_PACKAGED", a_grafana(tmp_path / "share"))
    (tmp_path / "usr" / "sbin").mkdir(parents=True)
    wrapper = tmp_path / "usr" / "sbin" / "grafana"
    wrapper.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.defpath}")
    assert grafana.home() == tmp_path / "share"


def test_the_release_is_fetched_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def publish(url: str, target: Path, *, sha256: str) -> None:
        asked.extend((url, sha256))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()

    monkeypatch.setattr(fetch, "file", publish)
    monkeypatch.setattr(fetch, "unpack", lambda _archive, target: a_grafana(target))
    grafana.install()
    assert grafana.home() == tmp_path / "cache" / "tools" / f"grafana-{grafana.RELEASE}"
    assert asked[0].startswith(f"https://dl.grafana.com/grafana/release/{grafana.RELEASE}/grafana_{grafana.RELEASE}_")
    assert asked[1] in grafana._SHA256.values()


def test_without_the_internet_there_is_none_and_it_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch, "file", no_internet)
    grafana.install()
    assert grafana.home() is None
    said = capsys.readouterr().err.splitlines()
    assert "grafana: none is here (https://dl.grafana.com" in said[-1]
    assert sum("none is here" in line for line in said) == 1


def test_who_cannot_be_reached_is_not_asked_at_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "file", no_internet)
    grafana.install()
    monkeypatch.setattr(fetch, "file", lambda *_, **__: pytest.fail("asked again"))
    grafana.install()


def test_a_release_that_was_changed_on_its_way_is_no_reason_to_go_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: object, **__: object) -> None:
        raise LabError("another checksum")

    monkeypatch.setattr(fetch, "file", changed)
    with pytest.raises(LabError, match=r"another checksum\. Or go on without Grafana: VOICE_LAB_GRAFANA=stand-in"):
        grafana.install()


def test_the_stand_in_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_HOME", str(a_grafana(tmp_path / "grafana")))
    monkeypatch.setenv(grafana.CHOICE, "stand-in")
    monkeypatch.setattr(fetch, "file", lambda *_, **__: pytest.fail("asked"))
    grafana.install()
    assert grafana.home() is None


def test_a_choice_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(grafana.CHOICE, "standin")
    with pytest.raises(LabError, match=r'VOICE_LAB_GRAFANA is "standin": .* "stand-in"'):
        grafana.home()


def test_a_home_without_a_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_HOME", str(tmp_path))
    with pytest.raises(LabError, match=f"GRAFANA_HOME is {tmp_path}, but there is no bin/grafana in it: .* unset it"):
        grafana.home()


@pytest.mark.parametrize("version", ["8.5.27", "10.0.0-preview", "11.6.16"])
def test_a_grafana_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("GRAFANA_HOME", str(a_grafana(tmp_path / "grafana", version)))
    with pytest.raises(LabError, match=rf"is Grafana {version}, .* install 12 or .* VOICE_LAB_GRAFANA=stand-in"):
        grafana.home()


@pytest.mark.parametrize(
    "program", ["exit 3", "kill -9 $$", "printf '\\377\\376'"], ids=["fails", "dies", "prints bytes"]
)
def test_a_program_that_tells_nothing_is_named_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    home = a_grafana(tmp_path / "grafana")
    (home / "bin" / "grafana").write_text(f"#!/bin/sh\n{program}\n")
    monkeypatch.setenv("GRAFANA_HOME", str(home))
    with pytest.raises(LabError, match=r"GRAFANA_HOME .* does not tell its version.* VOICE_LAB_GRAFANA=stand-in"):
        grafana.home()


def test_a_home_may_be_named_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_grafana(tmp_path / "grafana")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAFANA_HOME", "grafana")
    assert grafana.home() == home


def test_a_name_that_is_too_long_for_a_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_HOME", "x" * 5000)
    with pytest.raises(LabError, match=r"GRAFANA_HOME is .* cannot be looked into \(File name too long\): .* unset it"):
        grafana.home()


def test_what_is_no_grafana_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_HOME", str(a_grafana(tmp_path / "grafana", "of something")))
    with pytest.raises(LabError, match="does not tell its version"):
        grafana.home()


def test_a_program_on_path_without_its_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grafana").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.defpath}")
    with pytest.raises(LabError, match=r"on PATH, but .* set GRAFANA_HOME"):
        grafana.home()
