"""Small changes of every kind: nearly all are noticed. The benchmark judges all, this a part of them."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.unit.cdk.judge.operated import operated
from voice_cdk.judge.check import faults
from voice_cdk.judge.mutants import Mutant, equals, mutants
from voice_cdk.judge.templates import Assembly, from_templates

EVERY = 29
KINDS = {
    "removed", "property removed", "item removed", "switched", "port moved", "opened", "widened", "narrowed", "moved",
    "zone moved", "set to none", "allowed everything", "principal changed", "misspelt", "swapped", "selector moved",
    "exchanged", "rule moved", "rule added", "route added", "twice", "dependency removed", "user data altered",
    "deleted with its stack", "item twice", "emptied", "another account", "never holds",
}  # fmt: skip


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return from_templates(operated().templates())


@pytest.fixture(scope="module")
def every_one(assembly: Assembly) -> list[Mutant]:
    return list(mutants(assembly))


def test_nothing_is_the_matter_before_anything_is_changed(assembly: Assembly) -> None:
    assert list(faults(assembly)) == []


def test_mutants_are_caught(every_one: list[Mutant]) -> None:
    some = list(islice(every_one, 0, None, EVERY))
    survivors = [str(mutant) for mutant in some if next(faults(mutant.assembly), None) is None]
    assert len(some) > 100
    assert len(survivors) <= 0.05 * len(some), "\n".join(survivors)


def test_every_kind_of_change_is_made(every_one: list[Mutant]) -> None:
    assert {mutant.kind for mutant in every_one} == KINDS


def test_mutants_are_the_same_ones_each_time(assembly: Assembly, every_one: list[Mutant]) -> None:
    again = list(map(str, mutants(assembly)))
    assert again == list(map(str, every_one))
    assert len(set(again)) == len(again)


def test_what_changes_nothing_has_a_reason_and_is_really_not_noticed(assembly: Assembly) -> None:
    some = list(islice(equals(assembly), 0, None, 7))
    noticed = [str(mutant) for mutant, _ in some if next(faults(mutant.assembly), None) is not None]
    assert all(why for _, why in some)
    assert noticed == []
