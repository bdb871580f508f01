"""The client's part of MySQL: its row, its plan, its read account."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from voiceprobe_operator import names
from voiceprobe_operator.database import Database
from voiceprobe_operator.database.sql import Published
from voiceprobe_operator.desired import Access, client_row
from voiceprobe_operator.diff import diff
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.model import Client
from voiceprobe_operator.reconciling.wanted import Wanted
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)


class Publisher:
    """Reads and writes MySQL for one client after the other. Errors end up in the turn's result."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def observe(self, turn: Turn) -> None:
        """Find out what the database holds, unless that is known."""
        if turn.known.published is not None:
            return
        turn.known.refused_rows = {}
        try:
            turn.known.published = await self._database.published(turn.client)
        except OutsideError as error:
            turn.result.plan = turn.result.account = turn.result.failed(error)

    async def publish(self, turn: Turn, want: Wanted) -> None:
        """Write what differs of plan and client row."""
        kept = turn.kept_probes()
        await self._revoke(turn, kept)
        have = turn.known.published
        if have is None:
            return
        change = diff(want.plan, {probe: row for probe, row in have.plan.items() if probe not in kept})
        row = client_row(want.client)
        is_new = {column: (have.client_row or {}).get(column) for column in row} != row
        if not change and not is_new:
            return
        with _writing(turn):
            receipt = await self._database.publish(
                turn.client, row if is_new else None, (want.row(name) for name in change.put), change.drop
            )
            taken = change.put.keys() - receipt.refused.keys()
            turn.states |= receipt.states
            turn.result.published |= taken
            turn.result.mended["plan"] += len(taken) + is_new
            have.client_row = row
            _remember(have, want, change.put)
            _forget(have, change.drop)
            turn.known.refused_rows = {
                probe: refusal for probe, refusal in turn.known.refused_rows.items() if probe not in change.put
            } | receipt.refused
            log.info("%s: plan: %d written, %d removed", turn.client, len(taken), len(change.drop))

    async def _revoke(self, turn: Turn, kept: Collection[str]) -> None:
        """Let rows that stay as they are tell by no number any more that the provider has taken back.

        Such a row is not removed: all would be, should the kind NumberAllotment go by mistake.
        """
        have, revoked = turn.known.published, turn.revoked_probes(kept)
        if have is None or not revoked:
            return
        with _writing(turn):
            await self._database.revoke_numbers(turn.client, revoked)
            for probe in revoked:
                del have.allotted[probe]
                have.plan[probe] = b""  # unlike any row, so it is written again once it can be
            log.info("%s: plan: numbers of %d probes are not theirs any more", turn.client, len(revoked))

    async def ensure_account(self, turn: Turn, access: Access) -> None:
        """The client's read account, with this password."""
        if turn.known.account_works and turn.known.access == access:
            return
        try:
            if await self._database.ensure_account(names.account(turn.client), access.password):
                turn.result.mended["account"] += 1
                log.info("%s: account %s made or mended", turn.client, names.account(turn.client))
        except OutsideError as error:
            turn.result.account = turn.result.failed(error)
        else:
            turn.known.access, turn.known.account_works = access, True

    async def close_to_all(self, turn: Turn) -> None:
        """Let nobody but the provider's staff see a client that declares nothing any more.

        No guard against a mistake holds here: what a VoiceClient opened is open again as soon as it is back.
        """
        have = turn.known.published
        if have is None or have.client_row is None or have.client_row.get("access") is None:
            return
        with _writing(turn):
            await self._database.close_to_all(turn.client)
            have.client_row = have.client_row | {"access": None}
            log.info("%s: nothing is declared any more: open to nobody in the portal", turn.client)

    async def withdraw(self, turn: Turn) -> None:
        """Take out of the plan what is left of a client that declares nothing any more."""
        kept = turn.kept_probes()
        await self._revoke(turn, kept)
        have = turn.known.published
        gone = [] if have is None else [probe for probe in have.plan if probe not in kept]
        if have is None or not gone:
            return
        with _writing(turn):
            await self._database.publish(turn.client, None, (), gone)
            _forget(have, gone)
            log.info("%s: nothing is declared any more: plan: %d removed", turn.client, len(gone))

    async def remember_organisation(self, turn: Turn, org: int | None) -> None:
        """Note the client's Grafana organisation where the portal reads it."""
        have = turn.known.published
        if have is None or have.org == org or not turn.result.plan.ok:
            return
        try:
            await self._database.set_organisation(turn.client, org)
        except OutsideError as error:
            turn.known.published = None
            turn.result.datasource = turn.result.failed(error)
        else:
            have.org = org


def as_known(turn: Turn) -> Client:
    """The client as declared; while its VoiceClient cannot work, shown as it was before, and open as is declared."""
    have, seen = turn.known.published, turn.seen
    if have is None or have.client_row is None or seen.client_is_good:
        return seen.client
    row = have.client_row
    return replace(seen.client, display_name=str(row["display_name"]), time_zone=str(row["time_zone"]))


@contextmanager
def _writing(turn: Turn) -> Iterator[None]:
    """Write to the plan. What fails is told, and then nobody knows what the database holds."""
    try:
        yield
    except OutsideError as error:
        turn.known.published = None
        turn.result.plan = turn.result.failed(error)


def _remember(have: Published, want: Wanted, put: dict[str, bytes]) -> None:
    have.plan |= put
    have.uids |= {name: want.probes[name].ref.uid for name in put}
    have.allotted |= {name: want.probes[name].rights.allotted for name in put}


def _forget(have: Published, gone: Iterable[str]) -> None:
    for probe in gone:
        del have.plan[probe]
        have.uids.pop(probe, None)
        have.allotted.pop(probe, None)
