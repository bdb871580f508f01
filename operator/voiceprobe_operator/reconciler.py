"""Puts one client right: observe, compare, apply, report. It is told which client, never what happened to it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from voiceprobe_operator import names
from voiceprobe_operator.database import Database
from voiceprobe_operator.declared import Declared, declared
from voiceprobe_operator.desired import Access, Desired, Row, desired
from voiceprobe_operator.diff import diff
from voiceprobe_operator.errors import OutsideError, Transient, explain
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Client
from voiceprobe_operator.organisation import Organisation
from voiceprobe_operator.reporter import Reporter
from voiceprobe_operator.result import Result
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.sql import Published
from voiceprobe_operator.statuswriter import StatusWriter

log = logging.getLogger(__name__)

# Dashboards that are read whole at each resync: all of a small client's, and in turns those of a large one.
INSPECTED = 25


class Reconciler:
    """Brings plan, account, organisation and dashboards of a client to what its namespace declares."""

    def __init__(
        self, settings: Settings, kubernetes: Kubernetes, database: Database, grafana: Grafana, writer: StatusWriter
    ) -> None:
        self._settings = settings
        self._kubernetes, self._database, self._grafana, self._writer = kubernetes, database, grafana, writer
        self._reporter = Reporter(kubernetes, writer, settings.portal_url)
        self._inspections: dict[str, int] = {}
        self._to_inspect: set[str] = set()

    def inspect(self, clients: Collection[str]) -> None:
        """At the next reconcile of `clients`, read dashboards whole instead of trusting their revisions."""
        self._to_inspect |= set(clients)

    async def reconcile(self, client: str) -> None:
        """Put `client` right and report it. Raises Transient if it must be tried again."""
        seen = await self._look(client)
        result = Result()
        have = await self._observe(seen, result)
        if seen.is_empty and have is not None and have.client_row is None and not have.plan:
            return
        if have is None and not seen.client_is_good:
            # What the client was called stands in the database alone. Its dashboards are better left as they are.
            result.datasource = result.dashboards = result.plan
        else:
            await self._apply(seen, have, result)
        await self._reporter.report(seen, result)
        if result.failure is not None:
            raise result.failure

    async def _apply(self, seen: Declared, have: Published | None, result: Result) -> None:
        try:
            access = await self._access(seen.client.name)
        except OutsideError as error:
            result.plan = result.datasource = result.dashboards = result.failed(error)
            return
        want = desired(_client(seen, have), seen.probes, self._settings, access)
        await self._publish(want, have, seen, result)
        await self._show(want, have, seen, result)

    async def _look(self, client: str) -> Declared:
        clients = await self._kubernetes.objects("VoiceClient", client)
        probes = await self._kubernetes.objects("VoiceProbe", client)
        self._writer.remember([*clients, *probes], client)
        return declared(client, clients, probes)

    async def _observe(self, seen: Declared, result: Result) -> Published | None:
        try:
            return await self._database.published(seen.client.name)
        except OutsideError as error:
            result.plan = result.account = result.failed(error)
            return None

    async def _access(self, client: str) -> Access:
        password = await self._kubernetes.password(self._settings.operator_namespace, client)
        authority = self._settings.mysql_tls_ca
        if authority is None:
            return Access(password)
        try:
            return Access(password, authority.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            # It was fine when the operator started: somebody is replacing it.
            text = f"the operator cannot read {authority}: {explain(error)}"
            raise Transient("AuthorityUnreadable", text) from error

    async def _publish(self, want: Desired, have: Published | None, seen: Declared, result: Result) -> None:
        """Plan, client row and read account; `have` is None if the database could not be read."""
        if have is None:
            return
        # A probe whose new spec cannot work keeps the plan it had.
        kept = {ref.name for ref in seen.invalid}
        plan = diff(want.plan, {p: _seen(row, want.plan.get(p)) for p, row in have.plan.items() if p not in kept})
        known = _seen(have.client_row or {}, want.client_row)
        row = want.client_row if known != want.client_row else None
        try:
            if plan or row is not None:
                result.refused_rows = await self._database.publish(row, plan, want.client.name)
                result.published = frozenset(plan.put.keys() - result.refused_rows.keys())
                log.info("%s: plan: %d written, %d removed", want.client.name, len(result.published), len(plan.drop))
        except OutsideError as error:
            result.plan = result.failed(error)
        try:
            if await self._database.ensure_account(want.account, want.datasource.secret["password"]):
                log.info("%s: account %s made or mended", want.client.name, want.account)
        except OutsideError as error:
            result.account = result.failed(error)

    async def _show(self, want: Desired, have: Published | None, seen: Declared, result: Result) -> None:
        """Organisation, viewer, datasource, folder and dashboards."""
        client = want.client.name
        try:
            organisation = await Organisation.ensure(self._grafana, client)
            await organisation.ensure_members(want.viewer)
            if await organisation.ensure_datasource(want.datasource):
                log.info("%s: datasource written", client)
        except OutsideError as error:
            result.datasource = result.dashboards = result.failed(error)
            return
        await self._remember_organisation(client, organisation.org, have, result)
        try:
            await organisation.ensure_folder()
            result.written = await organisation.ensure_dashboards(
                want.dashboards,
                inspect=self._inspected(client, want),
                keep={names.dashboard(ref.uid) for ref in seen.invalid},
            )
        except OutsideError as error:
            result.dashboards = result.failed(error)
            return
        if result.written.put or result.written.removed:
            log.info(
                "%s: dashboards: %d written, %d removed", client, len(result.written.put), len(result.written.removed)
            )

    async def _remember_organisation(self, client: str, org: int, have: Published | None, result: Result) -> None:
        if have is None or have.org == org or not result.plan.ok:
            return
        try:
            await self._database.set_organisation(client, org)
        except OutsideError as error:
            result.datasource = result.failed(error)

    def _inspected(self, client: str, want: Desired) -> Sequence[str]:
        """The dashboards whose turn it is to be read whole; none unless a resync asked for it."""
        if client not in self._to_inspect:
            return ()
        self._to_inspect.discard(client)
        uids = sorted(want.dashboards)
        start = self._inspections.get(client, 0) % len(uids)
        self._inspections[client] = start + INSPECTED
        return (uids[start:] + uids[:start])[:INSPECTED]


def _seen(have: Row, want: Row | None) -> Row:
    """`have` as far as `want` speaks of it: a column of a newer schema than ours is none of our business."""
    return have if want is None else {column: have.get(column) for column in want}


def _client(seen: Declared, have: Published | None) -> Client:
    """The client as declared; while its VoiceClient cannot work, as it was before."""
    if have is None or have.client_row is None or seen.client_is_good:
        return seen.client
    row = have.client_row
    return replace(seen.client, display_name=str(row["display_name"]), time_zone=str(row["time_zone"]))
