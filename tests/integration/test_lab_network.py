"""The lab's namespaces and links go at once, whatever still uses them, and whatever there is of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import own_lab
from voice_lab import processes, stack
from voice_lab.context import Lab
from voice_lab.services import network

pytestmark = pytest.mark.services


@pytest.fixture
def lab() -> Iterator[Lab]:
    with own_lab("network", ["network"]) as lab:
        yield lab


def remains(lab: Lab) -> list[str]:
    """Its namespaces and its links."""
    links = [path.name for path in Path("/sys/class/net").glob(f"voice{lab.index:x}db*")]
    return links + [path.name for path in network.NAMESPACES.glob(f"voice-{lab.instance}-*")]


def test_a_shell_that_somebody_left_in_a_namespace_keeps_nothing(lab: Lab) -> None:
    command = network.inside(network.sip_namespace(lab), "sleep", "300")
    unmarked = {name: value for name, value in os.environ.items() if not name.startswith(processes.MARK)}
    with subprocess.Popen(command, env=unmarked) as shell:
        began = time.monotonic()
        assert stack.down(lab) == []
        assert time.monotonic() - began < 5
        assert remains(lab) == []
        assert shell.poll() is None, "it is none of the lab's"
        shell.kill()


def test_half_of_a_network_goes_too(lab: Lab) -> None:
    """The start was killed between two steps."""
    subprocess.run(["ip", "link", "delete", f"voice{lab.index:x}db"], check=True)
    subprocess.run(["ip", "netns", "delete", network.second_namespace(lab)], check=True)
    (network.NAMESPACES / network.second_namespace(lab)).touch()  # made, and not yet mounted
    network.stop(lab)
    assert remains(lab) == []
    network.stop(lab)


def test_a_program_in_a_namespace_that_no_service_started_ends_with_the_lab(lab: Lab) -> None:
    record = processes.start(lab.folder, "own", network.inside(network.sbc_namespace(lab), "sleep", "300"))
    assert stack.down(lab) == []
    assert not Path(f"/proc/{record.pid}").exists()
    assert stack.down(lab) == []
