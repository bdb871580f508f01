"""A report as PDF: tagged (PDF/UA), A4. Set by Typst in a process of its own, whose memory ends with it."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from voice_portal.reports import figuretext as words
from voice_portal.reports.definitions import DEFINITIONS, ROUNDING, remarks
from voice_portal.reports.document import Document, IncidentRow, Row

CONTENT_TYPE = "application/pdf"
SECONDS = 30
"""How long it may take, and how long it may wait for others; 300 probes with 200 incidents take half a second."""
MOST_PROBES, MOST_INCIDENTS = 300, 200
"""That are printed: of more, those with the lowest availability, and the longest. So the process stays below 150 MB."""

# -I: nothing of the environment or of the folder that this process works in changes what is imported.
COMMAND = (sys.executable, "-I", "-m", "voice_portal.reports.typesetting")


def is_there() -> bool:
    """Whether PDFs can be made here: the extra [pdf] is installed, which the image leaves out for its size."""
    return find_spec("typst") is not None


class PdfFailed(Exception):
    """No PDF was made; the message says why, for the log."""


def pdf(document: Document) -> bytes:
    """The PDF of a report. Raises PdfFailed."""
    with _one_at_a_time():
        try:
            # An environment without this process's: the passwords in it are nothing for a typesetter.
            given = json.dumps(content(document)).encode()
            done = subprocess.run(COMMAND, input=given, env={}, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise PdfFailed(f"it took longer than {SECONDS} s") from None
        except OSError as error:
            raise PdfFailed(f"its process did not start: {error}") from error
    if done.returncode or not done.stdout.startswith(b"%PDF-"):
        raise PdfFailed(f"the typesetter ended with {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")
    return done.stdout


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """One process at a time of all workers of a pod, whose memory has a limit. Raises PdfFailed after SECONDS."""
    path = Path(tempfile.gettempdir()) / f"voice-portal-{os.getuid()}-pdf.lock"
    end = time.monotonic() + SECONDS
    try:
        place = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PdfFailed(f"{path} cannot be opened: {error}") from error
    try:
        while True:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise PdfFailed(f"others took longer than {SECONDS} s") from None
                time.sleep(0.05)
            else:
                break
        yield
    finally:
        os.close(place)  # which gives the lock back


def content(document: Document) -> dict[str, object]:
    """What report.typ prints: texts alone, which it sets as they are and never reads as markup."""
    shown = sorted(document.incidents, key=lambda incident: incident.lasted, reverse=True)[:MOST_INCIDENTS]
    rows = (*_lowest(document.rows), document.total)
    return {
        "made_at": int(document.made_at.timestamp()),
        "title": f"Service report {document.month.label}",
        "client": document.display_name,
        "facts": _facts(document),
        "remarks": remarks(is_so_far=document.is_so_far, has_deleted=document.has_deleted),
        "service": [_service(row) for row in rows],
        "sound": [_sound(row) for row in rows],
        "probes_left_out": len(document.rows) + 1 - len(rows),
        "incidents": [_incident(one) for one in sorted(shown, key=lambda incident: incident.begin)],
        "incidents_left_out": document.total.incidents - len(shown),
        "definitions": [*map(list, DEFINITIONS)],
        "rounding": ROUNDING,
    }


def _lowest(rows: tuple[Row, ...]) -> list[Row]:
    """MOST_PROBES of `rows`, in their order: those with the lowest availability; one without any is told of last."""
    by_availability = sorted(rows, key=lambda row: 101 if row.availability_pct is None else row.availability_pct)
    kept = {row.probe for row in by_availability[:MOST_PROBES]}
    return [row for row in rows if row.probe in kept]


def _facts(document: Document) -> list[tuple[str, str]]:
    total = document.total
    return [
        ("Client", f"{document.display_name} ({document.client})"),
        ("Month", document.month.label + (", so far" if document.is_so_far else "")),
        ("From", f"{document.start:%Y-%m-%d %H:%M}"),
        ("Until", f"{document.until:%Y-%m-%d %H:%M}"),
        ("Time zone", document.time_zone),
        ("Made", f"{document.made_at:%Y-%m-%d %H:%M}"),
        ("Availability", words.share(total.availability_pct)),
        ("Coverage", words.share(total.coverage_pct)),
        ("Good calls", words.share(total.good_calls_pct)),
        ("Incidents", f"{total.incidents:,}"),
    ]


def _service(row: Row) -> list[str]:
    return [
        name(row), words.share(row.availability_pct), words.share(row.coverage_pct), words.share(row.answer_rate_pct),
        words.share(row.good_calls_pct), words.span(row.below), "–" if row.below is None else f"{row.incidents:,}",
        f"{row.calls:,}",
    ]  # fmt: skip


def _sound(row: Row) -> list[str]:
    forward, reverse = words.mos(row.forward), words.mos(row.reverse)
    return [name(row), _lines(forward), _lines(reverse), words.milliseconds(row.pdd_p95_ms)]


def _incident(incident: IncidentRow) -> list[str]:
    begin = words.moment(incident.begin) + (" or before" if incident.is_older else "")
    end = "goes on" if incident.end is None else words.moment(incident.end)
    worst = words.NONE if incident.mos is None else f"{incident.mos:.2f}"
    reasons = _lines(incident.reasons)
    return [incident.display_name, begin, end, words.span(incident.lasted), f"{incident.calls:,}", worst, reasons]


def name(row: Row) -> str:
    """What a row is called."""
    return f"{row.display_name} (deleted)" if row.is_deleted else row.display_name


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts) or words.NONE
