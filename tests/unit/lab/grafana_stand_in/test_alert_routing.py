"""Which policies an alert goes to, against a naive reading of the tree; groups; mute timings."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_lab.grafana_stand_in.alerting.routing import Route, is_muted, root
from voice_lab.grafana_stand_in.durations import seconds
from voiceprobe_operator.alerting import contacts
from voiceprobe_operator.receivers import Email, Receiver

Labels = dict[str, str]
labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2", "12"]))
matchers = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(["1", "1|2", ".+", "2"])
    ),
    max_size=2,
)


def policies(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    shape = {"object_matchers": matchers, "continue": st.booleans(), "routes": st.lists(children, max_size=3)}
    return st.fixed_dictionaries(shape)


trees = st.recursive(st.just({"routes": []}), policies, max_leaves=8)


def number(policy: dict[str, Any], path: str = "r") -> dict[str, Any]:
    """The same tree with a receiver of its own for each policy."""
    below = [number(child, f"{path}.{index}") for index, child in enumerate(policy.get("routes", ()))]
    return {**policy, "receiver": path, "routes": below}


def naive(policy: dict[str, Any], of: Labels) -> list[str]:
    tests = {
        "=": lambda found, value: found == value,
        "!=": lambda found, value: found != value,
        "=~": lambda found, value: re.fullmatch(value, found) is not None,
        "!~": lambda found, value: re.fullmatch(value, found) is None,
    }
    if not all(tests[sign](of.get(name, ""), value) for name, sign, value in policy.get("object_matchers", ())):
        return []
    told: list[str] = []
    for child in policy["routes"]:
        hit = naive(child, of)
        told += hit
        if hit and not child.get("continue"):
            break
    return told or [policy["receiver"]]


@given(trees, labels)
def test_an_alert_goes_where_a_naive_reading_says(policy: dict[str, Any], of: Labels) -> None:
    numbered = number(policy)
    assert [route.receiver for route in root(numbered).matching(of)] == naive(numbered, of)


def told(route: Route, of: Labels) -> list[str]:
    return [one.receiver for one in route.matching(of)]


def test_our_receivers_get_what_they_asked_for_and_nobody_else() -> None:
    both = Receiver("both", Email(("a@x",)))
    grave = Receiver("grave", Email(("b@x",)), ("critical",))
    ours = root(contacts.policy([both, grave], "root"))
    assert told(ours, {"alertname": "x", "severity": "critical"}) == ["voice: both", "voice: grave", "root"]
    assert told(ours, {"alertname": "x", "severity": "warning"}) == ["voice: both", "root"]
    *_, last = ours.matching({"alertname": "x", "severity": "none"})
    assert is_muted(last, [contacts.silence()], 0)
    assert not is_muted(next(ours.matching({"alertname": "x", "severity": "warning"})), [contacts.silence()], 0)


def test_keys_are_as_alertmanager_writes_them() -> None:
    child = {"object_matchers": [["severity", "=~", "warning|critical"], ["a", "!=", 'say "x"']]}
    assert [route.key for route in root({"routes": [child]}).matching({"severity": "warning"})] == [
        r'{}/{a!="say \"x\"",severity=~"warning|critical"}'
    ]


def test_times_and_grouping_are_inherited_and_have_defaults() -> None:
    top = root({"receiver": "r", "group_wait": "1m30s", "group_by": ["a"], "routes": [{"group_interval": "1d"}]})
    (child,) = top.matching({})
    assert (top.wait, top.interval, top.repeat) == (90, 300, 14400)
    assert (child.receiver, child.wait, child.interval, child.repeat) == ("r", 90, 86400, 14400)
    assert child.group({"a": "1", "b": "2"}) == {"a": "1"}


def test_durations() -> None:
    assert [seconds(text) for text in ("0s", "500ms", "1m30s", "1h", "1w")] == [0, 0.5, 90, 3600, 604800]


@pytest.mark.parametrize(
    ("interval", "muted"),
    [
        ({"times": [{"start_time": "00:00", "end_time": "24:00"}]}, True),
        ({"times": [{"start_time": "12:00", "end_time": "12:30"}]}, False),
        ({"times": [{"start_time": "12:30", "end_time": "12:31"}]}, True),
        ({"weekdays": ["monday:friday"]}, False),
        ({"weekdays": ["monday", "saturday:saturday"]}, True),
        ({"weekdays": ["sunday"], "times": [{"start_time": "00:00", "end_time": "24:00"}]}, False),
        ({}, True),
        ({"years": ["2026"]}, False),
        ({"weekdays": ["caturday"]}, False),
        ({"times": [{}]}, False),
    ],
)
def test_mute_timings(interval: dict[str, Any], muted: bool) -> None:
    now = datetime.fromisoformat("2026-11-28T12:30:59Z").timestamp()  # a Saturday
    timings = [{"name": "t", "time_intervals": [interval]}]
    assert is_muted(root({"mute_time_intervals": ["t"]}), timings, now) is muted
    assert not is_muted(root({"mute_time_intervals": ["other"]}), timings, now)
