"""A search for calls in words, and the offers of a page that found nothing. No I/O."""

import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from voice_portal.probes.calls.filters import DEFAULT_RANGE, EVER, OUTCOMES, RANGES, UNANSWERED, Search
from voice_portal.probes.health import number

SPANS = {"1h": "hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "31d": "31 days"}
RANGE_LABELS = {**{name: name for name in SPANS}, EVER: "any time"}


@dataclass(frozen=True)
class Offer:
    """A link to a wider search: what it does, and the query of its address."""

    label: str
    query: str


def told(search: Search, zone: zoneinfo.ZoneInfo, names: Mapping[str, str]) -> str:
    """What is looked for: `of Inbound sales, in the last 24 hours, with a MOS below 3.6`. `names` of probes."""
    parts = [_time(search, zone), *_parts(search, names)]
    return ", ".join(part for part in parts if part)


def offers(search: Search, names: Mapping[str, str]) -> list[Offer]:
    """Wider searches: over more time, and each with one condition less."""
    found = []
    if "from" in search.given or "to" in search.given:
        found.append(Offer("at any time", search.query(**{"from": "", "to": "", "range": EVER})))
    else:
        chosen = search.given.get("range", DEFAULT_RANGE)
        wider = [span for span in RANGES if chosen in RANGES and RANGES[span] > RANGES[chosen]]
        found += [Offer(f"in the last {SPANS[span]}", search.query(range=span)) for span in wider]
        if chosen != EVER and search.order.is_by_time:
            found.append(Offer("at any time", search.query(range=EVER)))
    conditions = {name: text for name, text in _conditions(search, names) if text}
    return found + [Offer(f"not only {text}", search.query(**{name: ""})) for name, text in conditions.items()]


def _time(search: Search, zone: zoneinfo.ZoneInfo) -> str:
    start, end = search.criteria.start, search.criteria.end
    if "from" in search.given or "to" in search.given:
        since = f"from {_moment(start, zone)}" if start else ""
        until = f"before {_moment(end, zone)}" if end else ""
        return f"{since} {until}".strip()
    chosen = search.given.get("range", DEFAULT_RANGE)
    return f"in the last {SPANS[chosen]}" if chosen in SPANS else "at any time"


def _parts(search: Search, names: Mapping[str, str]) -> Iterator[str]:
    for _, text in _conditions(search, names):
        yield text


def _conditions(search: Search, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each condition beside the time: the field, and its words; empty where nothing is asked for."""
    given, criteria = search.given, search.criteria
    yield "probe", f"of {names.get(criteria.probe, criteria.probe)}" if criteria.probe else ""
    outcome = given.get("outcome", "")
    yield "outcome", _outcome(outcome) if criteria.dispositions else ""
    yield "code", f"with SIP code {criteria.sip_code}" if criteria.sip_code else ""
    yield "mos_below", f"with a MOS below {number(criteria.mos_below)}" if criteria.mos_below is not None else ""
    yield "mos_from", f"with a MOS of {number(criteria.mos_from)} or more" if criteria.mos_from is not None else ""
    loss = criteria.loss_above
    yield "loss_above", f"with more than {number(loss)} % lost" if loss is not None else ""
    yield "number", f"with “{criteria.number}” in an address" if criteria.number else ""
    yield "call_id", f"with Call-ID {criteria.call_id}" if criteria.call_id else ""
    yield "counted", "that count" if criteria.only_valid else ""


def _outcome(outcome: str) -> str:
    return "that were not answered" if outcome == UNANSWERED else f"that ended as “{OUTCOMES.get(outcome, outcome)}”"


def _moment(at: datetime, zone: zoneinfo.ZoneInfo) -> str:
    local = at.astimezone(zone)
    exact = "%d %b %Y %H:%M:%S" if local.second else "%d %b %Y %H:%M"
    return local.strftime(exact).lstrip("0")


def narrower(search: Search) -> list[Offer]:
    """Searches that take less time: over less of it, or in the order in which the server keeps calls."""
    chosen = search.given.get("range", DEFAULT_RANGE)
    times = {"from": "", "to": ""}
    longest = RANGES.get(chosen)
    shorter = [span for span in reversed(RANGES) if longest is None or RANGES[span] < longest]
    found = [Offer(f"in the last {SPANS[span]}", search.query(range=span, **times)) for span in shorter]
    if not search.order.is_by_time:
        found.append(Offer("the newest first", search.query(sort="")))
    return found
