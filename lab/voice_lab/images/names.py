"""What the images are called."""

from __future__ import annotations

import tomllib
from functools import cache

from voice_lab import places

OPERATOR, PORTAL = "voice-quality-operator", "voice-quality-portal"
TARGETS = {OPERATOR: "operator", PORTAL: "portal"}
"""The Dockerfile's target of each of our images; the extra of `pyproject.toml` and the folder of sources, too."""

PYTHON = "docker.io/library/python:3.13-slim"
"""What ours are built on, if it can be had; the Dockerfile's own default."""


@cache
def version() -> str:
    """The version that this checkout is: the one place where it stands is `pyproject.toml`."""
    project = tomllib.loads((places.CHECKOUT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def tagged(name: str) -> str:
    """An image's name with its tag, as a pod's spec has it: those of ours that bear none get the version."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{version()}"


def whole(name: str) -> str:
    """The same with its registry, as containerd and Docker complete it."""
    host, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{tagged(name)}"
    return tagged(name) if "." in host or ":" in host or host == "localhost" else f"docker.io/{tagged(name)}"
