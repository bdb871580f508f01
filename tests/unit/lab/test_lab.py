"""What the lab draws up before anything starts, and how it refuses."""

import signal
import socket
import stat
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from voice_lab import context, guard, packages, places, ports, processes, root, stack, waiting
from voice_lab.__main__ import ENDING, main
from voice_lab.__main__ import _parser as main_parser
from voice_lab.errors import LabError
from voice_lab.services import registry


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path))


@pytest.fixture
def signals() -> Iterator[None]:
    """The command line handles signals, in a process that is pytest's here."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


def test_a_lab_in_a_cluster_whose_kubeconfig_is_gone_can_still_be_stopped(tmp_path: Path) -> None:
    lab = context.create("one", portal_port=0, kubeconfig=str(tmp_path / "gone"))
    assert stack.down(lab) == []
    assert context.load("one") is None


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


def test_a_run_that_never_had_a_lab_is_known_by_its_lock_and_cleared() -> None:
    with guard.only_one("one"):
        record = processes.start(places.state("one"), "left", ["sleep", "300"])
    assert context.instances() == ["one"]
    with guard.only_one("one"):
        assert stack.clear("one") == []
    assert not Path(f"/proc/{record.pid}").exists()


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "become", lambda *_: None)
    monkeypatch.setattr(packages, "POLICY", Path("/none"))


def down(monkeypatch: pytest.MonkeyPatch, *names: str) -> int:
    monkeypatch.setattr(sys, "argv", ["voice_lab", "down", *names])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("as_root", "signals")
def test_down_ends_what_was_killed_and_leaves_alone_what_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = {name: processes.start(places.state(name), "program", ["sleep", "300"]) for name in ("dead", "alive")}
    for name in records:
        with guard.only_one(name):
            pass
    with guard.only_one("alive"):
        assert down(monkeypatch) == 0
        assert processes.running(places.state("alive"), "program")
    assert not processes.running(places.state("dead"), "program")
    assert "alive: left alone: a lab named alive is running already" in capsys.readouterr().err
    assert down(monkeypatch, "other", "al*") == 0
    assert not processes.running(places.state("alive"), "program")


@pytest.mark.usefixtures("as_root", "signals")
def test_down_ends_a_lab_whose_holder_ended_with_its_test_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of a test was killed alone, and the lab that the test started goes on."""
    holding = (
        "import sys, time; from voice_lab import guard, places, processes\n"
        "with guard.only_one('inner'):\n"
        "    processes.start(places.state('inner'), 'program', ['sleep', '300'])\n"
        "    print(flush=True)\n"
        "    time.sleep(300)\n"
    )
    with guard.only_one("run"):
        processes.start(places.state("run"), "holder", [sys.executable, "-c", holding])
    log = places.state("run") / "logs" / "holder.log"
    waiting.until(lambda: log.read_text() != "", what="the inner lab runs", seconds=20)
    assert down(monkeypatch) == 0
    for name, program in (("run", "holder"), ("inner", "program")):
        assert not processes.running(places.state(name), program)


@pytest.mark.usefixtures("as_root", "signals")
def test_down_lets_services_start_that_a_killed_installation_kept_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(packages.POLICY_TEXT)
    theirs.write_text("#!/bin/sh\nexit 101\n")
    for policy in (ours, theirs):
        monkeypatch.setattr(packages, "POLICY", policy)
        assert down(monkeypatch) == 0
    assert (ours.exists(), theirs.exists()) == (False, True)


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


@pytest.mark.parametrize("name", ["..", "../x", "a b", "", "x" * 33, "a/b"])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main_parser().parse_args(["demo", "--name", name])
    assert "is no name for a lab" in capsys.readouterr().err


def test_of_a_lab_that_has_ended_the_logs_stay_and_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path))
    lab = context.create("one", portal_port=0)
    for folder in ("logs", "database"):
        (lab.folder / folder).mkdir()
    (lab.folder / "call.key").write_text("secret")
    context.forget(lab)
    assert [path.name for path in lab.folder.iterdir()] == ["logs"]


def test_no_port_is_given_twice_nor_one_that_the_kernel_gives_to_others() -> None:
    drawn = [port for _ in range(20) for port in ports.draw(10)]
    assert len(set(drawn)) == 200
    assert all(ports.FIRST <= port <= ports.LAST for port in drawn)


def test_a_port_in_use_is_not_given() -> None:
    (port,) = ports.draw(1)
    following = port + ports.APART
    with socket.create_server(("127.0.0.1", following if following <= ports.LAST else ports.FIRST)) as other:
        assert other.getsockname()[1] not in ports.draw(3)


def test_the_ports_above_one_that_is_given_are_given_to_nobody() -> None:
    drawn = sorted(ports.draw(20))
    assert all(after - before >= ports.APART for before, after in pairwise(drawn))


def test_the_last_port_is_followed_by_the_first() -> None:
    ports.draw(1)
    (places.cache() / "run" / "last-port").write_text(str(ports.LAST))
    assert ports.draw(1)[0] < ports.FIRST + 100
