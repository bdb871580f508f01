"""A kamailio for a test: the SIP host's edge, or a far end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voice_lab import processes


@contextmanager
def kamailio(folder: Path, name: str, configuration: str) -> Iterator[None]:
    """One that has been started with that file of `folder`; its process id stands in `name`.pid there."""
    command = ["kamailio", "-f", folder / configuration, "-DD", "-E", "-m", "32", "-Y", folder]
    processes.start(folder, name, [str(word) for word in [*command, "-P", folder / f"{name}.pid"]])
    try:
        yield
    finally:
        # It may take a minute over its end when it is stopped soon after its start: it is not asked twice.
        processes.stop(folder, name, seconds=2)
