"""Tell faults to a person: what is wrong first, then what follows of it, a line for each cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from voice_cdk.judge.keys import Fault

SURPLUS = "unused "
"""Kinds of faults that begin so follow from others: where flows don't pass, what they took serves nobody."""
FEW = 3


def folded(faults: Iterable[Fault]) -> Iterator[str]:
    """A line for each cause: what is alike, and flows that one resource keeps back or lets pass, are one line."""
    found = list(dict.fromkeys(faults))
    flows: dict[tuple[str, bool], list[Fault]] = defaultdict(list)
    alike: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    surplus = [fault for fault in found if fault.kind.startswith(SURPLUS)]
    for fault in found:
        if fault.destination:
            flows[fault.resource, fault.kind == "open"].append(fault)
        elif not fault.kind.startswith(SURPLUS):
            alike[fault.kind, fault.reason].append(fault)
    for several in alike.values():
        yield f"{several[0]}{_same(several)}"
    for together in flows.values():
        yield f"{together[0]}{_more(together)}"
    if not flows:
        yield from map(str, surplus)
    elif surplus:
        yield f"{surplus[0]}{_others(surplus)}: see to the flows above first"


def _same(faults: list[Fault]) -> str:
    """Of which other resources the same is to be said."""
    others = {fault.resource for fault in faults[1:]}
    return f" … and the same of {_listed(others)}" if others else ""


def _more(flows: list[Fault]) -> str:
    """How many flows have the same cause, whose they are, and where."""
    if len(flows) == 1:
        return ""
    who = _listed({fault.source for fault in flows[1:]})
    where = ", ".join(sorted({fault.zone for fault in flows[1:] if fault.zone}))
    return f" … and {len(flows) - 1} flow{'s' * (len(flows) > 2)} more: {who}{f' ({where})' if where else ''}"


def _others(surplus: list[Fault]) -> str:
    return f" … and {len(surplus) - 1} more that serve nobody" if len(surplus) > 1 else ""


def _listed(names: set[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:FEW]) + (f" and {len(some) - FEW} others" if len(some) > FEW else "")
