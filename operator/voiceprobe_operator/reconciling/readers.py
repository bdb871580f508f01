"""The watch over the read accounts' connections: whatever a viewer's SQL does, it ends."""

from __future__ import annotations

import logging
import time
from collections import Counter

from voiceprobe_operator import metrics
from voiceprobe_operator.database import Database, limits
from voiceprobe_operator.errors import OutsideError, Transient

log = logging.getLogger(__name__)

# A lock that a locking read takes is held for so long at most; a query lives so much longer than its limit.
LOOK_SECONDS = 2


class Readers:
    """Looks at all connections of read accounts, and ends those that are over a limit. It never sees their SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[int, float] = {}
        self._has_warned = False

    async def look(self) -> None:
        """Look once. Raises Transient, as nobody watches what clients ask MySQL then."""
        try:
            await self._warn()
            await self._look()
        except OutsideError as error:
            raise Transient(error.reason, f"nobody watches what clients ask MySQL: {error.sentence}") from error

    async def _look(self) -> None:
        readers, now = await self._database.readers(), time.monotonic()
        self._seen = limits.first_seen(self._seen, readers, now)
        over = limits.overdue(self._seen, readers, now)
        if not over:
            return
        await self._database.end_readers([one.reader.id for one in over])
        for one in over:
            metrics.reader_ended(one.reason)
        # Not their SQL: that may hold what a client asked for. One line for many: who sends them decides how many.
        for (account, reason), count in Counter((one.reader.account, one.reason) for one in over).items():
            longest = max(one.seconds for one in over if (one.reader.account, one.reason) == (account, reason))
            log.warning("account %s: queries ended: %d, after at most %.0f s (%s)", account, count, longest, reason)

    async def _warn(self) -> None:
        if self._has_warned:
            return
        for sentence in await self._database.unlimited():
            log.warning("%s", sentence)
        self._has_warned = True
