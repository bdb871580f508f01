"""Alert rules as values, and a Grafana (the stand-in) that is given them."""

import json
import os
import re
from pathlib import Path

import httpx
import pytest

from tests.far_grafana import Connected
from voiceprobe_operator.alerting import wanted
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.grafana import Grafana, alerts
from voiceprobe_operator.model import Client

ACME = Client("acme", "Acme Ltd")
MEASURED = ("mos", "packet-loss", "jitter", "post-dial-delay", "late-media")
VERSION = (10, 0, 0)
RULES = "/api/v1/provisioning/alert-rules"
GOLDEN = Path(__file__).parent / "golden" / "alerting.json"


@pytest.fixture
def want(settings):
    return wanted(ACME, settings)


@pytest.fixture
def grafana(settings, far):
    far.add_orgs("acme")

    async def no_wait(_):
        return None

    return Grafana(settings, connections=Connected(far.answer), sleep=no_wait)


@pytest.fixture
def ensure(grafana, far):
    """Looks and puts right, as often as it is called; what was written."""

    async def once(want):
        return await alerts.ensure(grafana, 2, want, await alerts.look(grafana, 2, VERSION))

    return once


def test_the_rules_are_as_agreed(want):
    """VOICE_UPDATE_GOLDEN=1 writes them anew."""
    if os.environ.get("VOICE_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(want.rules, indent=2) + "\n")
    assert want.rules == json.loads(GOLDEN.read_text())


def test_one_rule_for_each_kind_and_severity(want):
    assert sorted(want.rules) == sorted(
        [
            *(f"voice-{kind}-{severity}" for kind in MEASURED for severity in ("warning", "critical")),
            "voice-calls-fail-critical",
            "voice-no-calls-critical",
        ]
    )
    assert all(len(uid) <= 40 for uid in want.rules)


def test_nothing_that_a_user_wrote_is_in_a_rule(settings, want):
    hostile = Client("acme", "{{ template }}<script>$__all\n")
    assert wanted(hostile, settings) == want


def test_queries_ask_the_clients_own_views_only(want):
    for rule in want.rules.values():
        for query in rule["data"][:-1]:
            text = query["model"]["rawSql"]
            assert set(re.findall(r"(?:FROM|JOIN) (\w+)", text)) <= {
                "client_call",
                "client_call_stream",
                "client_probe",
            }
            assert "$" not in text


async def test_from_nothing_each_rule_is_written_once_then_nothing(ensure, far, want):
    assert set(await ensure(want)) == set(want.rules)
    assert far.interval(2) == 60
    assert len(far.writes) == len(want.rules) + 1
    far.writes.clear()
    far.reads.clear()
    assert await ensure(want) == []
    assert (far.writes, len(far.reads)) == ([], 1)


async def test_what_is_known_is_enough_to_write_nothing(grafana, ensure, far, want):
    await ensure(want)
    held = await alerts.look(grafana, 2, VERSION)
    far.reads.clear()
    assert await alerts.ensure(grafana, 2, want, held) == []
    assert far.reads == []


async def test_an_edited_rule_and_a_deleted_one_come_back_and_nothing_else_is_written(ensure, far, want):
    await ensure(want)
    edited = far.rules[2, "voice-mos-critical"]
    edited["data"][2]["model"]["expression"] = "0"
    far.ask("PUT", f"{RULES}/voice-mos-critical", edited, org=2)
    far.ask("DELETE", f"{RULES}/voice-jitter-warning", org=2)
    far.writes.clear()
    assert sorted(await ensure(want)) == ["voice-jitter-warning", "voice-mos-critical"]
    assert len(far.writes) == 2
    assert await ensure(want) == []


async def test_an_obsolete_rule_of_ours_goes_and_anybody_elses_stays(ensure, far, want):
    await ensure(want)
    for uid in ("voice-old", "own"):
        far.ask("POST", RULES, want.rules["voice-mos-critical"] | {"uid": uid, "title": uid}, org=2)
    assert await ensure(want) == ["voice-old"]
    assert (2, "own") in far.rules


async def test_a_rule_moved_out_of_the_group_is_brought_back(grafana, far, want):
    """POST answers 500 then, for the uid is taken."""
    far.ask("POST", RULES, want.rules["voice-mos-critical"] | {"ruleGroup": "elsewhere"}, org=2)
    await alerts.ensure(grafana, 2, want, alerts.Held())
    assert far.rules[2, "voice-mos-critical"]["ruleGroup"] == "voice"


async def test_a_rule_that_grafana_does_not_take_is_an_error(settings, want):
    async def no_wait(_):
        return None

    answers = {"GET": httpx.Response(404), "POST": httpx.Response(500)}
    grafana = Grafana(settings, connections=Connected(lambda r: answers[r.method]), sleep=no_wait)
    with pytest.raises(Transient):
        await alerts.ensure(grafana, 2, want, alerts.Held())


@pytest.mark.parametrize("version", [(8, 5, 27), (9, 0, 9)])
async def test_a_grafana_without_provisioning_is_told_and_asked_nothing(grafana, far, version):
    with pytest.raises(Rejected, match=r"Grafana [89]\.\d\.\d+ cannot be given alert rules"):
        await alerts.look(grafana, 2, version)
    assert far.reads == []


@pytest.mark.parametrize("version", [(9, 1, 0), (12, 3, 1), ()])
async def test_any_other_grafana_is_asked_also_one_that_hides_its_version(grafana, far, version):
    await alerts.look(grafana, 2, version)
    assert len(far.reads) == 1
