"""`python -m voice_cdk.judge.measure DIR`: how good this judge is on a folder of templates, and how fast.

One line of JSON a figure: `judge_s`, `false_alarms` (faults of the templates as they are), `resources`, `mutants`,
`mutants_caught_pct`, `mutant_s` (mean). On stderr a line for each mutant that nobody noticed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from voice_cdk.judge.check import judge
from voice_cdk.judge.mutants import verdicts
from voice_cdk.judge.templates import read


def main(folder: Path) -> None:
    """Measure one folder."""
    assembly = read(folder)
    began = time.perf_counter()
    faults = judge(assembly)
    _tell("judge_s", time.perf_counter() - began, "s")
    _tell("false_alarms", len(faults), "faults")
    _tell("resources", sum(1 for _ in assembly.resources()), "resources")
    began, number, caught = time.perf_counter(), 0, 0
    for verdict in verdicts(assembly):
        number += 1
        caught += verdict.fault is not None
        if verdict.fault is None:
            sys.stderr.write(f"not noticed: {verdict.mutant}\n")
    _tell("mutants", number, "mutants")
    _tell("mutants_caught_pct", 100 * caught / number, "%")
    _tell("mutant_s", (time.perf_counter() - began) / number, "s")


def _tell(figure: str, value: float, unit: str) -> None:
    sys.stdout.write(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
