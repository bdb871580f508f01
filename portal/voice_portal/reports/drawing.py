"""Reports that are being drawn up by this process, each in a thread of its own. A page waits for one for a while.

What takes longer goes on: it is kept when it is whole (`keeping`), and the page renews itself until then. Whoever asks
for the same report meanwhile waits for the same thread.
"""

import logging
import threading
from datetime import UTC, datetime

from django.db import connection
from django.utils import timezone

from voice_portal.accounts.middleware import zone
from voice_portal.cdr.models import Client
from voice_portal.reports import keeping
from voice_portal.reports.document import Document
from voice_portal.reports.period import Month
from voice_portal.reports.report import report

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Reports that a process draws up at once; the rest of its threads serve pages."""
WAIT_SECONDS = 15.0
"""How long a page waits."""
LONGEST_SECONDS = 1800.0
"""After that a report is given up: the database has more to do than it can."""

Key = tuple[str, str]


class Busy(Exception):
    """As many reports as may be are being drawn up already."""


class NotYet(Exception):
    """The report is still being drawn up."""

    def __init__(self, progress: int) -> None:
        super().__init__(f"{progress} % of the records are read")
        self.progress = progress


class Drawing:
    """A report that is being drawn up."""

    def __init__(self, client: Client, month: Month) -> None:
        self.client, self.month = client, month
        self.done = threading.Event()
        self.progress = 0
        self.document: Document | None = None
        self.error: Exception | None = None
        self.is_kept = False

    def run(self) -> None:
        """Draw it up. Of a thread of its own, with a connection of its own to the database."""
        client, month = self.client.client, self.month
        try:
            made = report(self.client, month, timezone.now(), seconds=LONGEST_SECONDS, tell=self._tell)
            if self.is_kept:
                keeping.keep(made, timezone.now())
            self.document = made
        except Exception as error:
            self.error = error  # whoever waits gets it
            if self.is_kept:
                log.exception("the report of %s for %s was not drawn up", client, month)
                self._give_up()
        finally:
            connection.close()
            with _lock:
                _drawn_up.pop((client, str(month)), None)
            self.done.set()

    def result(self, seconds: float) -> Document:
        """The report, for which this waits at most so long.

        Raises NotYet: from then on the report will be kept. Raises TooSlow, or what else kept it from being made.
        """
        if not self.done.wait(seconds):
            self.is_kept = True
            raise NotYet(self.progress)
        if self.error is not None:
            raise self.error
        if self.document is None:
            raise AssertionError("it is done, and there is neither a report nor an error")
        return self.document

    def _tell(self, share: float) -> None:
        self.progress = min(int(share * 100), keeping.DONE - 1)
        if self.is_kept and not keeping.begin(self.client.client, self.month, self.progress, timezone.now()):
            keeping.go_on(self.client.client, self.month, self.progress, timezone.now())

    def _give_up(self) -> None:
        try:
            keeping.give_up(self.client.client, self.month, timezone.now())
        except Exception:
            log.exception("that could not be written down")


_lock = threading.Lock()
_drawn_up: dict[Key, Drawing] = {}


def drawn_up(client: Client, month: Month, now: datetime | None = None) -> Document:
    """The report of `client` for `month`: one that is kept, or a new one.

    Raises Busy, NotYet, and bounded.TooSlow.
    """
    kept = keeping.find(client.client, month, zone(client.time_zone), now or datetime.now(UTC))
    if kept.document is not None:
        return kept.document
    with _lock:
        drawing = _drawn_up.get((client.client, str(month)))
        if drawing is None:
            if kept.progress is not None:
                raise NotYet(kept.progress)
            if len(_drawn_up) >= AT_ONCE:
                raise Busy
            drawing = _drawn_up[client.client, str(month)] = Drawing(client, month)
            threading.Thread(target=drawing.run, name=f"report of {client.client}", daemon=True).start()
    return drawing.result(WAIT_SECONDS)
