"""`python -m voice_cdk.judge.measure DIR`: how good this judge is on a folder of templates, and how fast.

One line of JSON a figure: `judge_s`, `false_alarms` (faults of the templates as they are), `resources`, `mutants`,
`mutants_equal` (that change nothing, with a reason each in `mutation.equal`, and are not among the others),
`mutants_caught_pct`, `mutant_s` (mean), `mutant_longest_s`. On stderr a line for each mutant that nobody noticed, and
for each kind how many were noticed.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

from voice_cdk.judge.check import judge
from voice_cdk.judge.mutants import equals, verdicts
from voice_cdk.judge.templates import Assembly, read


def main(folder: Path) -> None:
    """Measure one folder."""
    assembly = read(folder)
    began = time.perf_counter()
    faults = judge(assembly)
    _tell("judge_s", time.perf_counter() - began, "s")
    _tell("false_alarms", len(faults), "faults")
    _tell("resources", sum(1 for _ in assembly.resources()), "resources")
    _tell("mutants_equal", sum(1 for _ in equals(assembly)), "mutants")
    _mutants(assembly)


def _mutants(assembly: Assembly) -> None:
    began = before = time.perf_counter()
    of_kind, caught, longest = Counter[str](), Counter[str](), 0.0
    for verdict in verdicts(assembly):
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
        of_kind[verdict.mutant.kind] += 1
        caught[verdict.mutant.kind] += verdict.fault is not None
        if verdict.fault is None:
            sys.stderr.write(f"not noticed: {verdict.mutant}\n")
    for kind, number in sorted(of_kind.items()):
        sys.stderr.write(f"{kind}: {caught[kind]} of {number}\n")
    _tell("mutants", of_kind.total(), "mutants")
    _tell("mutants_caught_pct", 100 * caught.total() / of_kind.total(), "%")
    _tell("mutant_s", (before - began) / of_kind.total(), "s")
    _tell("mutant_longest_s", longest, "s")


def _tell(figure: str, value: float, unit: str) -> None:
    sys.stdout.write(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
