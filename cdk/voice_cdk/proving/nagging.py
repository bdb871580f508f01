"""cdk-nag over templates that were changed; over the stacks themselves it runs at every synthesis."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable

from voice_cdk.judge.templates import Stack
from voice_cdk.proving.environments import ROOT, programs
from voice_cdk.proving.files import written
from voice_cdk.proving.findings import Finding

TOOL = "cdk-nag"


def nag(stacks: Iterable[Stack]) -> list[set[Finding]]:
    """What cdk-nag says of each of some templates, in one run."""
    known = list(stacks)
    found: list[set[Finding]] = [set() for _ in known]
    with written(known) as folder:
        command = [str(programs("cdk") / "python"), "-m", "voice_cdk.proving.nagged", str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "cdk")}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    for line in done.stdout.splitlines():
        number, rule, resource, detail = json.loads(line)
        said = Finding(tool=TOOL, rule=rule, stack=known[number].name, resource=resource, detail=detail)
        found[number].add(said)
    return found
