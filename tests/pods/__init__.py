"""A lab of a test file's own, whose operator and portal run as pods of a real node."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import VARIABLE
from voice_lab import stack
from voice_lab.context import Lab
from voice_lab.node import machine


@contextmanager
def running(name: str, services: Iterable[str] | None = None) -> Iterator[Lab]:
    """A lab with a node and the named services (default: all), until the block ends; skips where no pod can run."""
    if reason := machine.why_not():
        pytest.skip(f"this machine cannot run pods: {reason}")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    with stack.running(f"{os.environ[VARIABLE]}-{worker}-{name}", pods=True) as lab:
        stack.up(lab, services)
        yield lab
