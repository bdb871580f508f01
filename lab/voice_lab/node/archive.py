"""An image of one layer, in the archive format of `docker save`, which containerd imports."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence

NOBODY = 65534


def image(
    name: str,
    programs: Mapping[str, bytes],
    command: Sequence[str],
    *,
    architecture: str,
    links: Mapping[str, str] | None = None,
) -> bytes:
    """Return the archive of an image that holds executable files by path, and runs `command` as nobody.

    `links` are symbolic links, from path to target. The same input gives the same bytes.
    """
    layer = _layer(programs, links or {})
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": list(command), "User": f"{NOBODY}:{NOBODY}", "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {
        "layer.tar": layer,
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    return _tar([(_entry(path), content) for path, content in parts.items()])


def _layer(programs: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    entries = [(_entry(path), content) for path, content in programs.items()]
    for path, target in links.items():
        link = _entry(path)
        link.type, link.linkname = tarfile.SYMTYPE, target
        entries.append((link, b""))
    folder = _entry("tmp")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
    return _tar([*entries, (folder, b"")])


def _entry(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.mode = 0o755
    return entry


def _tar(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
