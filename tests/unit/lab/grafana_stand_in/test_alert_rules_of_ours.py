"""The operator's own ten rules, receivers and policies, on rows that are made up; and messages as Grafana sent them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.lab.grafana_stand_in.alert_world import BEGIN, ORG, World, expression, policy, rule, sql, table
from voice_lab.grafana_stand_in.alerting.expressions import queries
from voiceprobe_operator.alerting import contacts
from voiceprobe_operator.alerting.rules import rules
from voiceprobe_operator.model import Client
from voiceprobe_operator.receivers import Email, Receiver, Webhook

RECORDED = {
    one["case"].partition(": ")[2][:17]: one["request"]["body"]
    for one in json.loads((Path(__file__).parent / "alert_messages.json").read_text())
    if one["method"] == "POST"
}
COLUMNS = "probe dashboard probe_name value"
DEAF = "the last one was answered, but speech did not arrive both ways"
HOSTILE = "{{ template }} ${HOME} <b>\n"


class Ours(World):
    """A client's organisation as the operator sets it up: each row a probe, with a value for A and one for B."""

    def __init__(self) -> None:
        told = [Receiver("noc", Webhook("http://x/")), Receiver("grave", Email(("a@x",)), ("critical",))]
        tree = contacts.policy(told, "grafana-default-email") | {"group_interval": "30s"}
        models = [one.model(Client("acme", "Acme Ltd"), "http://p") for one in rules()]
        super().__init__(*models, tree=tree)
        for receiver in told:
            point = contacts.contact_point(receiver, {}, "key").model()
            self.state.put("contact", ORG, point["uid"], {**point, "uid": receiver.name})
        self.state.put("timing", ORG, "voice-nobody", contacts.silence())
        self.sql = {model["uid"]: [query["model"]["rawSql"] for query in queries(model)] for model in models}

    def rows(self, uid: str, *values: tuple[float, ...], names: tuple[str, ...] = ("fax", "main")) -> None:
        """Each probe of `names` has these values: of A, and of B."""
        for index, text in enumerate(self.sql[uid]):
            found = [
                (name, f"vp-{name}", name.title(), value[index]) for name, value in zip(names, values, strict=False)
            ]
            self.answers[text] = table(COLUMNS, *found)


@pytest.mark.parametrize(
    ("uid", "values", "summary"),
    [
        ("voice-mos-warning", (3.25, 3.5), "fax: MOS is 3.25, below the warning threshold 3.50"),
        ("voice-mos-critical", (2.0, 3.0), "fax: MOS is 2.00, below the critical threshold 3.00"),
        ("voice-packet-loss-critical", (7.5, 2), "fax: Packet loss is 7.50 %, above the critical threshold 2.00 %"),
        ("voice-jitter-warning", (31.26, 20), "fax: Jitter is 31.3 ms, above the warning threshold 20.0 ms"),
        ("voice-post-dial-delay-warning", (40, 30), "fax: Post-dial delay is 40 ms, above the warning threshold 30 ms"),
        ("voice-late-media-critical", (4500, 3000), "fax: Late media is 4500 ms, above the critical threshold 3000 ms"),
        ("voice-calls-fail-critical", (486,), "fax: calls fail: the last one ended with SIP code 486"),
        ("voice-calls-fail-critical", (0,), "fax: calls fail: the last one got no answer"),
        ("voice-calls-fail-critical", (200,), f"fax: calls fail: {DEAF}"),
        ("voice-no-calls-critical", (95.4, 60), "fax: no call that counts for 95 minutes"),
    ],
)  # fmt: skip
def test_each_kind_of_trouble_is_told_and_that_it_is_over(uid: str, values: tuple[float, ...], summary: str) -> None:
    world = Ours()
    world.rows(uid, values)
    sent = world.pass_time(60)
    assert [one.to for one in sent] == ["noc", "grave"] if "critical" in uid else ["noc"]
    (alert,) = sent[0].body["alerts"]
    assert alert["annotations"]["summary"] == summary
    assert alert["annotations"]["dashboard"] == "http://p/c/acme/dashboards/vp-fax/"
    assert alert["annotations"]["portal"] == "http://p/c/acme/probes/fax/"
    assert alert["annotations"]["value"] == f"{values[0]:.3f}"
    assert ("threshold" in alert["annotations"]) == (len(values) == 2)
    assert alert["generatorURL"].endswith(f"/alerting/grafana/{uid}/view")
    world.answers.clear()
    over = world.pass_time(90)
    assert {one.body["status"] for one in over} == {"resolved"}
    assert len(over) == len(sent)
    assert world.pass_time(300) == []


def test_all_rules_have_a_case_of_their_kind() -> None:
    assert len(rules()) == 12


def test_one_message_tells_of_all_probes_in_the_same_trouble() -> None:
    world = Ours()
    world.rows("voice-mos-critical", (2, 3), (1, 3))
    sent = world.pass_time(60)
    assert {len(one.body["alerts"]) for one in sent} == {2}
    assert sent[0].body["title"] == "[FIRING:2] MOS critical (acme Voice mos critical)"


def test_what_is_not_passed_is_not_told() -> None:
    world = Ours()
    world.rows("voice-mos-critical", (3, 3))
    assert world.pass_time(120) == []


def test_each_query_is_asked_once_an_interval() -> None:
    world = Ours()
    world.pass_time(100)
    per_tick = sum(map(len, world.sql.values()))
    assert len(world.asked) == 9 * per_tick, "the first tick is the one after the start"
    assert len(set(world.asked)) == len(world.asked)


