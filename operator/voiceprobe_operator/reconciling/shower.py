"""The client's part of Grafana: organisation, viewer, datasource, folder, dashboards."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from voiceprobe_operator import names
from voiceprobe_operator.concurrently import each
from voiceprobe_operator.desired import Datasource
from voiceprobe_operator.errors import OutsideError, Rejected
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.organisation import Organisation
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.model import Probe
from voiceprobe_operator.reconciling.folder import ensure_folder
from voiceprobe_operator.reconciling.wanted import Wanted
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)
InPlace = Callable[[Probe], Awaitable[None]]

# Each dashboard's content is compared once in that time.
INSPECTION_SECONDS = 3600
AT_ONCE = 3


def is_due(uid: str, since: float, now: float) -> bool:
    """Whether this dashboard's moment of the hour lies after `since` and not after `now`, both in Unix seconds.

    The moment follows from the uid: thousands of dashboards spread evenly, and a restart changes nothing.
    """
    moment = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) % INSPECTION_SECONDS
    return (now - moment) // INSPECTION_SECONDS > (since - moment) // INSPECTION_SECONDS


class Shower:
    """Reads and writes Grafana for one client after the other. Errors end up in the turn's result."""

    def __init__(self, grafana: Grafana, server: Server, *, interval: float) -> None:
        self._grafana, self._server = grafana, server
        self._interval = interval
        self._looked: dict[str, float] = {}

    async def observe(self, turn: Turn, want: Wanted) -> bool:
        """Find out what Grafana holds, unless that is known; whether that is known now."""
        if turn.known.organisation is not None:
            return True
        turn.known.refused_boards = {}
        try:
            await self._server.known()
            org = await self._server.organisation(turn.client)
            organisation = await self._look(turn, org)
            if not organisation.held.members:
                # Of an organisation that is gone, Grafana says the same as of one that nobody sees.
                self._server.organisations.pop(turn.client, None)
                organisation = await self._look(turn, await self._server.organisation(turn.client))
            await self._inspect(organisation, want)
        except OutsideError as error:
            self._doubt(turn)
            turn.result.datasource = turn.result.dashboards = turn.result.alerts = turn.result.failed(error)
            return False
        turn.known.organisation, turn.is_whole = organisation, True
        return True

    async def _look(self, turn: Turn, org: int) -> Organisation:
        return await Organisation.look(self._grafana, org, names.viewer(turn.client), self._server.login)

    def _doubt(self, turn: Turn) -> None:
        turn.known.organisation = None
        self._server.organisations.pop(turn.client, None)

    async def _inspect(self, organisation: Organisation, want: Wanted) -> None:
        boards, titles = organisation.held.dashboards, organisation.held.titles
        for uid in want.dashboards:
            if boards.get(uid) == want.revision(uid) and titles.get(uid) != want.title(uid):
                boards[uid] = ""
        now = time.time()
        since = self._looked.get(want.client.name, now - self._interval)
        due = [
            uid
            for uid in want.dashboards
            if boards.get(uid) and is_due(uid, since, now) and boards[uid] == want.revision(uid)
        ]
        await each(due, lambda uid: organisation.inspect(want.dashboard(uid)), at_once=AT_ONCE)
        self._looked[want.client.name] = now

    async def ensure_datasource(self, turn: Turn, want: Datasource) -> bool:
        """Members and datasource; whether they are in place."""
        organisation = turn.known.organisation
        assert organisation is not None, "observe comes first"  # noqa: S101 - for the type checker
        try:
            await organisation.ensure_members(names.viewer(turn.client), self._server.login)
            if await organisation.ensure_datasource(want, self._server.version):
                turn.result.mended["datasource"] += 1
                log.info("%s: datasource written", turn.client)
        except OutsideError as error:
            self._doubt(turn)
            if not turn.doubts(error):
                turn.result.datasource = turn.result.dashboards = turn.result.alerts = turn.result.failed(error)
            return False
        return True

    async def ensure_dashboards(self, turn: Turn, want: Wanted, in_place: InPlace) -> None:
        """Folder and dashboards; `in_place` is told of each probe whose dashboard has been written."""
        organisation = turn.known.organisation
        assert organisation is not None, "observe comes first"  # noqa: S101 - for the type checker
        held, result = organisation.held.dashboards, turn.result
        try:
            await ensure_folder(turn, organisation)
            kept = turn.kept_dashboards()
            gone = [] if kept is None else sorted(_ours(held) - set(want.dashboards) - kept)
            put = [uid for uid in want.dashboards if uid not in held or held[uid] != want.revision(uid)]
            result.drifted = {uid for uid in put if not held.get(uid)}
            # First, for one that is to be written may be called like one that goes: a probe that was made anew.
            gone = sorted({*gone, *self._in_the_way(organisation, want, put)})
            await each(gone, organisation.remove, at_once=AT_ONCE)
            await each(put, partial(self._put, turn, organisation, want, in_place), at_once=AT_ONCE)
        except OutsideError as error:
            self._doubt(turn)
            if not turn.doubts(error):
                result.dashboards = result.failed(error)
            return
        result.mended["dashboard"] += len(result.drifted & result.boards)
        if put or gone:
            log.info("%s: dashboards: %d written, %d removed", turn.client, len(result.boards), len(gone))

    def _in_the_way(self, organisation: Organisation, want: Wanted, put: Sequence[str]) -> set[str]:
        """Dashboards of ours whose title is to be another's: of a probe that was made anew, or renamed by somebody."""
        titles, version = organisation.held.titles, self._server.version
        found = {other for uid in put for other in titles.in_the_way(uid, want.title(uid), version)}
        return found & {*want.dashboards, *_ours(organisation.held.dashboards)}

    async def _put(self, turn: Turn, organisation: Organisation, want: Wanted, in_place: InPlace, uid: str) -> None:
        board = want.dashboard(uid)
        try:
            await organisation.put(board, self._server.version)
        except Rejected as error:
            # Perhaps the folder went, or somebody took the title.
            if turn.doubts(error):
                return
            # Not tried again until it changes, or the next whole look.
            organisation.held.dashboards[uid] = board.revision
            turn.known.refused_boards[uid] = error
        else:
            turn.known.refused_boards.pop(uid, None)
            turn.result.boards.add(uid)
        if (probe := want.probe_of(uid)) is not None:
            await in_place(probe)

    async def withdraw(self, turn: Turn) -> None:
        """Remove the dashboards of a client that declares nothing any more. Its organisation stays."""
        try:
            await self._server.known()
            if (org := self._server.organisations.get(turn.client)) is None or turn.known.published is None:
                return
            organisation = await self._look(turn, org)
            kept = {names.dashboard(uid) for probe, uid in turn.known.published.uids.items() if turn.keeps(probe)}
            gone = _ours(organisation.held.dashboards) - kept
            await each(sorted(gone), organisation.remove, at_once=AT_ONCE)
        except OutsideError as error:
            turn.result.dashboards = turn.result.failed(error)
            return
        if gone:
            log.info("%s: nothing is declared any more: dashboards: %d removed", turn.client, len(gone))

    async def dissolve(self, turn: Turn) -> bool:
        """Remove the organisation of a client that declares nothing any more, if it said so; whether it is gone."""
        org = self._server.organisations.get(turn.client)
        if org is None or turn.result.failure is not None or turn.kept_probes():
            return False
        try:
            organisation = await self._look(turn, org)
            if organisation.when_empty != "Delete":
                return False
            await organisation.delete(names.viewer(turn.client))
        except OutsideError as error:
            turn.result.datasource = turn.result.failed(error)
            return False
        self._server.organisations.pop(turn.client, None)
        log.info(
            "%s: nothing is declared any more: the organisation is removed as declared (whenEmpty: Delete)",
            turn.client,
        )
        return True


def _ours(uids: dict[str, str]) -> set[str]:
    """Only what is ours by name: a dashboard that somebody else made stays."""
    return {uid for uid in uids if uid.startswith(names.PROBE_DASHBOARD_PREFIX)}
