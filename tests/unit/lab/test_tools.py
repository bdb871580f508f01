"""Tools are taken from where the user says they are, and a wrong place is named."""

import hashlib
import re
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


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
