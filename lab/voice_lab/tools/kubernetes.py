"""The programs of Kubernetes: its control plane, and what a node runs.

Tests without pods need etcd and kube-apiserver alone, which a machine may have already. What a node runs beside them is
asked for apart, and always ours: its versions must fit each other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from pathlib import Path

from voice_lab import commands, fetch, files, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go

KUBERNETES = "v1.37.2"
ETCD = "v3.7.3"
COREDNS = "v1.15.0"
PROGRAMS = ("etcd", "kube-apiserver")
NODE_PROGRAMS = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns")
POLICIES = "kube-network-policies"
"""Enforces NetworkPolicies. Nobody publishes it as a binary: where the others are fetched, it takes Go to have it."""
SOURCE = places.CHECKOUT / "lab" / "kube"

# One build makes all of them, and services are installed several at a time.
_one_at_a_time = threading.Lock()


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
    return _ours(PROGRAMS)


def node_programs() -> Path:
    """Return the folder that holds the programs in `NODE_PROGRAMS`, fetching or building them once.

    `POLICIES` is there too, if it can be had.

    Raises:
        LabError: they can be neither fetched nor built.
    """
    return _ours(NODE_PROGRAMS)


def _assets(path: Path) -> Path:
    if not _complete(path, PROGRAMS):
        raise LabError(f"KUBEBUILDER_ASSETS is {path}, but {' and '.join(PROGRAMS)} are not both in it")
    return path


def _ours(programs: tuple[str, ...]) -> Path:
    """Return our folder of these programs. What is built is in one folder, what is fetched in one for each group."""
    built = places.cache() / "tools" / f"kubernetes-{KUBERNETES}-{_source_key()}"
    group = "node" if programs is NODE_PROGRAMS else "control-plane"
    fetched = built.with_name(f"kubernetes-{KUBERNETES}-etcd-{ETCD}-coredns-{COREDNS}-{group}")
    with _one_at_a_time:
        for there in (fetched, built):
            if _complete(there, programs):
                return there
        try:
            with progress.step("kubernetes", f"fetching {_shown(programs)}"), files.filling(fetched) as partial:
                _download(programs, partial)
        except fetch.Unreachable as error:
            progress.say(f"kubernetes: no official binaries ({error}); building them instead")
            with files.filling(built) as partial:
                _build_all(partial)
            return built
        if programs is NODE_PROGRAMS:
            _build_policies(fetched)
        return fetched


def _source_key() -> str:
    """Tell what is built from these sources from what is built from others."""
    sources = sorted(path for kind in ("*.go", "go.*") for path in SOURCE.rglob(kind))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _complete(path: Path, programs: tuple[str, ...]) -> bool:
    return all((path / name).exists() for name in programs)


def _shown(programs: tuple[str, ...]) -> str:
    versions = {"etcd": ETCD, "coredns": COREDNS}
    return ", ".join(f"{name} {versions.get(name, KUBERNETES)}" for name in programs)


def _download(programs: tuple[str, ...], target: Path) -> None:
    special = {"etcd": _download_etcd, "coredns": _download_coredns}
    for name in programs:
        if name in special:
            special[name](target)
        else:
            base = f"https://dl.k8s.io/{KUBERNETES}/bin/linux/{go.architecture()}/{name}"
            fetch.file(base, target / name, sha256=fetch.text(f"{base}.sha256").strip())
        (target / name).chmod(0o755)


def _download_etcd(target: Path) -> None:
    release = f"https://github.com/etcd-io/etcd/releases/download/{ETCD}"
    name = f"etcd-{ETCD}-linux-{go.architecture()}.tar.gz"
    lines = (line.split() for line in fetch.text(f"{release}/SHA256SUMS").splitlines() if line.strip())
    sums = {file: digest for digest, file in lines}
    fetch.file(f"{release}/{name}", target / name, sha256=sums[name])
    fetch.unpack(target / name, target / "etcd-release")
    (target / "etcd-release" / "etcd").rename(target / "etcd")
    shutil.rmtree(target / "etcd-release")
    (target / name).unlink()


def _download_coredns(target: Path) -> None:
    name = f"coredns_{COREDNS.removeprefix('v')}_linux_{go.architecture()}.tgz"
    url = f"https://github.com/coredns/coredns/releases/download/{COREDNS}/{name}"
    fetch.file(url, target / name, sha256=fetch.text(f"{url}.sha256").split()[0])
    commands.run(["tar", "--extract", "--no-same-owner", f"--file={target / name}", f"--directory={target}", "coredns"])
    (target / name).unlink()


def _build_all(target: Path) -> None:
    try:
        go.program()
    except LabError as error:
        text = "Or have KUBEBUILDER_ASSETS name a folder with both, or bring a cluster: make demo KUBECONFIG=FILE"
        raise LabError(f"kube-apiserver and etcd: {error}. {text}") from error
    with progress.step("kubernetes", f"building {KUBERNETES}, etcd {ETCD}, CoreDNS {COREDNS} (some minutes, once)"):
        _build(".", target / "kubernetes")
    for name in (*PROGRAMS, *NODE_PROGRAMS, POLICIES):
        (target / name).symlink_to("kubernetes")


def _build_policies(target: Path) -> None:
    """Build what enforces NetworkPolicies, if there is Go: pods run without it."""
    try:
        with progress.step("kubernetes", f"building {POLICIES} (once)"):
            _build("./policies", target / POLICIES)
    except LabError as error:
        progress.say(f"kubernetes: NetworkPolicies will not be enforced: {error}")


def _build(package: str, target: Path) -> None:
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
    commands.run(
        [go.program(), "build", "-trimpath", "-ldflags", flags, "-o", target, package],
        seconds=3600,
        env=go.environment(CGO_ENABLED="0"),
        cwd=SOURCE,
    )
