"""checkov: what security teams ask for of every account, such as encryption, logs and tokens."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from voice_cdk.judge.keys import Json
from voice_cdk.judge.templates import Stack
from voice_cdk.proving.environments import programs
from voice_cdk.proving.files import number_of, written
from voice_cdk.proving.findings import Finding

TOOL = "checkov"
# Without --skip-download it asks its vendor's server at each run.
ARGUMENTS = ("--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--output", "json")


def scan(stacks: Iterable[Stack]) -> list[set[Finding]]:
    """What checkov says of each of some templates; all in one run, for it takes seconds to start."""
    known = list(stacks)
    with written(known) as folder:
        failed = _failed(folder)
    return [{_finding(stack, check) for check in failed[number]} for number, stack in enumerate(known)]


def _failed(folder: Path) -> Mapping[int, list[Json]]:
    """Checks that failed, by the number of their template."""
    command = [str(programs("checkov") / "checkov"), "--directory", str(folder), *ARGUMENTS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1}:  # 1: something failed
        raise RuntimeError(f"checkov ended with {done.returncode}: {done.stderr}")
    found = defaultdict(list)
    for check in json.loads(done.stdout)["results"]["failed_checks"]:
        found[number_of(Path(check["file_path"]))].append(check)
    return found


def _finding(stack: Stack, check: Json) -> Finding:
    resource = check["resource"].rpartition(".")[2]
    return Finding(tool=TOOL, rule=check["check_id"], stack=stack.name, resource=resource, detail=check["check_name"])
