"""The client's alerts in Grafana: the rules that raise them, and who is told."""

from __future__ import annotations

import logging

from voiceprobe_operator.alerting import contacts, wanted
from voiceprobe_operator.alerting.contacts import ContactPoint, UnusableSecretError
from voiceprobe_operator.errors import OutsideError, Rejected
from voiceprobe_operator.grafana import Grafana, alerts, notifications
from voiceprobe_operator.grafana.organisation import Held
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import Secrets
from voiceprobe_operator.model import Client
from voiceprobe_operator.receivers import Receiver, secret_names
from voiceprobe_operator.reconciling.folder import ensure_folder
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.turn.status import Outcome
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)


class Alerter:
    """Reads and writes the alerting of one client after the other. Errors end up in the turn's result."""

    def __init__(self, settings: Settings, grafana: Grafana, server: Server, secrets: Secrets) -> None:
        self._settings, self._grafana, self._server, self._secrets = settings, grafana, server, secrets

    async def ensure(self, turn: Turn, client: Client) -> None:
        """Rules that judge the probes of `client`, and its receivers. Their cost does not grow with its probes."""
        organisation = turn.known.organisation
        assert organisation is not None, "observe comes first"  # noqa: S101 - for the type checker
        held = organisation.held
        knew_rules, knew_receivers = held.alerting is not None, held.notifications is not None
        try:
            await ensure_folder(turn, organisation)
            await self._ensure_rules(turn, client, held)
        except OutsideError as error:
            held.alerting = None
            if not (knew_rules and turn.doubts(error)):
                turn.result.alerts = turn.result.failed(error)
            return
        try:
            await self._ensure_receivers(turn, client, held)
        except OutsideError as error:
            held.notifications = None
            if not (knew_receivers and turn.doubts(error)):
                turn.result.receivers = turn.result.failed(error)

    async def _ensure_rules(self, turn: Turn, client: Client, held: Held) -> None:
        if held.alerting is None:
            held.alerting = await alerts.look(self._grafana, held.org, self._server.version)
        written = await alerts.ensure(self._grafana, held.org, wanted(client, self._settings), held.alerting)
        _tell(turn, written)

    async def _ensure_receivers(self, turn: Turn, client: Client, held: Held) -> None:
        if not turn.seen.client_is_good:
            # What was declared before stays in force.
            return
        problems = await self._read_secrets(turn, client)
        if held.notifications is None:
            held.notifications = await notifications.look(self._grafana, held.org)
        points: dict[str, ContactPoint] = {}
        reached: list[Receiver] = []
        for receiver in client.receivers:
            try:
                found = [contacts.contact_point(receiver, turn.known.secrets, self._settings.fingerprint_key)]
            except UnusableSecretError as error:
                problems.setdefault(receiver.name, str(error))
                # A Secret that is away for a moment, as one that is replaced, silences nobody.
                found = held.notifications.of(receiver)
            if found:
                reached.append(receiver)
                points |= {point.uid: point for point in found}
        _tell(turn, await notifications.ensure(self._grafana, held.org, points, reached, held.notifications))
        if problems:
            text = f"receivers that cannot be used as declared: {'; '.join(problems.values())}"
            turn.result.receivers = Outcome(False, "SecretUnusable", text)

    async def _read_secrets(self, turn: Turn, client: Client) -> dict[str, str]:
        """Have the Secrets known that the receivers need; why some cannot be read, by receiver."""
        needed, known = secret_names(client.receivers), turn.known.secrets
        self._secrets.follow(client.name, needed)
        for name in known.keys() - needed:
            # Nobody watches it any more.
            del known[name]
        problems: dict[str, str] = {}
        for name in sorted(needed - known.keys()):
            try:
                if (content := await self._secrets.read(client.name, name)) is not None:
                    known[name] = content
            except Rejected as error:
                asking = (r.name for r in client.receivers if name in {found.name for found in r.secrets()})
                problems |= dict.fromkeys(asking, error.sentence)
        return problems

    async def withdraw(self, turn: Turn) -> None:
        """Remove the rules and receivers of a client that declares nothing any more: nothing is left to be judged."""
        org = self._server.organisations.get(turn.client)
        if org is None or turn.kept_probes():
            return
        try:
            held = await alerts.look(self._grafana, org, self._server.version)
            await alerts.withdraw(self._grafana, org, held)
            await notifications.ensure(self._grafana, org, {}, (), await notifications.look(self._grafana, org))
        except Rejected:
            # A Grafana that takes no rules has none of ours.
            return
        except OutsideError as error:
            turn.result.alerts = turn.result.failed(error)


def _tell(turn: Turn, written: list[str]) -> None:
    if written:
        turn.result.mended["alerting"] += len(written)
        log.info("%s: alerting: %s", turn.client, ", ".join(written))
