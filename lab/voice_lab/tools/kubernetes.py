"""etcd and kube-apiserver."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from voice_lab import commands, fetch, files, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go

KUBERNETES = "v1.37.2"
ETCD = "v3.7.3"
PROGRAMS = ("etcd", "kube-apiserver")
SOURCE = places.CHECKOUT / "lab" / "kube"


def folder() -> Path:
    """Return the folder that holds `etcd` and `kube-apiserver`, fetching or building them once.

    Looked for in $KUBEBUILDER_ASSETS, then on PATH, then in our cache.

    Raises:
        LabError: they can be neither found, fetched nor built.
    """
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        return _assets(Path(assets))
    if all(found := [shutil.which(name) for name in PROGRAMS]):
        folders = {Path(path).parent for path in found if path}
        if len(folders) == 1:
            return folders.pop()
    ours = places.cache() / "tools" / f"kubernetes-{KUBERNETES}"
    if not _complete(ours):
        _provide(ours)
    return ours


def _assets(path: Path) -> Path:
    if not _complete(path):
        raise LabError(f"KUBEBUILDER_ASSETS is {path}, but {' and '.join(PROGRAMS)} are not both in it")
    return path


def _complete(path: Path) -> bool:
    return all((path / name).exists() for name in PROGRAMS)


def _provide(target: Path) -> None:
    with files.filling(target) as partial:
        try:
            with progress.step("kubernetes", f"fetching kube-apiserver {KUBERNETES} and etcd {ETCD}"):
                _download(partial)
        except fetch.Unreachable as error:
            progress.say(f"kubernetes: no official binaries ({error}); building them instead")
            _build(partial)


def _download(target: Path) -> None:
    base = f"https://dl.k8s.io/{KUBERNETES}/bin/linux/{go.architecture()}/kube-apiserver"
    fetch.file(base, target / "kube-apiserver", sha256=fetch.text(f"{base}.sha256").strip())
    release = f"https://github.com/etcd-io/etcd/releases/download/{ETCD}"
    name = f"etcd-{ETCD}-linux-{go.architecture()}.tar.gz"
    lines = (line.split() for line in fetch.text(f"{release}/SHA256SUMS").splitlines() if line.strip())
    sums = {file: digest for digest, file in lines}
    fetch.file(f"{release}/{name}", target / name, sha256=sums[name])
    fetch.unpack(target / name, target / "etcd-release")
    (target / "etcd-release" / "etcd").rename(target / "etcd")
    shutil.rmtree(target / "etcd-release")
    (target / name).unlink()
    for program in PROGRAMS:
        (target / program).chmod(0o755)


def _build(target: Path) -> None:
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
    try:
        program = go.program()
    except LabError as error:
        text = "Or have KUBEBUILDER_ASSETS name a folder with both, or bring a cluster: make demo KUBECONFIG=FILE"
        raise LabError(f"kube-apiserver and etcd: {error}. {text}") from error
    with progress.step("kubernetes", f"building kube-apiserver {KUBERNETES} and etcd {ETCD} (some minutes, once)"):
        commands.run(
            [program, "build", "-trimpath", "-ldflags", flags, "-o", target / "control-plane", "."],
            seconds=3600,
            env=go.environment(CGO_ENABLED="0"),
            cwd=SOURCE,
        )
    for program in PROGRAMS:
        (target / program).unlink(missing_ok=True)
        (target / program).symlink_to("control-plane")
