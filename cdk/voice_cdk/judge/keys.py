"""Names of resources, and the sentence that a fault is told in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = Any
"""A value of a template: whatever JSON holds, before or after it is resolved."""


class Key(NamedTuple):
    """One resource: the stack (nested ones as `Parent.LogicalId`) and its logical id."""

    stack: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id}"


@dataclass(frozen=True, order=True, kw_only=True)
class Fault:
    """One thing that AWS would refuse, or that would silently not work.

    Attributes:
        kind: the check that found it, a word or two.
        resource: whose line in the templates is to be changed, or looked at first.
        reason: a sentence: what is wrong, and where it helps, the mend.
    """

    kind: str
    reason: str
    resource: str = ""
    source: str = ""
    destination: str = ""
    port: str = ""
    family: str = ""
    zone: str = ""

    def __str__(self) -> str:
        flow = f"{self.source} -> {self.destination}" if self.destination else self.source
        where = " ".join(part for part in (flow, self.port, self.family, self.zone) if part)
        return (
            f"{self.kind}: "
            + (f"{where}: " if where else "")
            + self.reason
            + f" [{self.resource}]" * bool(self.resource)
        )
