"""Label sets of a rule over time: `for`, missing series, no data, errors, pauses, deletions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.grafana_stand_in.alert_world import expression, rule, sql
from voice_lab.grafana_stand_in.alerting.expressions import Result, State
from voice_lab.grafana_stand_in.alerting.states import REASON, Alert, Instances, Rule, step, stopped

NO_ROWS: list[Result] = []
BROKEN = [Result("Error", {}, error="failed", origin={"ref_id": "A", "datasource_uid": "voice-cdr"})]


def found(*probes: str, state: State = "Alerting") -> list[Result]:
    return [Result(state, {"probe": probe}, {"A": 1.0}) for probe in probes]


class Life:
    """A rule that is evaluated every minute."""

    def __init__(self, **rest: object) -> None:
        self.rule = Rule(1, rule("r", sql("A"), expression("C"), **rest), "Voice", 60)
        self.instances: Instances = {}
        self.now = 0.0

    def next(self, results: list[Result]) -> list[Alert]:
        self.now += 60
        self.instances, told = step(self.rule, self.instances, results, self.now)
        return told

    def states(self) -> list[str]:
        return [one.state for one in self.instances.values()]


def brief(alerts: list[Alert]) -> list[tuple[str, str, float | None, str]]:
    return [(a.labels["alertname"], a.labels.get("probe", ""), a.ends, a.annotations.get(REASON, "")) for a in alerts]


def test_without_for_it_fires_at_once_and_since_then() -> None:
    life = Life()
    assert brief(life.next(found("p1"))) == [("r", "p1", None, "")]
    assert [one.starts for one in life.next(found("p1"))] == [60]


def test_with_for_it_is_pending_first_and_starts_when_it_fires() -> None:
    life = Life(**{"for": "2m"})
    assert [life.next(found("p1")), life.next(found("p1"))] == [[], []]
    assert life.states() == ["Pending"]
    assert [one.starts for one in life.next(found("p1"))] == [180]


def test_what_is_well_again_meanwhile_begins_anew() -> None:
    life = Life(**{"for": "1m"})
    life.next(found("p1"))
    assert life.next(found("p1", state="Normal")) == []
    assert life.next(found("p1")) == []
    assert life.states() == ["Pending"]


def test_a_label_set_that_is_well_again_is_resolved_from_its_beginning_on() -> None:
    life = Life()
    life.next(found("p1"))
    (alert,) = life.next(found("p1", state="Normal"))
    assert (alert.starts, alert.ends, alert.annotations) == (60, 120, {})
    assert life.next(found("p1", state="Normal")) == []


def test_a_label_set_missing_for_two_intervals_is_resolved_and_says_why() -> None:
    life = Life()
    life.next(found("p1", "p2"))
    assert brief(life.next(found("p2"))) == [("r", "p2", None, "")]
    assert brief(life.next(found("p2"))) == [("r", "p2", None, ""), ("r", "p1", 180, "MissingSeries")]
    assert life.states() == ["Alerting"]


def test_no_rows_at_all_are_well_and_the_old_ones_are_missing() -> None:
    life = Life()
    life.next(found("p1"))
    assert life.next(NO_ROWS) == []
    assert brief(life.next(NO_ROWS)) == [("r", "p1", 180, "MissingSeries")]
    assert life.states() == []


def test_an_error_is_an_alert_of_its_own_and_ends_with_it() -> None:
    life = Life(
        labels={"severity": "critical"}, annotations={"summary": "{{ if $labels.probe }}x{{ else }}none{{ end }}"}
    )
    (alert,) = life.next(BROKEN)
    own = {"alertname": "DatasourceError", "rulename": "r", "ref_id": "A", "datasource_uid": "voice-cdr"}
    added = {"severity": "critical", "grafana_folder": "Voice", "__alert_rule_uid__": "r"}
    assert alert.labels == own | added
    assert alert.annotations == {"Error": "failed", "summary": "none"}
    assert brief(life.next(BROKEN)) == [("DatasourceError", "", None, "")]
    life.next(NO_ROWS)
    assert brief(life.next(NO_ROWS)) == [("DatasourceError", "", 240, "MissingSeries")]


def test_an_error_of_a_rule_without_labels_gives_way_to_its_alert() -> None:
    life = Life()
    life.next(BROKEN)
    assert brief(life.next([Result("Alerting", {})])) == [("r", "", None, ""), ("DatasourceError", "", 120, "")]


def test_alerts_outlast_an_error_by_two_intervals() -> None:
    life = Life()
    life.next(found("p1"))
    life.next(BROKEN)
    assert ("r", "p1", 180, "MissingSeries") in brief(life.next(BROKEN))


def test_what_fires_is_resolved_when_its_rule_stops() -> None:
    life = Life()
    life.next([*found("p1"), *found("p2", state="Normal")])
    assert brief([*stopped(life.instances.values(), 70, "Paused")]) == [("r", "p1", 70, "Paused")]


def test_labels_of_the_rule_and_of_grafana_overrule_those_of_a_row() -> None:
    labels = {"probe": "p1", "client": "evil", "alertname": "evil", "__alert_rule_uid__": "evil", "empty": ""}
    life = Life(labels={"client": "{{ $labels.probe }}s"}, annotations={"gone": "{{ if $labels.no }}x{{ end }}"})
    (alert,) = life.next([Result("Alerting", labels)])
    assert alert.labels == {
        "probe": "p1", "client": "p1s", "alertname": "r", "grafana_folder": "Voice", "__alert_rule_uid__": "r",
    }  # fmt: skip
    assert alert.annotations == {}


@given(st.lists(st.sampled_from(["fires", "well", "missing"]), max_size=20))
def test_whatever_happens_what_was_told_to_fire_is_told_to_have_ended_once(events: list[str]) -> None:
    life, is_told = Life(), False
    for event in [*events, "missing", "missing"]:
        results = [] if event == "missing" else found("p1", state="Alerting" if event == "fires" else "Normal")
        for alert in life.next(results):
            assert is_told or alert.ends is None
            is_told = alert.ends is None
    assert not is_told
    assert not life.instances


def test_the_fingerprint_is_that_of_prometheus() -> None:
    """As a Grafana was seen to compute it."""
    labels = {"alertname": "MOS warning", "client": "c", "dashboard": "vp-1", "grafana_folder": "Voice", "kind": "mos"}
    rest = {"probe": "fax", "probe_name": "Fax", "severity": "warning", "__alert_rule_uid__": "voice-mos-warning"}
    assert Alert(labels | rest, {}, 0).fingerprint == "af4b13d6c93081b1"
