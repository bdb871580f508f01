"""How good the judge of templates is, and what it costs, beside other people's tools.

Synthesises the example and its variants, judges them as they are and in disguise (nothing may be found), then every
mutant of the example (as much as can be must be found). On stderr a line for each mutant that nobody noticed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.aws import mutations, tools
from bench.aws.disguises import disguised
from bench.aws.variants import toml, variants
from bench.figures import figure, median_ms
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import Assembly, read
from voice_cdk.proving.environments import programs
from voice_cdk.synthesis import EXAMPLE, FOLDER

SEEDS = range(3)


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(prog="make bench-aws", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--every", type=int, default=1, help="only every so many-th mutant (1)")
    parser.add_argument("--sample", type=int, default=50, help="so many mutants are shown to other tools too (50)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assemblies = _synthesised(folder)
        python = programs("proving") / "python"
        tools.findings(python, folder / "example")
        tools.caught(python, folder / "example", options.sample)
    example = assemblies["example"]
    figure("resources", sum(1 for _ in example.resources()), "resources")
    figure("judge_s", median_ms(lambda: judge(example), times=5) / 1000, "s")
    _false_alarms(assemblies)
    _mutants(mutations.tally(example, options.every))


def _synthesised(folder: Path) -> dict[str, Assembly]:
    """Every variant, by a process of its own; how long that takes once all caches are filled is a figure."""
    python = programs("cdk") / "python"
    found, seconds = {}, []
    for name, tables in variants(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))):
        source = folder / f"{name}.toml"
        source.write_text(toml(tables), encoding="utf-8")
        began = time.perf_counter()
        subprocess.run([python, FOLDER / "app.py", source, folder / name], check=True)
        seconds.append(time.perf_counter() - began)
        found[name] = read(folder / name)
    figure("synth_s", statistics.median(seconds[1:]), "s", at={"configurations": len(seconds) - 1})
    return found


def _false_alarms(assemblies: Mapping[str, Assembly]) -> None:
    """Faults of what is right."""
    number = found = 0
    for name, assembly in _right(assemblies):
        number += 1
        for fault in judge(assembly):
            found += 1
            sys.stderr.write(f"false alarm: {name}: {fault}\n")
    figure("false_alarms", found, "faults", at={"templates": number})


def _right(assemblies: Mapping[str, Assembly]) -> Iterator[tuple[str, Assembly]]:
    for name, assembly in assemblies.items():
        yield name, assembly
        for seed in SEEDS:
            yield f"{name}, disguised ({seed})", disguised(assembly, seed)


def _mutants(found: mutations.Tally) -> None:
    for missed in sorted(found.missed):
        sys.stderr.write(f"not noticed: {missed}\n")
    made, caught = found.made.total(), found.caught.total()
    figure("mutants", made, "mutants")
    figure("mutants_caught_pct", 100 * caught / made, "%")
    figure("mutant_s", statistics.mean(found.seconds), "s")
    figure("mutant_s_max", max(found.seconds), "s")
    for kind, number in sorted(found.made.items()):
        figure(f"caught_pct_{kind.replace(' ', '_')}", 100 * found.caught[kind] / number, "%", at={"mutants": number})


if __name__ == "__main__":
    main()
