"""The images of the pods, built once, and put into the lab's own cluster where that has a node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import yaml

from voice_lab import places
from voice_lab.context import Lab
from voice_lab.images import archive, names
from voice_lab.node import machine
from voice_lab.services import node

REQUIRES = ("node",)
PACKAGES: tuple[str, ...] = ()


def install() -> None:
    """Build them, unless no pod can run on this machine."""
    if not machine.why_not():
        for name in _names():
            archive(name)


def start(lab: Lab) -> None:
    """Put them into the cluster; nothing in a lab without pods."""
    if lab.pods:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: node.load(lab, archive(name)), _names()))


def healthy(_: Lab) -> bool:
    """Nothing runs."""
    return True


def stop(_: Lab) -> None:
    """They go with the node."""


def _names() -> list[str]:
    """Names of the images that the chart's pods use."""
    values = yaml.safe_load((places.CHECKOUT / "charts" / "voice-quality" / "values.yaml").read_text())
    return [*names.TARGETS, values["portal"]["proxyImage"]]
