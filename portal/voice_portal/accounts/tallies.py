"""The counts of failed sign-ins, in the database, which all pods of the portal share."""

import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from voice_portal.accounts import subjects, throttle
from voice_portal.accounts.addresses import Address
from voice_portal.accounts.models import SignInTally
from voice_portal.accounts.subjects import Subjects
from voice_portal.accounts.throttle import LIMITS, Kind, Tally

Result = TypeVar("Result")

# MySQL's "deadlock found" and "lock wait timeout exceeded": the statement may be sent again.
AGAIN = frozenset({1213, 1205})
TRIES = 4
FIRST_WAIT_S = 0.02
PURGE_SECONDS = 60
PURGED_AT_ONCE = 2000
_purged_at = -float("inf")

Wait = tuple[Kind, timedelta]


def longest_wait(who: Subjects) -> Wait | None:
    """The longest wait of these subjects, and whose it is; None if an attempt may be made. Counts nothing."""
    rows = SignInTally.objects.filter(subject__in=who)
    return _longest(who, {row.subject: _tally(row) for row in rows})


def reserve(who: Subjects) -> Wait | list[Kind]:
    """Count an attempt as failed, before it is made; the kinds that it takes to their limit, or the wait there is.

    Whoever counts afterwards lets through as many guesses as arrive before the first has failed. Each row is locked
    from reading to writing, in the order of the key: two attempts on one subject come one after the other.
    """
    return _again(lambda: _reserve(who))


def give_back(who: Subjects) -> None:
    """The attempt that was reserved was none that failed: forget what the right password disproves.

    An address, and an account that is guessed from elsewhere, get back no more than this one attempt: whoever has one
    account of their own must not be able to wipe out what they did to others.
    """
    for subject, kind in who.items():
        row = SignInTally.objects.filter(subject=subject)
        if kind in ("account-at-address", "browser"):
            _again(row.delete)
        else:
            _again(partial(row.filter(failures__gt=0).update, failures=F("failures") - 1))


def unlock(username: str | None = None, address: Address | None = None) -> int:
    """Forget what was counted for this account, for this address, or for the account at the address; how many rows."""
    at_address = Q() if address is None else Q(subject__endswith=subjects.end_of_address(address))
    chosen = Q(pk__in=())
    if username is not None:
        for prefix in subjects.prefixes_of_account(username):
            chosen |= Q(subject__startswith=prefix) & at_address
    elif address is not None:
        chosen = Q(subject=subjects.of_address(address)) | at_address
    return _again(lambda: SignInTally.objects.filter(chosen).delete()[0])


def _reserve(who: Subjects) -> Wait | list[Kind]:
    with transaction.atomic():
        _lock(who)
        now = timezone.now()
        rows = SignInTally.objects.filter(subject__in=who)
        tallies = {row.subject: _tally(row) for row in rows}
        if (wait := _longest(who, tallies)) is not None:
            return wait
        reached: list[Kind] = []
        for row in rows:
            limit = LIMITS[who[row.subject]]
            tally = throttle.counted(tallies[row.subject], limit, now)
            row.failures, row.last_at = tally.failures, tally.last_at
            row.save(update_fields=["failures", "last_at"])
            if tally.failures == limit.failures:
                reached.append(who[row.subject])
    _purge()
    return reached


def _lock(who: Subjects) -> None:
    """Make the rows that are missing and lock all of them until the transaction ends, in the order of the key.

    Not SELECT FOR UPDATE: of a small table the server may read, and wait for, rows that nobody asked for.
    """
    marks = ", ".join(["(%s, 0, '2000-01-01')"] * len(who))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO portal_sign_in_tally (subject, failures, last_at) VALUES {marks}"  # noqa: S608 - marks alone
            " ON DUPLICATE KEY UPDATE subject = subject",
            sorted(who),
        )


def _longest(who: Subjects, tallies: dict[str, Tally]) -> Wait | None:
    now = timezone.now()
    waits = ((who[subject], throttle.wait(tally, LIMITS[who[subject]], now)) for subject, tally in tallies.items())
    return max((found for found in waits if found[1]), default=None, key=lambda found: found[1])


def _tally(row: SignInTally) -> Tally:
    return Tally(row.failures, row.last_at)


def _purge() -> None:
    """Delete what no limit remembers any more; every process once a minute, while somebody signs in."""
    global _purged_at  # noqa: PLW0603 - when this process last did
    if time.monotonic() - _purged_at < PURGE_SECONDS:
        return
    _purged_at = time.monotonic()
    oldest = timezone.now() - throttle.LONGEST_MEMORY
    old = SignInTally.objects.filter(last_at__lt=oldest).order_by("last_at").values_list("subject", flat=True)
    _again(lambda: _delete_older(sorted(old[:PURGED_AT_ONCE]), oldest))


def _delete_older(gone: Iterable[str], than: datetime) -> None:
    SignInTally.objects.filter(subject__in=list(gone), last_at__lt=than).delete()


def _again(work: Callable[[], Result]) -> Result:
    """Do `work`; again where the server ended it for the sake of another. Raises OperationalError after `TRIES`.

    Not at once, and each time after a wait drawn at random up to twice as long: those that stood in each other's way
    would otherwise do so again.
    """
    for tried in range(TRIES - 1):
        try:
            return work()
        except OperationalError as error:
            if not (error.args and error.args[0] in AGAIN):
                raise
        time.sleep(random.uniform(0, FIRST_WAIT_S * 2**tried))  # noqa: S311 - spreads load, keeps no secret
    return work()
