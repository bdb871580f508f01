"""Reports that took longer than a page may: drawn up by one process, and kept for all of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from django.db import IntegrityError, transaction
from django.db.models import Q

from voice_portal.reports.document import Document
from voice_portal.reports.models import KeptReport
from voice_portal.reports.packing import packed, unpacked
from voice_portal.reports.period import Month

LATE = timedelta(days=1)
"""So long after a month its last records have come in: what is drawn up later is drawn up once."""
FRESH = timedelta(hours=6)
"""How long one is good that was drawn up before."""
GIVEN_UP = timedelta(minutes=2)
"""Whoever says nothing for so long draws it up no more."""
OLDEST = timedelta(days=400)
DONE = 100


@dataclass(frozen=True)
class Kept:
    """What there is of a report: itself, if it still is good, and how far another process is that draws it up, in %."""

    document: Document | None = None
    progress: int | None = None


def find(client: str, month: Month, zone: tzinfo, now: datetime) -> Kept:
    """What there is of the report of `client` for `month`, whose times are told in `zone`."""
    row = KeptReport.objects.filter(client=client, month=str(month)).first()
    if row is None:
        return Kept()
    is_good = row.made_at is not None and (row.made_at >= month.end(zone) + LATE or row.made_at > now - FRESH)
    document = unpacked(bytes(row.content), zone) if is_good and row.content else None
    is_drawn_up = row.progress < DONE and row.renewed_at > now - GIVEN_UP
    return Kept(document, row.progress if is_drawn_up else None)


def begin(client: str, month: Month, progress: int, now: datetime) -> bool:
    """Say that this process draws it up; False: another one does."""
    there = KeptReport.objects.filter(client=client, month=str(month))
    free = there.filter(Q(progress=DONE) | Q(renewed_at__lte=now - GIVEN_UP))
    if free.update(progress=progress, renewed_at=now):
        return True
    try:
        with transaction.atomic():
            KeptReport.objects.create(client=client, month=str(month), progress=progress, renewed_at=now)
    except IntegrityError:
        return False
    return True


def go_on(client: str, month: Month, progress: int, now: datetime) -> None:
    """Say how far it is."""
    KeptReport.objects.filter(client=client, month=str(month)).update(progress=progress, renewed_at=now)


def keep(document: Document, now: datetime) -> None:
    """Keep it, and forget very old ones."""
    KeptReport.objects.update_or_create(
        client=document.client,
        month=str(document.month),
        defaults={"content": packed(document), "made_at": document.made_at, "renewed_at": now, "progress": DONE},
    )
    KeptReport.objects.filter(renewed_at__lt=now - OLDEST).delete()


def give_up(client: str, month: Month, now: datetime) -> None:
    """Say that this process draws it up no more."""
    KeptReport.objects.filter(client=client, month=str(month)).update(progress=DONE, renewed_at=now)
