"""Other people's tools, run in their own environment on templates as they are, or with one thing changed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.cdk.synthesised import CHECKOUT, Assembly, python

_CHANGES = """
import json, sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from voice_cdk.judge.templates import read
from voice_cdk.proving.tools import TOOLS, View

def put(value, path, other):
    head, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copy[head] = put(value[head], rest, other)
    elif other is None:
        del copy[head]
    else:
        copy[head] = other
    return copy

assembly = read(Path(sys.argv[1]))

@cache
def said_before(tool, stack):
    (found,) = TOOLS[tool]([View(assembly, [stack])])
    return found

for tool, stack, path, other in json.loads(sys.argv[2]):
    (old,) = (one for name, one in assembly.stacks.items() if name[:-8] == "voice" + stack.replace("-", ""))
    changed = assembly.with_stack(replace(old, template=put(old.template, path, other)))
    (after,) = TOOLS[tool]([View(changed, [old.name])])
    new = sorted(after - said_before(tool, old.name))
    print(json.dumps([[one.rule, one.resource, one.detail] for one in new]))
"""


class Change(NamedTuple):
    """What is changed in a stack's template, and the tool that is asked; `other` None: it is taken away."""

    tool: str
    stack: str
    path: list[str | int]
    other: Any


def change(platform: Assembly, tool: str, kind: str, path: str, other: Any, *, stack: str = "") -> Change:
    """Change a property, given as `A.B.0.C`, of the first resource of a type that has it (`+A`: that needn't)."""
    steps = [int(step) if step.isdigit() else step for step in path.removeprefix("+").split(".")]
    for place, properties in platform.of_type(kind, *[stack] * bool(stack)).items():
        if path.startswith("+") or _has(properties, steps):
            where, _, name = place.partition("/")
            return Change(tool, where, ["Resources", name, "Properties", *steps], other)
    raise LookupError(f"no {kind} has {path}")


def _has(value: Any, steps: list[str | int]) -> bool:
    try:
        for step in steps:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the tools' Python."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "cdk")}
    command = [python("proving"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT, env=environment)


def new_findings(platform: Assembly, changes: list[Change]) -> list[list[list[str]]]:
    """What the tools say of each change that they don't say of the templates: rule, resource and sentence."""
    done = run("-c", _CHANGES, platform.folder, json.dumps(changes))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