def test_a_database_that_does_not_answer_is_told_of_no_probe() -> None:
    world = Ours()
    world.answers[world.sql["voice-mos-critical"][0]] = {"error": "db query error: gone", "frames": []}
    sent = world.pass_time(60)
    assert [one.to for one in sent] == ["noc", "grave"]
    (alert,) = sent[0].body["alerts"]
    assert alert["labels"]["alertname"] == "DatasourceError"
    assert alert["labels"]["rulename"] == "MOS critical"
    assert "probe" not in alert["labels"]
    assert alert["annotations"] == {
        "Error": "failed to execute query A: db query error: gone",
        "summary": "About no probe. If this is an error, the database of the calls does not answer Grafana",
        "dashboard": "http://p/c/acme/dashboards/voice-overview/",
        "portal": "http://p/c/acme/",
    }
    assert (alert["values"], alert["valueString"]) == (None, "")
    world.answers.clear()
    assert {one.body["status"] for one in world.pass_time(90)} == {"resolved"}


def test_a_hostile_name_stays_data() -> None:
    world = Ours()
    world.rows("voice-calls-fail-critical", (486,), names=(HOSTILE,))
    (alert,) = world.pass_time(60)[0].body["alerts"]
    assert alert["labels"]["probe"] == HOSTILE
    assert alert["annotations"]["portal"] == f"http://p/c/acme/probes/{HOSTILE}/"
    assert alert["annotations"]["summary"].startswith(f"{HOSTILE}: calls fail")


@pytest.mark.parametrize("phase", range(10))
def test_a_row_is_told_of_in_time_and_its_end_at_the_groups_next_interval(phase: int) -> None:
    """Measured with an interval and a group_wait of 10 s: 15.5 to 25 s."""
    world = Ours()
    world.pass_time(20 + phase)
    world.rows("voice-calls-fail-critical", (486,))
    began = world.now
    sent = world.pass_time(60)
    assert 10 <= sent[0].at - began <= 25
    world.answers.clear()
    assert (world.pass_time(120)[0].at - sent[0].at) % 30 == 0


def recorded_rules() -> list[dict[str, Any]]:
    """The rules of the Grafana that was recorded."""
    of_probe = "{{{{ if $labels.probe }}}}{}{{{{ else }}}}{}{{{{ end }}}}".format
    annotations = {
        "summary": of_probe('{{ $labels.probe }}: value is {{ printf "%.2f" $values.A.Value }}', "no probe"),
        "description": of_probe("d", ""),
        "dashboard": f"http://p/grafana/d/{of_probe('{{ $labels.dashboard }}', 'voice-overview')}",
        "portal": f"http://p/{of_probe('probes/{{ $labels.probe }}/', '')}",
        "value": of_probe('{{ printf "%.3f" $values.A.Value }}', ""),
    }
    shapes = [
        ("voice-mos-warning", "MOS warning", ["A", "B"], "$A < $B", "mos", "warning"),
        ("voice-calls-fail", "Calls fail", ["F"], "$A >= 0", "calls-fail", "critical"),
        ("voice-err", "Broken", ["E"], "$A > 0", "err", "critical"),
    ]
    return [
        rule(
            uid,
            *({**sql(text), "refId": ref} for ref, text in zip("AB", texts, strict=False)),
            expression("C", type="math", expression=condition),
            title=title,
            labels={"client": "c", "kind": kind, "severity": severity},
            annotations=annotations,
        )
        for uid, title, texts, condition, kind, severity in shapes
    ]


@pytest.fixture(scope="module")
def messages() -> dict[str, dict[str, Any]]:
    """What the stand-in sends of the same rules and rows at the same times, by the beginning of the title."""
    route = {"receiver": "voice: noc", "object_matchers": [["severity", "=~", "warning|critical"]]}
    world = World(*recorded_rules(), tree=policy(routes=[route]))
    world.contact("voice: noc")
    world.answers |= {
        "A": table(COLUMNS, ("fax", "vp-1", "Fax", 3.25)),
        "B": table(COLUMNS, ("fax", "vp-1", "Fax", 4)),
        "F": table(COLUMNS, ("fax", "vp-1", "Fax    template", 486), ("p2", "vp-2", "P2", 200)),
    }
    world.now = BEGIN + 15
    world.pass_time(100)  # the last evaluation with rows is at 18:37:50
    world.answers.clear()
    world.pass_time(55)
    world.answers["E"] = {"error": "db query error: Error 1146: Table 'voice.nosuch' doesn't exist"}
    world.pass_time(60)
    return {sent.body["title"][:17]: sent.body for sent in world.sent}


def same(found: Any, recorded: Any) -> bool:
    """Whether they are equal; of a text that was cut, what is left of it and the length count."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        return found.keys() == recorded.keys() and all(same(found[name], recorded[name]) for name in found)
    if isinstance(recorded, list) and isinstance(found, list):
        return len(found) == len(recorded) and all(map(same, found, recorded))
    if isinstance(recorded, str) and (cut := re.fullmatch(r"(.*)…<(\d+) chars>", recorded, re.DOTALL)):
        return found.startswith(cut[1]) and len(found) == int(cut[2])
    return bool(found == recorded)


@pytest.mark.parametrize("title", RECORDED)
def test_a_webhook_is_sent_what_grafana_was_seen_to_send(messages: dict[str, Any], title: str) -> None:
    found, recorded = messages[title], RECORDED[title]
    assert found.keys() == recorded.keys()
    for one, other in zip(found["alerts"], recorded["alerts"], strict=True):
        # Grafana writes the queries in any order.
        texts = one.pop("valueString"), other.pop("valueString")
        assert set(texts[1].partition("…")[0].split("], ")[:-1]) <= {*texts[0].split("], ")}
        assert len(texts[0]) == int((re.findall(r"…<(\d+) chars>", texts[1]) or [len(texts[1])])[0])
    assert {name for name in found if not same(found[name], recorded[name])} == set()
