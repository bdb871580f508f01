"""The pages that find calls, and the files of what was found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.clients import ClientRequest
from voice_portal.accounts.middleware import zone
from voice_portal.cdr import callsearch
from voice_portal.cdr.bounded import TooSlow
from voice_portal.cdr.callsearch import Found, Key, Order
from voice_portal.cdr.queries import CallWithStreams
from voice_portal.probes import health
from voice_portal.probes.calls import columns, csvfile, exports, filters, form, parquet, positions, words
from voice_portal.probes.calls.filters import Search
from voice_portal.probes.scope import client_of

PAGE = 50
LABELS = {Order.NEWEST: ("Newer calls", "Older calls"), Order.OLDEST: ("Older calls", "Newer calls")}

WRITERS = {"csv": csvfile, "parquet": parquet}


@dataclass(frozen=True)
class Row:
    """A call in the list."""

    call: CallWithStreams
    outcome: str
    not_counted: str
    probe_name: str


@dataclass(frozen=True)
class Heading:
    """A column's heading that sorts: the query of its address, and how it is sorted by it now (aria-sort)."""

    query: str
    sorted: str


@dataclass(frozen=True)
class Paging:
    """The pages beside this one, as queries of their addresses, and what they are called; empty: there is none.

    `stopped_at`: how far this one looked, if its time was over before it was full; `on`: where it goes on.
    """

    before: str
    after: str
    before_label: str
    after_label: str
    stopped_at: datetime | None = None
    on: str = ""


@require_safe
def calls(request: ClientRequest, client: str) -> HttpResponse:
    """The calls of a client that the address asks for, a page of them."""
    of = client_of(request)
    clock = zone(of.time_zone)
    search = filters.read(request.GET.dict(), clock, timezone.now())
    if dict(request.GET.lists()) != {name: [value] for name, value in search.given.items()}:
        # A form sends its empty fields, too: the address that people keep and send has what is set.
        return redirect(_address(client, urlencode(search.given)))
    probes = callsearch.probes(client)
    names = dict(probes)
    context = {
        "search": search,
        "form": form.form(search, probes),
        "told": words.told(search, clock, names),
        "export_query": search.query(sort=""),
        "first_query": search.query(),
    }
    if search.mistakes.keys() - set(filters.PLACES):
        return render(request, "probes/calls.html", context)
    try:
        found = _found(client, search)
    except TooSlow:
        context |= {"too_slow": True, "offers": words.narrower(search)}
        return render(request, "probes/calls.html", context, status=503)
    context |= {
        "rows": [_row(row, names) for row in callsearch.load(client, found.keys)],
        "headings": _headings(search),
        "paging": _paging(search, found),
        "jump": _jump(search),
        "offers": words.offers(search, names),
        "searched": True,
    }
    return render(request, "probes/calls.html", context)


@require_GET
def export(request: ClientRequest, client: str, kind: str) -> HttpResponse | StreamingHttpResponse:
    """All calls that the address asks for as a file, of `kind` csv or parquet; the newest come first.

    503 while as many files are written as may be at once.
    """
    of, now = client_of(request), timezone.now()
    search = filters.read(request.GET.dict(), zone(of.time_zone), now)
    if search.mistakes:
        return redirect(_address(client, urlencode(search.given)))
    try:
        give_back = exports.PLACES.take(client)
    except exports.NoRoom:
        busy = render(request, "probes/calls_busy.html", {"query": search.query()}, status=503)
        busy["Retry-After"] = "30"
        return busy
    try:
        audit.note(request, What.EXPORT, client, kind=kind, query=search.query())
        name = f"calls-{client}-{now:%Y%m%dT%H%M%SZ}.{kind}"
        writer = WRITERS[kind]
        batches = (
            list(columns.rows(client, keys)) for keys in callsearch.every(client, search.criteria, exports.BATCH)
        )
        parts = writer.written(columns.columns(), exports.in_time(batches))
        answer = StreamingHttpResponse(exports.Export(parts, give_back, name), content_type=writer.CONTENT_TYPE)
    except BaseException:
        give_back()
        raise
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    # Else the proxy would take all of it in, however slowly it is read, and put it on its disk.
    answer["X-Accel-Buffering"] = "no"
    return answer


def _address(client: str, query: str) -> str:
    return reverse("probes:calls", args=(client,)) + (f"?{query}" if query else "")


def _found(client: str, search: Search) -> Found:
    backwards = search.before is not None
    beyond = search.before or search.after
    return callsearch.find(client, search.criteria, search.order, PAGE, beyond=beyond, backwards=backwards)


def _row(row: CallWithStreams, names: Mapping[str, str]) -> Row:
    return Row(
        call=row,
        outcome=health.outcome(row.call),
        not_counted=health.why_not_counted(row.call) if not row.call.valid else "",
        probe_name=names.get(row.call.probe, ""),
    )


def _paging(search: Search, found: Found) -> Paging:
    """Of the list in its order: what stands before this page, and what after it."""
    backwards = search.before is not None
    first = found.keys[0] if found.keys else None
    last = found.keys[-1] if found.keys else None
    on = found.stopped_at
    if backwards:
        before, after = (None if found.is_all else on or first), last or search.before
    else:
        before, after = (first or search.after if search.after else None), (None if found.is_all else on or last)
    labels = LABELS.get(search.order, ("Previous page", "Next page"))
    places = _place(search, "before", before), _place(search, "after", after)
    return Paging(*places, *labels, on.started_at if on else None, places[0 if backwards else 1])


def _place(search: Search, name: str, key: Key | None) -> str:
    if key is None:
        return ""
    query = search.query()
    return f"{query}{'&' if query else ''}{urlencode({name: positions.written(key)})}"


def _headings(search: Search) -> dict[str, Heading]:
    """What the headings link to, and how the list is sorted now."""
    newest = search.order is Order.NEWEST
    by_time = "descending" if newest else "ascending" if search.order is Order.OLDEST else ""
    found = {"time": Heading(search.query(sort=Order.OLDEST if newest else ""), by_time)}
    for order, how in (
        (Order.WORST_MOS, "ascending"),
        (Order.MOST_LOSS, "descending"),
        (Order.LONGEST_DELAY, "descending"),
    ):
        is_now = search.order is order
        found[order.value] = Heading(search.query(sort="" if is_now else order), how if is_now else "")
    return found


def _jump(search: Search) -> Mapping[str, str]:
    """What a form that goes to a time has to keep of the search."""
    return {name: value for name, value in search.given.items() if name in filters.FIELDS}
