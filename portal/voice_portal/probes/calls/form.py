"""The form of a search for calls: its fields, with what stands in them and what is wrong there. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from voice_portal.cdr.callsearch import Order
from voice_portal.probes.calls import words
from voice_portal.probes.calls.filters import DEFAULT_RANGE, EVER, OUTCOMES, RANGES, Search

MOST_PROBES_IN_A_LIST = 200
"""Of more probes the list would be most of the page: then the name is typed."""

SORTS = {
    "": "Newest first",
    Order.OLDEST: "Oldest first",
    Order.WORST_MOS: "Worst MOS first",
    Order.MOST_LOSS: "Most loss first",
    Order.LONGEST_DELAY: "Longest post-dial delay first",
}


@dataclass(frozen=True)
class Field:
    """A field to write into; `mode` is the keyboard that a telephone shows (HTML inputmode)."""

    name: str
    label: str
    value: str = ""
    mistake: str = ""
    hint: str = ""
    type: str = "text"
    mode: str = ""


@dataclass(frozen=True)
class Choice:
    """A field to choose from: name and words of each."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    value: str = ""
    mistake: str = ""


@dataclass(frozen=True)
class Range:
    """A link to the same search over another time."""

    label: str
    query: str
    is_now: bool


@dataclass(frozen=True)
class Form:
    """All fields. `is_open`: something is set, or wrong, among those that are shown on request."""

    ranges: Sequence[Range]
    choices: Sequence[Choice]
    fields: Sequence[Field]
    more: Sequence[Field]
    is_counted: bool
    is_open: bool


def form(search: Search, probes: Sequence[tuple[str, str]]) -> Form:
    """The form as `search` fills it; `probes` are those that can be chosen."""
    given, wrong = search.given, search.mistakes

    def field(name: str, label: str, hint: str = "", kind: str = "text", mode: str = "") -> Field:
        return Field(name, label, given.get(name, ""), wrong.get(name, ""), hint, _kind(kind, wrong.get(name)), mode)

    def choice(name: str, label: str, options: Sequence[tuple[str, str]]) -> Choice:
        return Choice(name, label, options, given.get(name, ""), wrong.get(name, ""))

    is_listed = len(probes) <= MOST_PROBES_IN_A_LIST
    choices = [
        choice("outcome", "Outcome", [("", "Any"), *OUTCOMES.items()]),
        choice("sort", "Sorted", list(SORTS.items())),
    ]
    if is_listed:
        choices.insert(0, choice("probe", "Probe", [("", "All"), *_choosable(probes, given.get("probe", ""))]))
    more = [
        field("from", "From", kind="datetime-local"),
        field("to", "To (before)", kind="datetime-local"),
        field("code", "SIP code", "486", mode="numeric"),
        field("mos_below", "MOS below", "3.6", mode="decimal"),
        field("mos_from", "MOS at least", "4.0", mode="decimal"),
        field("loss_above", "Loss above, %", "0.5", mode="decimal"),
        field("call_id", "Call-ID"),
    ]
    return Form(
        ranges=_ranges(search),
        choices=choices,
        fields=[
            *([] if is_listed else [field("probe", "Probe", "its name")]),
            field("number", "Number", "+44 20 7183"),
        ],
        more=more,
        is_counted="counted" in given,
        is_open="counted" in given or any(one.value for one in more),
    )


def _kind(kind: str, mistake: str | None) -> str:
    """A field for a time shows nothing that is no time: what was written must not be lost."""
    return "text" if mistake else kind


def _choosable(probes: Sequence[tuple[str, str]], asked: str) -> Sequence[tuple[str, str]]:
    gone = asked and asked not in dict(probes)
    return [*probes, (asked, f"{asked} (no longer declared)")] if gone else probes


def _ranges(search: Search) -> list[Range]:
    given = search.given
    chosen = "" if {"from", "to"} & given.keys() else given.get("range", DEFAULT_RANGE)
    times = {"from": "", "to": ""}
    return [
        Range(words.RANGE_LABELS[name], search.query(range=name, **times), name == chosen) for name in (*RANGES, EVER)
    ]
