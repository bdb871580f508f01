"""What the lab draws up before anything starts, and how it refuses."""

import socket
import stat
from pathlib import Path

import pytest

from voice_lab import context, guard, stack
from voice_lab.errors import LabError
from voice_lab.services import registry


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path))


def test_a_lab_is_remembered_under_its_name() -> None:
    lab = context.create("one", portal_port=0)
    assert context.load("one") == lab
    assert context.load("two") is None
    assert context.instances() == ["one"]


def test_two_labs_share_neither_passwords_nor_addresses() -> None:
    one, two = (context.create(name, portal_port=0) for name in ("one", "two"))
    assert not set(one.passwords.values()) & set(two.passwords.values())
    assert one.database_address != two.database_address
    assert len(set(one.ports.values())) == len(one.ports)


def test_a_lab_of_another_version_can_still_be_stopped() -> None:
    lab = context.create("one", portal_port=0)
    (lab.folder / context.RECORD).write_text('{"instance": "one", "colour": "blue"}')
    found = context.load("one")
    assert found is not None
    assert (found.instance, found.folder) == ("one", lab.folder)


def test_a_stopped_lab_is_forgotten() -> None:
    lab = context.create("one", portal_port=0)
    context.forget(lab)
    assert context.load("one") is None


def test_a_cache_folder_with_a_space_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LAB_CACHE", "/srv/my cache")
    with pytest.raises(LabError, match="VOICE_LAB_CACHE"):
        context.create("one", portal_port=0)


def test_passwords_are_readable_by_their_owner_only() -> None:
    lab = context.create("one", portal_port=0)
    assert stat.S_IMODE((lab.folder / "lab.json").stat().st_mode) == 0o600


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=rf"port {port}.*is taken.*PORT=<number>"):
            context.create("one", portal_port=port)


def test_a_second_lab_of_the_same_name_is_refused() -> None:
    with guard.only_one("one"), pytest.raises(LabError, match="running already"), guard.only_one("one"):
        pass


def test_a_service_brings_what_it_requires_in_order() -> None:
    assert stack.needed(["schema"]) == ["network", "database", "schema"]


def test_every_service_stands_after_what_it_requires() -> None:
    seen: set[str] = set()
    for name, service in registry().items():
        assert set(service.REQUIRES) <= seen, name
        seen.add(name)
