"""The report of a client's month, drawn up from the call records."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from voice_portal.accounts.middleware import zone
from voice_portal.cdr.bounded import TooSlow
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.reports import calls, figures
from voice_portal.reports.calls import Known
from voice_portal.reports.document import Document, IncidentRow, row
from voice_portal.reports.fold import INTERVALS, UNSCHEDULED_MS, ProbeMonth
from voice_portal.reports.period import Month, months_between
from voice_portal.reports.wording import reasons, thresholds_of

MONTHS = 60
"""The newest months that are offered."""
LOOK_BACK = timedelta(milliseconds=INTERVALS * UNSCHEDULED_MS)
"""How long before a month a call may have begun that stands for its first moments."""


@dataclass(frozen=True)
class Limit:
    """When reading must be over (of time.monotonic), and whom to tell how far it is."""

    deadline: float
    tell: Callable[[float], None]


def months(client: Client, now: datetime) -> list[Month]:
    """The months in which calls of `client` began, newest first, the present one too; by two questions."""
    everything = calls.known(client.client)
    if not everything:
        return []
    where = zone(client.time_zone)
    first = min(known.first_at for known in everything)
    last = min(max(known.last_at for known in everything), now)
    found = months_between(Month.of(first, where), Month.of(last, where), MONTHS)
    there = calls.has_calls(client.client, [(month.start(where), month.end(where)) for month in found])
    return [month for month, is_there in zip(found, there, strict=True) if is_there]


def has_calls(client: Client, month: Month, now: datetime) -> bool:
    """Whether any call of `client` began in `month`, which is not to come."""
    where = zone(client.time_zone)
    return month.start(where) <= now and calls.has_calls(client.client, [(month.start(where), month.end(where))])[0]


def report(
    client: Client, month: Month, now: datetime, *, seconds: float, tell: Callable[[float], None] = lambda _share: None
) -> Document:
    """The report of `client` for `month`, as far as there is anything at `now`.

    `tell` is told again and again which share of the records is read, from 0 to 1. Raises TooSlow if that takes longer
    than `seconds`.
    """
    where, now = zone(client.time_zone), now.astimezone(UTC)
    start, end = month.start(where), month.end(where)
    until = max(min(end, now), start)
    plan = {state.probe: state for state in ProbeState.objects.for_client(client.client)}
    there = {
        known.probe: known
        for known in calls.known(client.client)
        if known.first_at < until and (known.probe in plan or known.last_at >= start)
    }
    folds = {probe: _fold(client, plan.get(probe), known, start, until) for probe, known in there.items()}
    _read(client, folds, start, until, Limit(time.monotonic() + seconds, tell))
    for probe, fold in folds.items():
        fold.finish(_ms(there[probe].first_at - start), is_deleted=probe not in plan)
    told = {probe: fold for probe, fold in folds.items() if probe in plan or fold.figures.calls}
    names = {probe: plan[probe].display_name if probe in plan else probe for probe in told}
    rows = [row(fold.figures, probe, names[probe], is_deleted=probe not in plan) for probe, fold in told.items()]
    incidents = _incidents(told, plan, start.astimezone(where), until)
    return Document(
        client=client.client,
        display_name=client.display_name,
        time_zone=str(where),
        month=month,
        start=start.astimezone(where),
        end=end.astimezone(where),
        until=until.astimezone(where),
        made_at=now.astimezone(where),
        rows=tuple(sorted(rows, key=lambda one: (one.display_name.casefold(), one.probe))),
        total=row(figures.total(fold.figures for fold in told.values()), "", "All probes"),
        incidents=tuple(sorted(incidents, key=lambda one: (one.begin, one.display_name))),
    )


def _fold(client: Client, state: ProbeState | None, known: Known, start: datetime, until: datetime) -> ProbeMonth:
    if state is not None:
        return ProbeMonth(state.every_ms or UNSCHEDULED_MS, _ms(until - start))
    spacing = calls.spacing_ms(client.client, known.probe, start, until)
    return ProbeMonth(spacing, _ms(until - start), is_judged=False)


def _read(client: Client, folds: Mapping[str, ProbeMonth], start: datetime, until: datetime, limit: Limit) -> None:
    """Give each call to its probe. One that was made meanwhile is told of next time."""
    begin, span = start - LOOK_BACK, _ms(until - start)
    deleted = [probe for probe, fold in folds.items() if not fold.is_judged]
    pieces = [calls.judged(client.client, start, begin, until)]
    if deleted:
        pieces.append(calls.of_deleted(client.client, deleted, start, begin, until))
    for piece in chain.from_iterable(pieces):
        at = 0
        for call in piece:
            at = call.at
            if call.probe in folds:
                folds[call.probe].add(call)
        if time.monotonic() > limit.deadline:
            raise TooSlow
        if at > 0:
            limit.tell(at / span)


def _incidents(
    folds: Mapping[str, ProbeMonth], plan: Mapping[str, ProbeState], start: datetime, until: datetime
) -> Iterator[IncidentRow]:
    """The incidents of all probes. `start` in the client's zone."""
    for probe, fold in folds.items():
        if probe not in plan:
            continue
        limits = thresholds_of(plan[probe])
        for incident in fold.incidents:
            begin = max(incident.begin, 0)
            end = _ms(until - start) if incident.end is None else incident.end
            yield IncidentRow(
                probe=probe,
                display_name=plan[probe].display_name,
                begin=_after(start, begin),
                is_older=incident.is_older,
                end=None if incident.end is None else _after(start, incident.end),
                lasted=timedelta(milliseconds=end - begin),
                calls=incident.calls,
                mos=None if incident.mos is None else incident.mos / 1000,
                reasons=tuple(reasons(incident, limits)),
            )


def _after(start: datetime, milliseconds: int) -> datetime:
    """The moment so long after `start`, in its zone; in two steps, for that zone's clocks may be changed in between."""
    moment = start.astimezone(UTC) + timedelta(milliseconds=milliseconds)
    return moment.astimezone(start.tzinfo)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
