"""`python -m voice_cdk.proving.compare FOLDER SAMPLE [slips]`: what each tool notices of templates that were changed.

The changes are those by which the judge is measured, or slips of the hand; a sample of them, for other tools take a
second for one. A line of JSON a tool. What is said of the templates as they are is no catch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from voice_cdk.judge.check import faults
from voice_cdk.judge.mutants import Mutant, mutants
from voice_cdk.judge.templates import Assembly, read
from voice_cdk.proving.environments import spent
from voice_cdk.proving.figures import JUDGE, Figure, figure
from voice_cdk.proving.slips import slips
from voice_cdk.proving.tools import OF_STACKS, SEED, TOOLS, Tool, View, whole

Kind = Callable[[Assembly], Iterator[Mutant]]


def compare(folder: Path, sample: int, kind: Kind = mutants) -> list[Figure]:
    """Show every tool the same mutants of a folder's templates, and count what it notices."""
    assembly = read(folder)
    everything = list(kind(assembly))
    shown = Random(SEED).sample(everything, min(sample, len(everything)))  # noqa: S311 - nobody is to be kept from guessing
    caught: dict[str, set[int]] = {}
    seconds: dict[str, float] = {}
    for name, tool in {JUDGE: None, **TOOLS, **OF_STACKS}.items():
        began = spent()
        caught[name] = _noticed(tool, assembly, shown) if tool else _judged(assembly, shown)
        seconds[name] = (spent() - began) / len(shown)
    return [figure(name, len(shown), caught, seconds[name]) for name in caught]


def _judged(assembly: Assembly, shown: Sequence[Mutant]) -> set[int]:
    before = set(faults(assembly))
    return {number for number, one in enumerate(shown) if any(fault not in before for fault in faults(one.assembly))}


def _noticed(tool: Tool, assembly: Assembly, shown: Sequence[Mutant]) -> set[int]:
    """By their numbers, the mutants of which a tool says something that it didn't say before."""
    before, *after = tool([whole(assembly), *(_changed(assembly, one.assembly) for one in shown)])
    return {number for number, found in enumerate(after) if found - before}


def _changed(assembly: Assembly, other: Assembly) -> View:
    return View(other, [name for name, stack in other.stacks.items() if stack != assembly.stacks[name]])


if __name__ == "__main__":
    for one in compare(Path(sys.argv[1]), int(sys.argv[2]), slips if sys.argv[3:] == ["slips"] else mutants):
        sys.stdout.write(json.dumps(asdict(one)) + "\n")
