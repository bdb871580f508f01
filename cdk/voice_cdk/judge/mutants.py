"""Every small change of templates that could break a platform, one at a time, to see whether the judge notices.

Whatever stands in them is removed, switched, moved, swapped, opened, misspelt or written twice. The order is always the
same. What a change cannot break is not among them; `mutation.equal` says why, kind by kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voice_cdk.judge.check import faults, judge
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.mutation import additions, equal, values, whole
from voice_cdk.judge.mutation.parts import Mutant, Part, parts, properties
from voice_cdk.judge.mutation.references import Elsewhere
from voice_cdk.judge.templates import Assembly

__all__ = ["Mutant", "Verdict", "equals", "mutants", "verdicts"]

LAST = "AWS::CDK::Metadata"
WORDS = frozenset({
    "Tags", "HostedZoneTags", "Description", "GroupDescription", "AlarmDescription", "DBSubnetGroupDescription",
})  # fmt: skip
"""Properties that are for people to read."""


@dataclass(frozen=True)
class Verdict:
    """The first thing that the judge says of a mutant and did not say of the templates themselves; None: nothing."""

    mutant: Mutant
    fault: Fault | None


def verdicts(assembly: Assembly) -> Iterator[Verdict]:
    """Judge each mutant of an assembly."""
    before = set(judge(assembly))
    for mutant in mutants(assembly):
        yield Verdict(mutant, next((fault for fault in faults(mutant.assembly) if fault not in before), None))


def mutants(assembly: Assembly) -> Iterator[Mutant]:
    """Every mutant, resource by resource, but for those that are equal to the templates as they are."""
    for mutant, why in _reasoned(assembly):
        if why is None:
            yield mutant


def equals(assembly: Assembly) -> Iterator[tuple[Mutant, str]]:
    """Mutants that nobody could tell from the templates as they are, each with the reason why."""
    for mutant, why in _reasoned(assembly):
        if why is not None:
            yield mutant, why


def _reasoned(assembly: Assembly) -> Iterator[tuple[Mutant, str | None]]:
    seen: set[str] = set()
    for mutant in _all(assembly):
        if str(mutant) not in seen:
            seen.add(str(mutant))
            yield mutant, equal.reason(assembly, mutant)


def _all(assembly: Assembly) -> Iterator[Mutant]:
    elsewhere = Elsewhere(assembly)
    for key, resource in sorted(assembly.resources()):
        if resource["Type"] == LAST:
            continue
        found = _parts(resource)
        yield from whole.resource_removed(assembly, key, resource["Type"])
        yield from whole.parts_removed(assembly, key, found)
        yield from whole.items_twice(assembly, key, found)
        yield from whole.user_data_altered(assembly, key, found)
        yield from whole.policies_changed(assembly, key, resource)
        yield from whole.dependencies_removed(assembly, key, resource)
        yield from values.of_resource(assembly, key, found)
        yield from elsewhere.of_resource(key, found)
    yield from elsewhere.exchanged()
    yield from elsewhere.rules_moved()
    yield from additions.all_of_them(assembly)


def _parts(resource: object) -> list[Part]:
    found = parts(properties(resource))  # type: ignore[arg-type]
    return [part for part in found if not WORDS & {str(step) for step in part.path}]
