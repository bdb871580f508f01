"""How the work for one client ended, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voiceprobe_operator import names, status
from voiceprobe_operator.errors import OutsideError, Rejected, Transient
from voiceprobe_operator.model import Reference
from voiceprobe_operator.organisation import Written
from voiceprobe_operator.status import Outcome


@dataclass(slots=True)
class Result:
    """Filled in as the work goes on. `failure` is the first error that may pass: the client is to be tried again."""

    plan: Outcome = status.PLAN_PUBLISHED
    account: Outcome = status.DATASOURCE_READY
    datasource: Outcome = status.DATASOURCE_READY
    dashboards: Outcome = status.DASHBOARDS_READY
    published: frozenset[str] = frozenset()
    refused_rows: Mapping[str, Rejected] = field(default_factory=dict)
    written: Written = field(default_factory=Written)
    failure: Transient | None = None

    def failed(self, error: OutsideError) -> Outcome:
        """The outcome of a piece that `error` ended."""
        if isinstance(error, Transient) and self.failure is None:
            self.failure = error
        return Outcome.failed(error)

    def of_client(self) -> dict[str, Outcome]:
        """The conditions that all of the client's objects share."""
        datasource = status.ready([self.account, self.datasource])
        return {
            "PlanPublished": self.plan,
            "DatasourceReady": self.datasource if datasource.ok else datasource,
            "DashboardsReady": self.dashboards,
        }

    def of_probe(self, ref: Reference) -> dict[str, Outcome]:
        """The conditions of one probe."""
        outcomes = self.of_client()
        if self.plan.ok and (row := self.refused_rows.get(ref.name)):
            outcomes["PlanPublished"] = Outcome.failed(row)
        if self.dashboards.ok and (board := self.written.refused.get(names.dashboard(ref.uid))):
            outcomes["DashboardsReady"] = Outcome.failed(board)
        return outcomes

    @staticmethod
    def of_invalid(sentence: str) -> dict[str, Outcome]:
        """The conditions of an object whose spec cannot work. What it declared before stays in force."""
        return dict.fromkeys(status.WORK, Outcome(False, "InvalidSpec", sentence))
