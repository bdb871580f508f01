"""The staff's organisation in Grafana: all clients in one dashboard. It belongs to no namespace and has no status."""

from __future__ import annotations

import logging

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import fleet_dashboard
from voiceprobe_operator.database import Database
from voiceprobe_operator.database.sql import FLEET_VIEWS
from voiceprobe_operator.desired import datasource
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.organisation import Organisation
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import Secrets
from voiceprobe_operator.reconciling.access import access
from voiceprobe_operator.settings import Settings

log = logging.getLogger(__name__)


class Fleet:
    """Puts the staff's account, organisation, viewer, datasource and dashboard right; a whole look each time."""

    def __init__(
        self, settings: Settings, secrets: Secrets, database: Database, grafana: Grafana, server: Server
    ) -> None:
        self._settings, self._secrets, self._database = settings, secrets, database
        self._grafana, self._server = grafana, server
        self._organisation: dict[str, int] = {}

    def organisations(self) -> dict[str, int]:
        """The organisation, by name, once it is known."""
        return dict(self._organisation)

    async def reconcile(self) -> None:
        """Write what differs. Raises Transient or Rejected if it must be tried again."""
        try:
            await self._reconcile()
        except OutsideError:
            # Perhaps the organisation is another by now.
            self._server.organisations.pop(names.FLEET, None)
            raise

    async def _reconcile(self) -> None:
        password = await self._secrets.fleet_password()
        if await self._database.ensure_account(names.FLEET_ACCOUNT, password, FLEET_VIEWS):
            log.info("fleet: account %s made or mended", names.FLEET_ACCOUNT)
        await self._server.known()
        org = await self._server.organisation(names.FLEET)
        organisation = await Organisation.look(self._grafana, org, names.FLEET_VIEWER, self._server.login)
        await organisation.ensure_members(names.FLEET_VIEWER, self._server.login)
        granted = access(password, self._settings)
        source = datasource(names.FLEET_ACCOUNT, self._settings, granted, uid=names.FLEET_DATASOURCE_UID)
        if await organisation.ensure_datasource(source, self._server.version):
            log.info("fleet: datasource written")
        if await organisation.ensure_folder():
            log.info("fleet: folder of the dashboard or its permissions written")
        board = fleet_dashboard()
        if organisation.held.dashboards.get(board.uid) == board.revision:
            await organisation.inspect(board)
        if organisation.held.dashboards.get(board.uid) != board.revision:
            await organisation.put(board, self._server.version)
            log.info("fleet: dashboard written")
        self._organisation = {names.FLEET: org}
