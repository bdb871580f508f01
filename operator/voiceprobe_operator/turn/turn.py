"""One look at one client: what is declared, what is known, and how it goes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from voiceprobe_operator import names
from voiceprobe_operator.declared.allotments import Standing
from voiceprobe_operator.declared.objects import Declared
from voiceprobe_operator.errors import Denied, OutsideError, Rejected
from voiceprobe_operator.model import Reference
from voiceprobe_operator.turn.known import Known
from voiceprobe_operator.turn.result import Result


@dataclass(slots=True)
class Turn:
    """`keeps` says of a probe that is not declared whether it stays all the same; `standing` of a number whether it is
    allotted to this client. `states` is what a row brought.

    `is_whole`: Grafana was asked for everything in this turn. `is_doubtful`: what
    is known was not so, as a refusal showed; the next turn looks whole.
    """

    seen: Declared
    known: Known
    keeps: Callable[[str], bool]
    standing: Callable[[str], Standing]
    result: Result = field(default_factory=Result)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    announced: set[Reference] = field(default_factory=set)
    is_whole: bool = False
    is_doubtful: bool = False

    @property
    def client(self) -> str:
        """The client's name."""
        return self.seen.client.name

    def kept_probes(self) -> set[str]:
        """Probes whose rows stay as they are: their specs cannot work, or too many vanished at once."""
        published = self.known.published
        unseen = set() if published is None else {probe for probe in published.plan if self.keeps(probe)}
        stays = {ref.name for ref in self.seen.invalid} | (unseen - {probe.ref.name for probe in self.seen.probes})
        return stays - self._robbed()

    def _robbed(self) -> set[str]:
        """Probes whose rows still have a number for their own that the provider has given to another client since.

        A row that is to stay is not put right, so it must go: nobody keeps a number by a spec that cannot work.
        """
        return {probe for probe, numbers in self._allotted.items() if "other" in map(self.standing, numbers)}

    def revoked_probes(self, kept: Collection[str]) -> list[str]:
        """Of the `kept_probes`, those that have a number for their own that the provider has taken back since."""
        return [probe for probe, n in self._allotted.items() if probe in kept and "nobody" in map(self.standing, n)]

    @property
    def _allotted(self) -> dict[str, tuple[str, ...]]:
        return {} if self.known.published is None else self.known.published.allotted

    def kept_dashboards(self) -> set[str] | None:
        """Dashboards that stay as they are; None: all, as the plan does not tell whose the others are."""
        published = self.known.published
        if published is None:
            return None
        invalid = {ref.uid for ref in self.seen.invalid}
        kept = {published.uids[probe] for probe in self.kept_probes() if probe in published.uids}
        return {names.dashboard(uid) for uid in invalid | kept}

    def doubts(self, error: OutsideError) -> bool:
        """Whether `error` may only mean that what was known is not so any more: then the client is looked at whole."""
        if not self.is_whole and isinstance(error, Rejected | Denied):
            self.is_doubtful = True
        return self.is_doubtful

    def untold(self) -> set[Reference]:
        """Probes whose rows were written, and of which no Event told: that is left to the next turn."""
        return {probe.ref for probe in self.seen.probes if probe.ref.name in self.result.published} - self.announced
