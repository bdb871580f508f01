"""When a contact point is told: alerts wait in groups, and what a contact point knows already is not told again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from voice_lab.grafana_stand_in.alerting.expressions import Labels
from voice_lab.grafana_stand_in.alerting.messages import payload
from voice_lab.grafana_stand_in.alerting.routing import Route, is_muted, quoted, root
from voice_lab.grafana_stand_in.alerting.states import Alert
from voice_lab.grafana_stand_in.notifications import BORN_CONTACT, BORN_POLICY
from voice_lab.grafana_stand_in.state import Document

Documents = Callable[[str], Sequence[Document]]
"""Gives the organisation's documents of a kind."""
_Slot = tuple[str, str, int]
"""A group as one contact point is told of it, by what stays the same when policies are written anew."""


@dataclass
class Group:
    """Alerts that are told of together, and when the next time is.

    Attributes:
        flushed: whether that time has come before.
        open: messages that are under way.
        failed: whether one of the last could not be sent.
    """

    route: Route
    labels: Labels
    due: float
    alerts: dict[str, Alert] = field(default_factory=dict)
    flushed: bool = False
    open: int = 0
    failed: bool = False

    @property
    def key(self) -> str:
        """What Alertmanager calls it."""
        return f"{self.route.key}:{{{', '.join(f'{name}={quoted(value)}' for name, value in self.labels.items())}}}"

    def forget(self, told: Sequence[Alert]) -> None:
        """Let go of those that are resolved, unless they have changed since they were told of."""
        self.alerts = {key: one for key, one in self.alerts.items() if one.ends is None or one not in told}


@dataclass(frozen=True)
class Message:
    """Something to be sent to a contact point: `body`, about the alerts of a group."""

    contact: Document
    body: Document
    group: Group
    slot: _Slot
    alerts: Sequence[Alert]


@dataclass(frozen=True)
class _Known:
    """What a contact point was told of a group, and when."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: float

    def suffices(self, news: _Known, repeat: float, *, tells_resolved: bool) -> bool:
        """Whether nothing need be said of how it is now."""
        if not news.firing:
            return not self.firing
        is_old = news.firing <= self.firing and (not tells_resolved or news.resolved <= self.resolved)
        return is_old and news.at - self.at <= repeat


class Notifier:
    """The alerts of one organisation on their way."""

    def __init__(self, org: int, root_url: str) -> None:
        self._org, self._root_url = org, root_url
        self._policy: Document = {}
        self._root = root(self._policy)
        self._groups: dict[tuple[Route, tuple[str, ...]], Group] = {}
        self._told: dict[_Slot, _Known] = {}

    def use(self, policy: Document, now: float) -> None:
        """Follow these policies from now on. If they are others than before, all alerts are grouped anew."""
        if policy == self._policy:
            return
        alerts = [alert for group in self._groups.values() for alert in group.alerts.values()]
        self._policy, self._root, self._groups = policy, root(policy), {}
        self.put(alerts, now)

    def put(self, alerts: Iterable[Alert], now: float) -> None:
        """Take up alerts that fire or are resolved."""
        for alert in alerts:
            for route in self._root.matching(alert.labels):
                labels = route.group(alert.labels)
                new = Group(route, labels, now + route.wait)
                group = self._groups.setdefault((route, tuple(labels.values())), new)
                group.alerts[alert.fingerprint] = alert
                if not group.flushed and alert.starts + route.wait < now:
                    group.due = now

    def due(self, now: float, documents: Documents) -> list[Message]:
        """The messages whose time has come."""
        ready = [group for group in self._groups.values() if group.due <= now and not group.open]
        if not ready:
            return []
        contacts, timings = [BORN_CONTACT, *documents("contact")], documents("timing")
        messages = []
        for group in ready:
            group.due, group.flushed, group.failed = now + group.route.interval, True, False
            found = [] if is_muted(group.route, timings, now) else self._messages(group, contacts, now)
            group.open = len(found)
            if not found:
                group.forget([*group.alerts.values()])
            messages += found
        self._sweep()
        return messages

    def settle(self, message: Message, now: float, *, delivered: bool) -> None:
        """Take note of what became of a message. One that could not be sent is due again after the group's interval."""
        group = message.group
        group.open -= 1
        group.failed |= not delivered
        if delivered:
            self._told[message.slot] = _known(message.alerts, now)
        if not group.open and not group.failed:
            group.forget(message.alerts)
            self._sweep()

    def _sweep(self) -> None:
        self._groups = {key: group for key, group in self._groups.items() if group.alerts}

    def _messages(self, group: Group, contacts: Sequence[Document], now: float) -> list[Message]:
        """What must be said of a group, to each contact point of the policy's name."""
        receiver, alerts = group.route.receiver, sorted(group.alerts.values(), key=_order)
        name = BORN_CONTACT["name"] if receiver == BORN_POLICY["receiver"] else receiver
        found = []
        for index, contact in enumerate(one for one in contacts if one["name"] == name):
            slot, news = (group.key, receiver, index), _known(alerts, now)
            tells_resolved = not contact.get("disableResolveMessage")
            known = self._told.get(slot, _Known(frozenset(), frozenset(), now))
            if known.suffices(news, group.route.repeat, tells_resolved=tells_resolved):
                continue
            if shown := [alert for alert in alerts if tells_resolved or alert.ends is None]:
                body = payload(self._org, receiver, (group.key, group.labels), shown, self._root_url)
                found.append(Message(contact, body, group, slot, alerts))
            else:
                self._told[slot] = news
        return found


def _order(alert: Alert) -> tuple[int, list[tuple[str, str]]]:
    return len(alert.labels), sorted(alert.labels.items())


def _known(alerts: Sequence[Alert], at: float) -> _Known:
    firing = frozenset(alert.fingerprint for alert in alerts if alert.ends is None)
    return _Known(firing, frozenset(alert.fingerprint for alert in alerts) - firing, at)
