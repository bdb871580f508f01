"""Small changes of every kind: nearly all are noticed. The benchmark judges all, this a part of them."""

from __future__ import annotations

from itertools import islice

from voice_cdk.judge.check import faults
from voice_cdk.judge.mutants import mutants
from voice_cdk.judge.templates import from_templates

from tests.unit.cdk.judge.reference import platform

EVERY = 17


def test_mutants_are_caught() -> None:
    some = list(islice(mutants(from_templates(platform().templates())), 0, None, EVERY))
    survivors = [str(mutant) for mutant in some if next(faults(mutant.assembly), None) is None]
    assert len(some) > 90
    assert len(survivors) <= 0.05 * len(some), "\n".join(survivors)


def test_mutants_are_the_same_ones_each_time() -> None:
    first, second = (list(map(str, mutants(from_templates(platform().templates())))) for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)
