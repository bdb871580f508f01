"""How the probes of a client stood over a time: what was tried, what was good, and since when it is as it is now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from voice_portal.cdr.bounded import aware, naive


@dataclass(frozen=True)
class Standing:
    """What the calls of one probe that count came to, from the beginning of a time until now.

    Attributes:
        calls: how many counted.
        answered: how many of them were answered.
        compliant: how many were good as an agreement on quality has it: answered, heard, MOS at the warning threshold
            or above.
        since: when the first call of the unbroken run began that has the last call's health; None without a call.
        is_older: whether that run may have begun before the time.
        health: that of the last call; empty without one.
    """

    calls: int = 0
    answered: int = 0
    compliant: int = 0
    since: datetime | None = None
    is_older: bool = False
    health: str = ""

    @property
    def answer_rate_pct(self) -> float | None:
        """Answered calls of those that count, in %; None if there were none."""
        return 100 * self.answered / self.calls if self.calls else None

    @property
    def compliance_pct(self) -> float | None:
        """Good calls of those that count, in %; None if there were none."""
        return 100 * self.compliant / self.calls if self.calls else None


def total(standings: Iterable[Standing]) -> Standing:
    """All of them together; since when is each probe's own matter."""
    kept = list(standings)
    return Standing(sum(s.calls for s in kept), sum(s.answered for s in kept), sum(s.compliant for s in kept))


TALLIES = """
SELECT probe, health, COUNT(*), SUM(answered), SUM(compliant), MIN(started_at), MAX(started_at)
FROM voice_call_judged
WHERE client = %s AND started_at >= %s AND valid
GROUP BY probe, health
"""
TALLIES_OF_ONE = TALLIES.replace("client = %s", "client = %s AND probe = %s")


@dataclass(frozen=True)
class Tally:
    """The calls of one probe that have the same health."""

    health: str
    calls: int
    answered: int
    compliant: int
    first_at: datetime
    last_at: datetime


def standings(client: str, since: datetime) -> dict[str, Standing]:
    """Of each probe of `client` with a call that counts since `since`, how it stood from then on.

    Two questions to the server, however many probes and calls: it condenses, and the second reads one row a probe.
    """
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, [client, naive(since)])
        tallies: dict[str, list[Tally]] = {}
        for probe, *row in cursor.fetchall():
            tallies.setdefault(probe, []).append(_tally(*row))
    turns = {probe: turn for probe, rows in tallies.items() if (turn := last_of_another_health(rows)) is not None}
    begun = _first_after(client, turns)
    return {probe: of(rows, begun.get(probe)) for probe, rows in tallies.items()}


def standing_of(client: str, probe: str, since: datetime) -> Standing | None:
    """How one probe stood from `since` on; None without a call that counts. Two questions to the server."""
    with connection.cursor() as cursor:
        cursor.execute(TALLIES_OF_ONE, [client, probe, naive(since)])
        rows = [_tally(*row) for _, *row in cursor.fetchall()]
    if not rows:
        return None
    turn = last_of_another_health(rows)
    return of(rows, _first_after(client, {} if turn is None else {probe: turn}).get(probe))


def _tally(health: str, calls: int, answered: int, compliant: int, first: datetime, last: datetime) -> Tally:
    """A row of the server's, whose sums are no whole numbers of Python's."""
    return Tally(health, calls, int(answered), int(compliant), aware(first), aware(last))


def last_of_another_health(tallies: Sequence[Tally]) -> datetime | None:
    """When the last call began whose health was another than that of the newest; None if all had the same."""
    newest = max(tallies, key=lambda tally: tally.last_at)
    return max((tally.last_at for tally in tallies if tally is not newest), default=None)


def of(tallies: Sequence[Tally], begun: datetime | None) -> Standing:
    """The standing that `tallies` of one probe come to; `begun`: when the present run did, None: before all of them."""
    return Standing(
        calls=sum(tally.calls for tally in tallies),
        answered=sum(tally.answered for tally in tallies),
        compliant=sum(tally.compliant for tally in tallies),
        since=begun or min(tally.first_at for tally in tallies),
        is_older=begun is None,
        health=max(tallies, key=lambda tally: tally.last_at).health,
    )


def _first_after(client: str, turns: Mapping[str, datetime]) -> dict[str, datetime]:
    """When the first call that counts after each probe's moment began. Each is the start of a range of an index."""
    if not turns:
        return {}
    one = (
        "SELECT %s, (SELECT started_at FROM voice_call WHERE client = %s AND probe = %s AND started_at > %s AND valid"
        " ORDER BY started_at LIMIT 1)"
    )
    values = [value for probe, at in turns.items() for value in (probe, client, probe, naive(at))]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([one] * len(turns)), values)
        return {probe: aware(at) for probe, at in cursor.fetchall() if at is not None}
