"""A fault of Grafana's own first start does not end the lab; every other one does, with what it said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_lab import processes, waiting
from voice_lab.context import PASSWORDS, PORTS, Lab
from voice_lab.errors import LabError
from voice_lab.services import grafana

ENDS_AT_FIRST = """#!/bin/sh
cd "$GF_PATHS_DATA"
test -e tried && test ! -e grafana.db-wal && exec sleep 1000
touch tried grafana.db grafana.db-wal
echo "logger=sqlstore level=error msg='failed to insert organization with provided id'"
echo "Error: ✗ {reason}"
echo
exit 1
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("GRAFANA_HOME", str(tmp_path / "home"))
    ports = dict.fromkeys([*PORTS, "portal"], 9)
    made = Lab(instance="x", ports=ports, passwords=dict.fromkeys(PASSWORDS, "x"), folder=tmp_path / "lab")
    yield made
    grafana.stop(made)


def grafana_that_ends_with(reason: str) -> None:
    program = Path(os.environ["GRAFANA_HOME"], "bin", "grafana")
    program.parent.mkdir(parents=True)
    program.write_text(ENDS_AT_FIRST.format(reason=reason))
    program.chmod(0o755)


def start_and_wait_for_its_end(lab: Lab) -> None:
    grafana.start(lab)
    waiting.until(lambda: not processes.running(lab.folder, "grafana"), what="it ends", seconds=10)


def test_its_own_fault_on_an_empty_database_is_tried_again_on_a_new_one(lab: Lab) -> None:
    grafana_that_ends_with("failed to create default organization: UNIQUE constraint failed: org.id")
    start_and_wait_for_its_end(lab)
    assert not grafana.healthy(lab)  # nobody answers there
    assert processes.running(lab.folder, "grafana")
    assert not list((lab.folder / "grafana").glob("grafana.db*"))


def test_any_other_end_is_told(lab: Lab) -> None:
    grafana_that_ends_with("the disk is full")
    start_and_wait_for_its_end(lab)
    with pytest.raises(LabError, match="the disk is full"):
        grafana.healthy(lab)
    assert not processes.running(lab.folder, "grafana")
