"""The container images of the operator and the portal, and of what stands beside them in a pod.

They are built with docker or podman where one works; else with Debian's buildah, on a base that is made of Debian's
packages where no image registry answers. `making` builds; `rootfs` runs inside a build; `bom` and `licences` tell what
is in an image.
"""

from __future__ import annotations

from pathlib import Path

from voice_lab.images import making, names


def archive(name: str) -> Path:
    """An archive of the image `name` for `ctr images import`, `docker load`, kind and k3d; it is built if need be.

    Args:
        name: `names.OPERATOR`, `names.PORTAL`, or the name of an image of nginx with its tag.

    Raises:
        LabError: it can be neither fetched nor built.
    """
    return (making.build(name) if name in names.TARGETS else making.proxy(name)).archive


def figures() -> dict[str, float]:
    """The benchmark's figures: megabytes (10^6 bytes) of each of our images, uncompressed."""
    return {f"image_mb_{target}": making.build(name).megabytes for name, target in names.TARGETS.items()}
