"""What several tools noticed of the same mutants, and what each of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

JUDGE = "check-templates"


@dataclass(frozen=True)
class Figure:
    """One tool's.

    Attributes:
        mutants: how many it was shown.
        caught: of how many it said something new.
        alone: how many of these nobody else noticed.
        alone_but_for_judge: how many of these nobody else noticed but perhaps the judge.
        beside_judge: how many of these the judge did not notice.
        seconds: processor time for one mutant, with what it starts.
    """

    tool: str
    mutants: int
    caught: int
    alone: int
    alone_but_for_judge: int
    beside_judge: int
    seconds: float


def figure(tool: str, mutants: int, caught: Mapping[str, Set[int]], seconds: float) -> Figure:
    """Count for one tool; `caught`: for each tool the numbers of the mutants that it noticed."""
    tools = set().union(*(found for name, found in caught.items() if name not in {tool, JUDGE}))
    judge = caught[JUDGE] if tool != JUDGE else set()
    return Figure(
        tool=tool,
        mutants=mutants,
        caught=len(caught[tool]),
        alone=len(caught[tool] - tools - judge),
        alone_but_for_judge=len(caught[tool] - tools),
        beside_judge=len(caught[tool] - caught[JUDGE]),
        seconds=round(seconds, 3),
    )
