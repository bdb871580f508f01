"""Puts one client right: observe, compare, apply, report. It is told which client, never what happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from voiceprobe_operator import metrics, names
from voiceprobe_operator.concurrently import Background
from voiceprobe_operator.database import Database
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.desired import Access, datasource
from voiceprobe_operator.errors import NotYet, OutsideError
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import Secrets
from voiceprobe_operator.reconciling.access import access
from voiceprobe_operator.reconciling.alerter import Alerter
from voiceprobe_operator.reconciling.publisher import Publisher, as_known
from voiceprobe_operator.reconciling.shower import Shower
from voiceprobe_operator.reconciling.sweep import Guard
from voiceprobe_operator.reconciling.wanted import Wanted
from voiceprobe_operator.reporting.reporter import REPORTS_AT_ONCE, Reporter
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.turn.known import Known
from voiceprobe_operator.turn.status import Outcome, is_ready, message, number_allotted
from voiceprobe_operator.turn.turn import Turn


class Reconciler:
    """Brings plan, account, organisation and dashboards of a client to what its namespace declares.

    What it found or wrote is remembered for each client, so that a change costs what it changes. `forget` makes the
    next look a whole one.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        guard: Guard,
        secrets: Secrets,
        database: Database,
        grafana: Grafana,
        server: Server,
        reporter: Reporter,
    ) -> None:
        self._settings, self._store, self._guard = settings, store, guard
        self._secrets, self._server, self._reporter = secrets, server, reporter
        self._publisher = Publisher(database)
        self._shower = Shower(grafana, server, interval=settings.resync_seconds)
        self._alerter = Alerter(settings, grafana, server, secrets)
        self._known: dict[str, Known] = {}
        self._wanted: dict[str, Wanted] = {}
        self._trusted: set[str] = set()
        # The last turn of each client whose last turn failed.
        self._failing: dict[str, Turn] = {}

    def forget(self, clients: Iterable[str] | None = None) -> None:
        """Look whole at these clients (None: at all) when they are looked at next."""
        for client in [*self._known, *self._trusted] if clients is None else clients:
            self._known.pop(client, None)
            self._trusted.discard(client)

    def organisations(self) -> dict[str, int]:
        """The organisation of each client of which it is known."""
        return {client: known.organisation.held.org for client, known in self._known.items() if known.organisation}

    async def reconcile(self, client: str) -> None:
        """Put `client` right and report it. Raises Transient if it must be tried again."""
        # Taken out while it is worked with: what is forgotten meanwhile, or breaks off in the middle, stays forgotten.
        found = self._known.pop(client, None)
        known = Known() if found is None else found
        self._trusted.add(client)
        try:
            turn = await self._reconcile(self._turn(client, known, self._failing.get(client)))
            if turn.is_doubtful:
                known = Known()
                await self._reconcile(self._turn(client, known, turn))
            self._remember(client, known)
        except NotYet:
            self._remember(client, known)
            raise
        finally:
            self._trusted.discard(client)

    def _remember(self, client: str, known: Known) -> None:
        if client in self._trusted:
            self._known[client] = known

    def _turn(self, client: str, known: Known, before: Turn | None = None) -> Turn:
        seen, claims = self._store.declared(client), self._store.claims
        turn = Turn(seen, known, partial(self._guard.keeps, client), partial(claims.standing, client))
        if before is not None:
            untold = before.untold().intersection(turn.seen.references)
            turn.result.published = frozenset(ref.name for ref in untold)
            turn.states = {ref.name: before.states[ref.name] for ref in untold if ref.name in before.states}
        return turn

    async def _reconcile(self, turn: Turn) -> Turn:
        await self._publisher.observe(turn)
        if turn.seen.is_empty:
            await self._withdraw(turn)
            return turn
        was_well = self._is_well(turn)
        async with Background(REPORTS_AT_ONCE) as background:
            await self._apply(turn, background)
        if turn.is_doubtful:
            return turn
        if was_well and turn.is_whole:
            for kind, count in turn.result.mended.items():
                metrics.corrected(kind, count)
        await self._report(turn)
        return turn

    async def _report(self, turn: Turn) -> None:
        """Tell how it went. A failure is told of every probe if it is still there at the second try."""
        if (support := self._server.support) is not None:
            turn.result.grafana = Outcome(support.ok, support.reason, support.message, is_advice=True)
        failure, before = turn.result.failure, self._failing.get(turn.client)
        is_first = failure is not None and (before is None or isinstance(before.result.failure, NotYet))
        # Before it is told: what could not be is left to the next turn, and that is no first one.
        self._failing[turn.client] = turn
        await self._reporter.report(turn, may_pass=is_first)
        if failure is not None:
            raise failure
        del self._failing[turn.client]

    def _is_well(self, turn: Turn) -> bool:
        """Whether everything was reported to be as it is declared now: what is written then was not."""
        said = {probe.ref: number_allotted(probe).message for probe in turn.seen.probes}
        # Whose the numbers are is declared elsewhere, and may have changed while nobody looked.
        return all(
            is_ready(have, ref.generation) and (ref not in said or message(have, "NumberAllotted") == said[ref])
            for ref in turn.seen.references
            for have in [self._store.status(ref)]
        )

    async def _withdraw(self, turn: Turn) -> None:
        self._wanted.pop(turn.client, None)
        self._failing.pop(turn.client, None)
        self._secrets.follow(turn.client, ())
        # Nobody is missed in Grafana who declares nothing: the organisation may go, by `whenEmpty: Delete` or by hand.
        turn.known.organisation = None
        # Before all else, and whatever becomes of it.
        await self._publisher.close_to_all(turn)
        published = turn.known.published
        is_planned = published is None or published.client_row is not None or bool(published.plan)
        # Of a client that was shown while the database was away, nothing is in the plan.
        if is_planned or turn.client in self._server.organisations:
            # The dashboards first: whose they are stands in the plan.
            await self._shower.withdraw(turn)
            await self._alerter.withdraw(turn)
            await self._publisher.withdraw(turn)
            if await self._shower.dissolve(turn):
                await self._publisher.remember_organisation(turn, None)
        if turn.result.failure is not None:
            raise turn.result.failure

    async def _apply(self, turn: Turn, background: Background) -> None:
        result = turn.result
        if turn.known.published is None and not turn.seen.client_is_good:
            # What the client was called stands in the database alone. Its dashboards are better left as they are.
            result.datasource = result.dashboards = result.alerts = result.plan
            return
        client = as_known(turn)
        before = self._wanted.get(turn.client, Wanted(client, self._settings.portal_url))
        want = before.renewed(client, turn.seen.probes)
        self._wanted[turn.client] = want
        await self._publisher.publish(turn, want)
        try:
            granted = turn.known.access or await self._access(turn.client)
        except OutsideError as error:
            result.datasource = result.dashboards = result.alerts = result.failed(error)
            return
        if turn.known.published is not None:
            await self._publisher.ensure_account(turn, granted)
        await self._show(turn, want, granted, background)

    async def _show(self, turn: Turn, want: Wanted, granted: Access, background: Background) -> None:
        if not await self._shower.observe(turn, want):
            return
        organisation = turn.known.organisation
        if organisation is None:
            return
        # Of a namespace that is being deleted, the VoiceClient may go first: what it said holds on.
        when_empty = organisation.when_empty if turn.seen.client.ref is None else want.client.when_empty
        source = datasource(names.account(turn.client), self._settings, granted, when_empty)
        if not await self._shower.ensure_datasource(turn, source):
            return
        await self._publisher.remember_organisation(turn, organisation.held.org)
        # Before the dashboards, for each probe is told of as soon as its own is in place.
        await self._alerter.ensure(turn, want.client)
        await self._shower.ensure_dashboards(
            turn, want, lambda probe: background.start(self._reporter.in_place(turn, probe))
        )

    async def _access(self, client: str) -> Access:
        return access(await self._secrets.password(client), self._settings)
