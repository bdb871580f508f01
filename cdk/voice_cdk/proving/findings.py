"""What a tool says of a template, and what of it is accepted for a reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ACCEPTED = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True, order=True, kw_only=True)
class Finding:
    """One thing that a tool says.

    Attributes:
        tool: who says it.
        rule: its own name for it, such as `E3002`.
        stack: the template's stack.
        resource: the logical id; empty where it is of the whole template.
        detail: the tool's own sentence.
    """

    tool: str
    rule: str
    stack: str
    resource: str
    detail: str

    def __str__(self) -> str:
        return f"{self.tool} {self.rule} {self.stack}/{self.resource}: {self.detail}"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """Findings that are as they should be.

    Attributes:
        resource: a pattern of `Stack/LogicalId`, as of file names: logical ids end in a hash.
        says: what the finding's detail has in it; a rule may speak of several things.
        reason: why the tool is wrong here, or what the platform does instead.
    """

    tool: str
    rule: str
    resource: str
    says: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about a finding."""
        where = f"{finding.stack}/{finding.resource}"
        same = (finding.tool, finding.rule) == (self.tool, self.rule) and self.says in finding.detail
        return same and fnmatchcase(where, self.resource)


def accepted(tool: str, path: Path = ACCEPTED) -> list[Accepted]:
    """What is accepted of a tool's findings."""
    return [
        Accepted(tool=tool, rule=one["rule"], resource=pattern, says=one.get("says", ""), reason=one["reason"])
        for one in tomllib.loads(path.read_text(encoding="utf-8")).get(tool, [])
        for pattern in one["resources"]
    ]


def left(findings: Iterable[Finding], exceptions: Sequence[Accepted]) -> Iterator[str]:
    """A sentence for each finding that nobody accepted, and for each exception that accepts nothing any more."""
    found = sorted(set(findings))
    for finding in found:
        if not any(one.covers(finding) for one in exceptions):
            yield str(finding)
    for one in exceptions:
        if not any(one.covers(finding) for finding in found):
            yield f"{one.tool} says no {one.rule} of {one.resource} any more; take it out of {ACCEPTED.name}"
