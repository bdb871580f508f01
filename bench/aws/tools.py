"""Other people's tools, held against the same templates and the same changes: in an environment of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import figure
from voice_cdk.synthesis import FOLDER


def findings(python: Path, folder: Path) -> None:
    """What each tool says of templates as they are: all of it, and what nobody gave a reason for."""
    for line in _lines(python, "voice_cdk.proving", str(folder)):
        name = _name(line["tool"])
        figure(f"findings_{name}", line["findings"], "findings")
        figure(f"unaccepted_{name}", len(line["left"]), "findings")
        figure(f"cpu_s_{name}", line["seconds"], "s")


def caught(python: Path, folder: Path, sample: int) -> None:
    """How many of a sample of mutants each tool notices: `alone`, as nobody else does, and `beside_judge`."""
    for line in _lines(python, "voice_cdk.proving.compare", str(folder), str(sample)):
        counts = {name: line[name] for name in ("mutants", "alone", "beside_judge")}
        figure(f"caught_pct_by_{_name(line['tool'])}", 100 * line["caught"] / line["mutants"], "%", at=counts)
        figure(f"cpu_s_a_mutant_{_name(line['tool'])}", line["seconds"], "s")


def _lines(python: Path, *module: str) -> Iterator[dict[str, Any]]:
    # It returns 1 where something is left, which is a figure here.
    done = subprocess.run([python, "-m", *module], check=False, stdout=subprocess.PIPE, text=True, cwd=FOLDER)
    for line in done.stdout.splitlines():
        yield json.loads(line)


def _name(tool: str) -> str:
    return tool.replace("-", "_").replace(" ", "_")
