"""All tools that take templates, in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly, Stack
from voice_cdk.proving import linting, nagging, permissions, scanning, validating
from voice_cdk.proving.emulating import run
from voice_cdk.proving.findings import Finding

SEED = 15
"""Of the orders in which the emulator is asked: findings are to be the same each time."""


@dataclass(frozen=True)
class View:
    """An assembly, and the stacks of it that are to be looked at."""

    assembly: Assembly
    names: Sequence[str]

    @property
    def stacks(self) -> list[Stack]:
        """These stacks."""
        return [self.assembly.stacks[name] for name in self.names]


def whole(assembly: Assembly) -> View:
    """All of an assembly."""
    return View(assembly, list(assembly.stacks))


Tool = Callable[[Sequence[View]], Iterator[set[Finding]]]
"""What a tool says of each of some views."""


def _of_stacks(say: Callable[[Stack], Iterable[Finding]]) -> Tool:
    return lambda views: ({one for stack in view.stacks for one in say(stack)} for view in views)


def _of_assemblies(say: Callable[[View], Iterable[Finding]]) -> Tool:
    return lambda views: (set(say(view)) for view in views)


def _in_one_run(say: Callable[[Iterable[Stack]], list[set[Finding]]]) -> Tool:
    def tool(views: Sequence[View]) -> Iterator[set[Finding]]:
        found = iter(say([stack for view in views for stack in view.stacks]))
        return (set().union(*(next(found) for _ in view.names)) for view in views)

    return tool


TOOLS: Mapping[str, Tool] = {
    validating.TOOL: _of_stacks(validating.validate),
    validating.GUARD: _of_stacks(validating.guard),
    linting.TOOL: _of_stacks(linting.lint),
    scanning.TOOL: _in_one_run(scanning.scan),
    permissions.TOOL: _of_assemblies(lambda view: permissions.analyse(Resolver(view.assembly), view.names)),
    run.TOOL: _of_assemblies(lambda view: run.emulate(Resolver(view.assembly), SEED)),
}
"""Those that templates are held against in tests, by name."""
OF_STACKS: Mapping[str, Tool] = {nagging.TOOL: _in_one_run(nagging.nag)}
"""Those that see the stacks at every synthesis; here, what they would say of templates that were changed."""
