"""An archive is read as a container would see it."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from voice_lab.images import contents

CONFIG = {"config": {"Labels": {"a": "b"}, "User": "10001:10001"}, "created": "2026-01-01T00:00:00Z"}


def layer(files: dict[str, str]) -> bytes:
    """A layer with these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An image of three layers, of which the last stands where the first does."""
    first = layer({"./etc/kept": "old", "etc/gone": "x", "opt/folder/file": "x", "srv/opt/file": "x"})
    second = layer({"etc/kept": "new", "etc/.wh.gone": "", ".wh.opt": ""})
    manifest = [{"Config": "abc.json", "Layers": ["1.tar", "2.tar", "x/layer.tar"]}]
    file = tmp_path / "image.tar"
    with tarfile.open(file, "w") as tar:
        entries = {"1.tar": first, "2.tar": second, "abc.json": json.dumps(CONFIG).encode()}
        for name, content in {**entries, "manifest.json": json.dumps(manifest).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("x/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../2.tar"
        tar.addfile(link)
    return file


def test_its_digest_labels_and_size_are_told(archive: Path) -> None:
    found = contents.read(archive)
    assert found.identity == "sha256:abc"
    assert found.labels == {"a": "b"}
    assert len(found.sizes) == 3
    assert found.megabytes == round(sum(found.sizes) / 1e6, 1)


def test_what_a_later_layer_hides_is_gone(archive: Path) -> None:
    assert set(contents.members(archive)) == {"/etc/kept", "/srv/opt/file"}


def test_of_a_file_that_stands_twice_the_last_counts(archive: Path) -> None:
    assert contents.texts(archive, lambda path: path.endswith("kept")) == {"/etc/kept": "new"}
