"""How the work for one client ended, piece by piece."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from voiceprobe_operator.errors import OutsideError, Rejected, Transient
from voiceprobe_operator.metrics import Kind
from voiceprobe_operator.model import Probe, Reference
from voiceprobe_operator.turn import status
from voiceprobe_operator.turn.status import Outcome


@dataclass(slots=True)
class Result:
    """Filled in as the work goes on. `failure` is the first error that may pass: the client is to be tried again.
    `grafana` is what is to be said of Grafana's version.

    `published` are the probes whose rows were written, `boards` the dashboards that were, and `drifted` those that
    were not as anybody declared them. `mended` counts what was written at all, such dashboards aside that only were of
    an earlier revision.
    """

    plan: Outcome = status.PLAN_PUBLISHED
    account: Outcome = status.DATASOURCE_READY
    datasource: Outcome = status.DATASOURCE_READY
    dashboards: Outcome = status.DASHBOARDS_READY
    alerts: Outcome = status.ALERTS_READY
    receivers: Outcome = status.RECEIVERS_READY
    grafana: Outcome | None = None
    published: frozenset[str] = frozenset()
    boards: set[str] = field(default_factory=set)
    drifted: set[str] = field(default_factory=set)
    mended: Counter[Kind] = field(default_factory=Counter)
    failure: Transient | None = None

    def failed(self, error: OutsideError) -> Outcome:
        """The outcome of a piece that `error` ended."""
        if isinstance(error, Transient) and self.failure is None:
            self.failure = error
        return Outcome.failed(error)

    def of_voice_client(self, overview: Rejected | None = None) -> dict[str, Outcome]:
        """The conditions of the VoiceClient: who is told of alerts is its own matter, and no probe's.

        So is the overview, which may have been refused.
        """
        outcomes = self.shared()
        if self.dashboards.ok and overview is not None:
            outcomes["DashboardsReady"] = Outcome.failed(overview)
        if outcomes["AlertsReady"].ok:
            outcomes["AlertsReady"] = self.receivers
        return outcomes | self._of_grafana()

    def _of_grafana(self) -> dict[str, Outcome]:
        return {} if self.grafana is None else {"GrafanaSupported": self.grafana}

    def shared(self) -> dict[str, Outcome]:
        """The conditions that all of the client's objects share."""
        datasource = status.ready([self.account, self.datasource])
        return {
            "PlanPublished": self.plan,
            "DatasourceReady": self.datasource if datasource.ok else datasource,
            "DashboardsReady": self.dashboards,
            "AlertsReady": self.alerts,
        }

    def of_probe(self, probe: Probe, row: Rejected | None, board: Rejected | None) -> dict[str, Outcome]:
        """The conditions of one probe, whose row or dashboard may have been refused."""
        outcomes = self.shared() | {"NumberAllotted": status.number_allotted(probe)}
        if probe.rights.taken is not None:
            row = status.number_taken(probe.rights.taken)
        if self.plan.ok and row is not None:
            outcomes["PlanPublished"] = Outcome.failed(row)
        if self.dashboards.ok and board is not None:
            outcomes["DashboardsReady"] = Outcome.failed(board)
        return outcomes

    def of_invalid(self, ref: Reference, sentence: str) -> dict[str, Outcome]:
        """The conditions of an object whose spec cannot work. What it declared before stays in force."""
        outcomes = dict.fromkeys(status.WORK, Outcome(False, "InvalidSpec", sentence))
        return outcomes | self._of_grafana() if ref.kind == "VoiceClient" else outcomes
