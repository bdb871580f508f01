"""A lab of a test file's own, whose operator and portal run as pods of a real node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from tests.labs import own_lab
from voice_lab.context import Lab
from voice_lab.node import machine


@contextmanager
def running(name: str, services: Iterable[str] | None = None) -> Iterator[Lab]:
    """A lab with a node and the named services (default: all), until the block ends; skips where no pod can run."""
    if reason := machine.why_not():
        pytest.skip(f"this machine cannot run pods: {reason}")
    with own_lab(name, services, pods=True) as lab:
        yield lab
