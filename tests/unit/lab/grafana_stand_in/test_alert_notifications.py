"""When who is told what: waits, repetitions, failures, changed policies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.lab.grafana_stand_in.alert_world import ORG, World, policy, rule, table
from voice_lab.grafana_stand_in.notifications import BORN_POLICY

GAP = 30


def probes(*names: str) -> object:
    return table("probe value", *((name, 1) for name in names))


def fires(*names: str, **rest: object) -> World:
    """A world in which these probes have fired, and that was told of."""
    world = World(rule("r"), **rest)
    world.answers["A"] = probes(*names)
    world.pass_time(40)
    return world


def test_alerts_of_one_evaluation_come_in_one_message() -> None:
    (sent,) = fires("p1", "p2").sent
    assert sent.alerts() == [("firing", "p1"), ("firing", "p2")]


def test_a_new_alert_is_told_with_the_others_at_the_groups_next_interval() -> None:
    world = fires("p1")
    world.answers["A"] = probes("p1", "p2")
    (sent,) = world.pass_time(60)
    assert sent.alerts() == [("firing", "p1"), ("firing", "p2")]
    assert sent.at - world.sent[0].at == GAP


def test_what_is_over_is_told_once_and_a_new_start_waits_as_the_first() -> None:
    world = fires("p1")
    world.answers["A"] = probes()
    (sent,) = world.pass_time(90)
    assert sent.alerts() == [("resolved", "p1")]
    assert world.pass_time(600) == []
    world.answers["A"] = probes("p1")
    began = world.now
    (sent,) = world.pass_time(60)
    assert sent.alerts() == [("firing", "p1")]
    assert 10 <= sent.at - began <= 25


def test_one_of_two_is_over() -> None:
    world = fires("p1", "p2")
    world.answers["A"] = probes("p2")
    (sent,) = world.pass_time(120)
    assert sent.alerts() == [("resolved", "p1"), ("firing", "p2")]
    assert sent.body["title"] == "[FIRING:1, RESOLVED:1] r (Voice)"
    assert (sent.body["status"], sent.body["state"]) == ("firing", "alerting")


def test_another_value_of_what_fires_is_not_told() -> None:
    world = fires("p1")
    world.answers["A"] = table("probe value", ("p1", 99))
    assert world.pass_time(600) == []


def test_what_stays_as_it_is_is_told_again_after_the_repeat_interval() -> None:
    world = fires("p1", tree=policy(repeat_interval="5m"))
    first = world.sent[0].at
    assert [sent.at - first for sent in world.pass_time(700)] == [330, 660]


def test_a_contact_point_that_does_not_want_to_know_of_the_end_is_not_told() -> None:
    world = World(rule("r"))
    world.contact("noc", disableResolveMessage=True)
    world.answers["A"] = probes("p1", "p2")
    world.pass_time(40)
    world.answers["A"] = probes("p1")
    world.pass_time(120)
    world.answers["A"] = probes()
    world.pass_time(120)
    assert [sent.alerts() for sent in world.sent] == [[("firing", "p1"), ("firing", "p2")]]
    world.answers["A"] = probes("p2")
    assert [sent.alerts() for sent in world.pass_time(60)] == [[("firing", "p2")]]


def test_what_could_not_be_sent_is_tried_again_after_the_groups_interval_also_that_it_is_over() -> None:
    world = World(rule("r"))
    world.reachable = lambda _: False
    world.answers["A"] = probes("p1")
    world.pass_time(60)
    world.reachable = lambda _: True
    (sent,) = world.pass_time(60)
    world.reachable = lambda _: False
    world.answers["A"] = probes()
    world.pass_time(90)
    world.reachable = lambda _: True
    (over,) = world.pass_time(60)
    assert (sent.alerts(), over.alerts()) == ([("firing", "p1")], [("resolved", "p1")])


def test_one_of_two_integrations_that_fails_is_told_of_the_end_later_and_the_other_not_again() -> None:
    world = World(rule("r"))
    world.contact("second", name="noc")
    world.answers["A"] = probes("p1")
    world.pass_time(60)
    assert [sent.to for sent in world.sent] == ["noc", "second"]
    world.reachable = lambda to: to == "noc"
    world.answers["A"] = probes()
    assert [sent.to for sent in world.pass_time(300)] == ["noc"]
    world.reachable = lambda _: True
    (late,) = world.pass_time(60)
    assert (late.to, late.alerts()) == ("second", [("resolved", "p1")])
    assert world.pass_time(300) == []


def test_a_rule_that_is_paused_or_deleted_resolves_and_says_why() -> None:
    world = World(rule("a"), rule("b"))
    world.answers["A"] = probes("p1")
    world.pass_time(40)
    world.write(rule("a", isPaused=True))
    world.state.drop("rule", ORG, "b")
    sent = world.pass_time(60)
    reasons = {one.body["groupLabels"]["alertname"]: one.body["commonAnnotations"] for one in sent}
    assert reasons == {"a": {"grafana_state_reason": "Paused"}, "b": {"grafana_state_reason": "RuleDeleted"}}
    assert world.states() == []


def test_a_rule_that_is_edited_goes_on() -> None:
    world = fires("p1")
    world.write(rule("r", annotations={"summary": "new"}))
    assert world.pass_time(120) == []
    assert world.states() == ["Alerting"]


def test_changed_policies_are_followed_at_once_without_repeating() -> None:
    world = fires("p1")
    world.contact("other")
    world.state.put(
        "policy", ORG, "", policy(routes=[{"receiver": "other", "object_matchers": [["probe", "=", "p1"]]}])
    )
    assert [sent.to for sent in world.pass_time(5)] == ["other"]
    world.state.put("policy", ORG, "", policy())
    assert world.pass_time(300) == [], "the first contact point knows"


def test_a_changed_contact_point_is_told_from_then_on() -> None:
    world = fires("p1")
    world.state.drop("contact", ORG, "noc")
    world.contact("noc-2", name="noc")
    assert world.pass_time(60) == []
    world.answers["A"] = probes()
    assert [sent.alerts() for sent in world.pass_time(90)] == [[("resolved", "p1")]]


def test_the_born_policy_mails_to_its_example_address() -> None:
    world = fires("p1", tree={**BORN_POLICY, "group_wait": "10s"})
    (sent,) = world.sent
    assert (sent.to, sent.body["receiver"]) == ("email receiver", "grafana-default-email")


def test_nobody_is_told_of_an_organisation_that_is_gone() -> None:
    world = fires("p1")
    for kind in ("org", "rule", "policy", "contact", "folder", "group"):
        world.state.drop_all(kind)
    assert world.pass_time(600) == []


def test_a_restart_forgets_and_tells_anew() -> None:
    world = fires("p1")
    again = World(rule("r"))
    again.answers = world.answers
    assert len(again.pass_time(40)) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.sampled_from(["p1", "p2", "p3"])), min_size=1, max_size=8))
def test_whatever_comes_and_goes_in_the_end_everybody_knows_how_it_is(phases: list[set[str]]) -> None:
    world = World(rule("r"))
    for phase in phases:
        world.answers["A"] = probes(*sorted(phase))
        world.pass_time(25)
    world.pass_time(120)
    known: dict[str, str] = {}
    for sent in world.sent:
        assert any(known.get(probe) != status for status, probe in sent.alerts()), "it said something new"
        known |= {probe: status for status, probe in sent.alerts()}
    assert {probe for probe, status in known.items() if status == "firing"} == phases[-1]
