"""Labs of a test file's or a test worker's own, beside those that all tests of a run share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from voice_lab import stack
from voice_lab.context import Lab

VARIABLE = "VOICE_TEST_LAB"
"""The environment variable with the run's name, by which all that it started is found when it was killed."""


def own_name(what: str) -> str:
    """A name for a lab that no other test worker of this run gives, nor any other run."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    return f"{os.environ[VARIABLE]}-{worker}-{what}"


@contextmanager
def own_lab(what: str, services: Iterable[str] | None, *, pods: bool = False) -> Iterator[Lab]:
    """A lab with the named services (None: all) until the block ends; with a node where there are `pods`."""
    with stack.running(own_name(what), pods=pods) as lab:
        stack.up(lab, services)
        yield lab
