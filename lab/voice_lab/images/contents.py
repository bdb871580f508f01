"""What is in an image's archive (`docker save`'s form, which buildah writes too)."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_HIDDEN = ".wh."
"""How the name of a file begins that hides what earlier layers have under the rest of the name (OCI image layers)."""


@dataclass(frozen=True)
class Contents:
    """An image's archive, read once.

    Attributes:
        config: the image's configuration, as OCI's specification has it.
        sizes: bytes of each layer, uncompressed.
        identity: the digest of the configuration, which names all layers by their digests.
    """

    file: Path
    config: dict[str, Any]
    sizes: tuple[int, ...]
    identity: str

    @property
    def megabytes(self) -> float:
        """All layers together, uncompressed, in 10^6 bytes: what the image takes of a node's disk."""
        return round(sum(self.sizes) / 1e6, 1)

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.config["config"].get("Labels") or {})


def read(file: Path) -> Contents:
    """Look into an archive."""
    with tarfile.open(file) as archive:
        entry = _manifest(archive)
        config = json.loads(_bytes(archive, entry["Config"]))
        sizes = tuple(archive.getmember(name).size for name in _layers(archive, entry))
    digest = Path(entry["Config"]).name.removesuffix(".json")
    return Contents(file, config, sizes, f"sha256:{digest}")


def layers(file: Path) -> Iterator[IO[bytes]]:
    """Each layer as a file: an uncompressed tar archive."""
    with tarfile.open(file) as archive:
        for name in _layers(archive, _manifest(archive)):
            layer = archive.extractfile(name)
            assert layer is not None, name  # noqa: S101 - `_layers` gives files only
            yield layer


def members(file: Path) -> dict[str, tarfile.TarInfo]:
    """All that a container of the image sees: entries by their paths, which begin with /."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in layers(file):
        with tarfile.open(fileobj=layer) as tar:
            for member in tar:
                path = _path(member)
                folder, _, name = path.rpartition("/")
                if name.startswith(_HIDDEN):
                    hidden = f"{folder}/{name.removeprefix(_HIDDEN)}"
                    found = {
                        each: found[each] for each in found if each != hidden and not each.startswith(f"{hidden}/")
                    }
                else:
                    found[path] = member
    return found


def texts(file: Path, wanted: Callable[[str], bool]) -> dict[str, str]:
    """The texts of those files whose paths are `wanted`, by path; of one that stands in several layers the last one."""
    found: dict[str, str] = {}
    for layer in layers(file):
        with tarfile.open(fileobj=layer) as tar:
            for member in tar:
                if member.isfile() and wanted(path := _path(member)) and (content := tar.extractfile(member)):
                    found[path] = content.read().decode(errors="replace")
    return found


def _path(member: tarfile.TarInfo) -> str:
    return "/" + member.name.removeprefix("./").strip("/")


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(_bytes(archive, "manifest.json"))[0]
    return entry


def _layers(archive: tarfile.TarFile, entry: dict[str, Any]) -> list[str]:
    # A layer that stands twice may be a link to where it stands first.
    return [_target(archive, name) for name in entry["Layers"]]


def _target(archive: tarfile.TarFile, name: str) -> str:
    member = archive.getmember(name)
    if not member.issym():
        return name
    return str((Path("/", name).parent / member.linkname).resolve().relative_to("/"))


def _bytes(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is a folder"  # noqa: S101 - the form of the archive
    return found.read()
