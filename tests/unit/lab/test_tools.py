"""Tools are taken from where the user says they are, and a wrong place is named."""

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.serving import serving
from voice_lab import fetch
from voice_lab.errors import LabError
from voice_lab.tools import go, kubernetes


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server's address and the folder that it serves."""
    folder = tmp_path / "published"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server, serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}", folder


def test_kubebuilder_assets_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in kubernetes.PROGRAMS:
        (tmp_path / name).touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert kubernetes.folder() == tmp_path


def test_incomplete_kubebuilder_assets_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(LabError, match=f"KUBEBUILDER_ASSETS is {tmp_path}"):
        kubernetes.folder()


def test_a_missing_go_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go.shutil, "which", lambda _name: None)
    with pytest.raises(LabError, match=r"https://go\.dev/dl/"):
        go.program()


def test_the_least_go_is_the_one_that_the_module_asks_for() -> None:
    text = (kubernetes.SOURCE / "go.mod").read_text()
    asked = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
    assert asked
    assert (int(asked[1]), int(asked[2])) == go.LEAST


def test_a_build_fetches_no_tool_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "auto")
    assert go.environment()["GOTOOLCHAIN"] == "local"


def test_an_old_go_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go.commands, "run", lambda _command: "go version go1.21.9 linux/amd64")
    with pytest.raises(LabError, match=r"Go 1\.26 or newer.*go\.dev/dl.*found: go1\.21"):
        go.program()


def test_a_download_appears_only_with_the_right_checksum(published: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = published
    (folder / "tool").write_bytes(b"binary")
    target = tmp_path / "cache" / "tool"
    with pytest.raises(LabError, match=f"checksum .*, not the published {'0' * 64}: .* try again"):
        fetch.file(f"{url}/tool", target, sha256="0" * 64)
    assert not target.exists()
    fetch.file(f"{url}/tool", target, sha256=hashlib.sha256(b"binary").hexdigest())
    assert target.read_bytes() == b"binary"


def test_an_archive_unpacks_to_its_single_top_folder(tmp_path: Path) -> None:
    (tmp_path / "grafana-1" / "bin").mkdir(parents=True)
    (tmp_path / "grafana-1" / "bin" / "grafana").touch()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "grafana-1", "grafana-1")
    fetch.unpack(tmp_path / "a.tar.gz", tmp_path / "home")
    assert (tmp_path / "home" / "bin" / "grafana").exists()


def test_an_unreachable_publisher_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(fetch.Unreachable):
        fetch.text("http://127.0.0.1:9/nothing")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any program of Kubernetes; returns the folder of the lab's tools."""
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(kubernetes.shutil, "which", lambda _name: None)
    return tmp_path / "tools"


def unreachable(_programs: tuple[str, ...], _target: Path) -> None:
    raise fetch.Unreachable("https://dl.k8s.io: no route")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is built where the internet offers nothing; a build takes no time here."""
    built: list[str] = []

    def build(package: str, target: Path) -> None:
        built.append(package)
        target.touch()

    monkeypatch.setattr(kubernetes, "_download", unreachable)
    monkeypatch.setattr(kubernetes, "_build", build)
    monkeypatch.setattr(kubernetes.go, "program", lambda: "go")
    return built


def test_one_build_makes_the_control_plane_and_a_nodes_programs(bare: Path, builds: list[str]) -> None:
    assert kubernetes.folder() == kubernetes.node_programs()
    assert builds == ["."]
    assert {path.name for path in kubernetes.folder().iterdir()} == {
        *kubernetes.PROGRAMS, *kubernetes.NODE_PROGRAMS, kubernetes.POLICIES, "kubernetes",
    }  # fmt: skip


def test_a_folder_with_the_control_plane_alone_is_not_taken_for_a_nodes(bare: Path, builds: list[str]) -> None:
    earlier = bare / f"kubernetes-{kubernetes.KUBERNETES}"
    earlier.mkdir(parents=True)
    for name in kubernetes.PROGRAMS:
        (earlier / name).touch()
    assert kubernetes.node_programs() != earlier
    assert builds == ["."]


def test_other_sources_are_built_again(
    bare: Path, builds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubernetes.folder()
    changed = tmp_path / "kube"
    shutil.copytree(kubernetes.SOURCE, changed)
    with (changed / "go.mod").open("a") as out:
        out.write("// another version\n")
    monkeypatch.setattr(kubernetes, "SOURCE", changed)
    assert kubernetes.folder() != first
    assert builds == [".", "."]


def test_a_machine_with_a_control_plane_of_its_own_gets_a_nodes_programs_beside_it(
    bare: Path, builds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in kubernetes.PROGRAMS:
        (tmp_path / name).touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert kubernetes.folder() == tmp_path
    assert builds == []
    assert (kubernetes.node_programs() / "kubelet").exists()


class Published:
    """Programs as their makers publish them: what was asked for, and with which checksum it was compared."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def text(self, url: str) -> str:
        return f"checksum-of-{url.rpartition('/')[2].removesuffix('.sha256')}  some-name\n"

    def file(self, url: str, target: Path, *, sha256: str) -> None:
        self.files[url.rpartition("/")[2]] = sha256.partition(" ")[0]
        with tarfile.open(target, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("coredns"))


def test_fetched_programs_are_compared_with_published_checksums(
    bare: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Published()
    monkeypatch.undo()
    monkeypatch.setenv("VOICE_LAB_CACHE", str(bare.parent))
    monkeypatch.setattr(fetch, "text", published.text)
    monkeypatch.setattr(fetch, "file", published.file)
    monkeypatch.setattr(kubernetes, "_build_policies", lambda _target: None)
    found = kubernetes.node_programs()
    assert {path.name for path in found.iterdir()} == set(kubernetes.NODE_PROGRAMS)
    for name, digest in published.files.items():
        assert digest == f"checksum-of-{name}"


def test_without_go_pods_run_but_policies_are_not_enforced(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetched(programs: tuple[str, ...], target: Path) -> None:
        for name in programs:
            (target / name).touch()

    monkeypatch.setattr(kubernetes, "_download", fetched)
    found = kubernetes.node_programs()
    assert (found / "kubelet").exists()
    assert not (found / kubernetes.POLICIES).exists()
    assert "NetworkPolicies will not be enforced: building needs Go" in capsys.readouterr().err
