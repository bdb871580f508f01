"""The files of a release, the same for the same commit."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from voice_lab import commands
from voice_lab.errors import LabError
from voice_lab.images import bom, contents, licences
from voice_lab.images.licences import Part
from voice_lab.images.making import Built
from voice_lab.release import changelog
from voice_lab.release.versions import Version
from voice_lab.tools import kubectl

CHART = "voice-quality"
SUMS = "SHA256SUMS"


def write(folder: Path, checkout: Path, version: Version, built: Mapping[str, Built], seconds: int) -> None:
    """Write everything into `folder`.

    Args:
        built: both images, by name.
        seconds: the time of the files in the chart's package.

    Raises:
        LabError: a licence of what is in an image forbids to hand it on, or the chart is none.
    """
    inside = {name: bom.parts(each.archive) for name, each in built.items()}
    refuse([each for listed in inside.values() for each in listed])
    for name, each in built.items():
        compress(each.archive, folder / f"{name}-{version}.tar.gz")
        text = bom.document(each.name, contents.read(each.archive), inside[name])
        (folder / f"{name}-{version}.cdx.json").write_text(text)
    chart(checkout / "charts" / CHART, folder / f"{CHART}-{version}.tgz", seconds)
    (folder / f"{CHART}-crds-{version}.yaml").write_text(crds(checkout / "crds"))
    shutil.copyfile(checkout / "LICENSE", folder / "LICENSE")
    (folder / "licences.txt").write_text(_licences(inside))
    (folder / "release-notes.md").write_text(changelog.notes((checkout / changelog.FILE).read_text(), version))
    (folder / SUMS).write_text(sums(folder))


def refuse(parts: list[Part]) -> None:
    """See that all may be handed on.

    Raises:
        LabError: not all may.
    """
    if faults := licences.faults(parts):
        raise LabError("\n".join(faults))


def compress(source: Path, target: Path) -> None:
    """Compress a file. What is written depends on its bytes alone, and on the library that compresses."""
    with source.open("rb") as plain, target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)


def chart(source: Path, target: Path, seconds: int) -> None:
    """Package the chart.

    Helm chooses and checks the files, and gives them the time of the day: here they get `seconds`, and their own text.

    Raises:
        LabError: helm takes it for no chart.
    """
    with tempfile.TemporaryDirectory() as folder:
        commands.run([kubectl.program("helm"), "package", source, "--destination", folder], seconds=60)
        (package,) = Path(folder).glob("*.tgz")
        with tarfile.open(package) as packed:
            names = sorted(member.name for member in packed if member.isfile())
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            content = (source / Path(name).relative_to(source.name)).read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), seconds, 0o644
            tar.addfile(member, io.BytesIO(content))
    target.write_bytes(gzip.compress(plain.getvalue(), mtime=0))


def crds(folder: Path) -> str:
    """All CRDs as one file for `kubectl apply --server-side`."""
    texts = (path.read_text() for path in sorted(folder.glob("*.yaml")))
    return "".join(f"---\n{text.removeprefix('---').strip()}\n" for text in texts)


def sums(folder: Path) -> str:
    """What `sha256sum --check` reads, of each file in `folder`."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _licences(inside: Mapping[str, list[Part]]) -> str:
    tables = {f"In the image {name}": parts for name, parts in inside.items()}
    tables["Installed on a SIP host, with all extras"] = licences.installed(("sipapp", "aws", "score"))
    return "\n".join(f"{title}\n\n{licences.table(parts)}" for title, parts in tables.items())
