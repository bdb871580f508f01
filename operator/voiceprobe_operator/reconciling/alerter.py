"""The client's alerts in Grafana."""

from __future__ import annotations

import logging

from voiceprobe_operator.alerting import wanted
from voiceprobe_operator.errors import OutsideError, Rejected
from voiceprobe_operator.grafana import Grafana, alerts
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.model import Client
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)


class Alerter:
    """Reads and writes the alerting of one client after the other. Errors end up in the turn's result."""

    def __init__(self, settings: Settings, grafana: Grafana, server: Server) -> None:
        self._settings, self._grafana, self._server = settings, grafana, server

    async def ensure(self, turn: Turn, client: Client) -> None:
        """Rules that judge the probes of `client`. Their cost does not grow with its probes."""
        organisation = turn.known.organisation
        assert organisation is not None, "observe comes first"  # noqa: S101 - for the type checker
        held = organisation.held
        try:
            await organisation.ensure_folder()
            if held.alerting is None:
                held.alerting = await alerts.look(self._grafana, held.org, self._server.version)
            want = wanted(client, self._settings)
            if written := await alerts.ensure(self._grafana, held.org, want, held.alerting):
                turn.result.mended["alerting"] += len(written)
                log.info("%s: alerting: %s", turn.client, ", ".join(written))
        except OutsideError as error:
            held.alerting = None
            turn.result.alerts = turn.result.failed(error)

    async def withdraw(self, turn: Turn) -> None:
        """Remove the rules of a client that declares nothing any more: nothing is left to be judged."""
        org = self._server.organisations.get(turn.client)
        if org is None or turn.kept_probes():
            return
        try:
            held = await alerts.look(self._grafana, org, self._server.version)
            await alerts.withdraw(self._grafana, org, held)
        except Rejected:
            # A Grafana that takes no rules has none of ours.
            return
        except OutsideError as error:
            turn.result.alerts = turn.result.failed(error)
