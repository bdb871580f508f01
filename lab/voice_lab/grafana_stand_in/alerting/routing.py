"""Which contact point an alert goes to, and with which others: the tree of notification policies; mute timings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from voice_lab.grafana_stand_in.durations import seconds
from voice_lab.grafana_stand_in.state import Document

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass(frozen=True)
class Matcher:
    """A condition on a label; one that is absent is empty."""

    label: str
    operator: str
    value: str

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy it."""
        found = labels.get(self.label, "")
        hit = re.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return hit != self.operator.startswith("!")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quoted(self.value)}"


def quoted(text: str) -> str:
    """A text as Go writes it in quotation marks."""
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True, eq=False)
class Route:
    """One policy, with what it has from those above it. Times are in seconds; `key` is as Alertmanager writes it."""

    key: str
    receiver: str
    group_by: Sequence[str]
    wait: float
    interval: float
    repeat: float
    matchers: Sequence[Matcher]
    proceeds: bool
    mutes: Sequence[str]
    routes: Sequence[Route]

    def matching(self, labels: Mapping[str, str]) -> Iterator[Route]:
        """The policies that an alert goes to: the deepest that match, and of siblings the first, or more."""
        if not all(matcher.accepts(labels) for matcher in self.matchers):
            return
        below = False
        for child in self.routes:
            if found := list(child.matching(labels)):
                yield from found
                below = True
                if not child.proceeds:
                    break
        if not below:
            yield self

    def group(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that an alert shares with all that are told of in one message."""
        return {name: labels[name] for name in sorted(labels) if name in self.group_by}


_DEFAULTS = Route("", "", (), 30, 300, 14400, (), proceeds=False, mutes=(), routes=())


def root(policy: Document, above: Route = _DEFAULTS) -> Route:
    """The root of stored policies, as they are used; `above` is the one that a policy is below."""
    matchers = sorted((Matcher(*one) for one in policy.get("object_matchers") or ()), key=str)
    times = {"wait": "group_wait", "interval": "group_interval", "repeat": "repeat_interval"}
    route = Route(
        key=f"{above.key}{'/' if above.key else ''}{{{','.join(map(str, matchers))}}}",
        receiver=policy.get("receiver") or above.receiver,
        group_by=tuple(policy.get("group_by") or above.group_by),
        **{mine: seconds(policy[name]) if policy.get(name) else getattr(above, mine) for mine, name in times.items()},
        matchers=matchers,
        proceeds=bool(policy.get("continue")),
        mutes=tuple(policy.get("mute_time_intervals") or ()),
        routes=[],
    )
    return replace(route, routes=[root(child, route) for child in policy.get("routes") or ()])


def is_muted(route: Route, timings: Sequence[Document], now: float) -> bool:
    """Whether one of a policy's mute timings lasts."""
    mine = [timing for timing in timings if timing["name"] in route.mutes]
    moment = datetime.fromtimestamp(now, UTC)
    return any(_holds(interval, moment) for timing in mine for interval in timing["time_intervals"])


def _holds(interval: Document, moment: datetime) -> bool:
    """Whether an interval has begun and not ended. One of days of the month, months or years is taken for over."""
    if set(interval) - {"times", "weekdays"}:
        return False
    times, days = interval.get("times"), interval.get("weekdays")
    day, minute = moment.isoweekday() % 7, moment.strftime("%H:%M")
    on_time = not times or any(one.get("start_time", "") <= minute < one.get("end_time", "") for one in times)
    return on_time and (not days or any(_spans(text, day) for text in days))


def _spans(days: str, day: int) -> bool:
    first, _, last = days.partition(":")
    ends = [_DAYS.index(name) for name in (first, last or first) if name in _DAYS]
    return len(ends) == 2 and ends[0] <= day <= ends[1]
