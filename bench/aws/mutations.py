"""How many of all small changes the judge notices, worked out by every processor at once."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from voice_cdk.judge.check import faults, judge
from voice_cdk.judge.mutants import mutants
from voice_cdk.judge.templates import Assembly


@dataclass
class Tally:
    """Mutants by kind, those that were noticed, those that were not; and the seconds that judging them took."""

    made: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def sum(cls, parts: Iterable[Tally]) -> Tally:
        """All of them together."""
        whole = cls()
        for part in parts:
            whole.made += part.made
            whole.caught += part.caught
            whole.missed += part.missed
            whole.seconds += part.seconds
        return whole


def tally(assembly: Assembly, every: int = 1) -> Tally:
    """Judge every mutant, or every so many-th."""
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        return Tally.sum(
            pool.map(_part, [assembly] * workers, range(0, workers * every, every), [workers * every] * workers)
        )


def _part(assembly: Assembly, first: int, step: int) -> Tally:
    before = set(judge(assembly))
    found = Tally()
    for mutant in islice(mutants(assembly), first, None, step):
        began = time.perf_counter()
        caught = any(fault not in before for fault in faults(mutant.assembly))
        found.seconds.append(time.perf_counter() - began)
        found.made[mutant.kind] += 1
        found.caught[mutant.kind] += caught
        if not caught:
            found.missed.append(str(mutant))
    return found
