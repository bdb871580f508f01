import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.model import Reference
from voiceprobe_operator.turn import status
from voiceprobe_operator.turn.result import Result
from voiceprobe_operator.turn.status import Outcome, conditions, difference, merged, of_calls

NOON = datetime.datetime(2026, 5, 4, 12, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(hours=1)
REF = Reference("VoiceProbe", "acme", "inbound-sales", "b1282a90-5a49-4fe3-a3e6-0259f5275dc5", 3)
GOOD = {"PlanPublished": status.PLAN_PUBLISHED, "DatasourceReady": status.DATASOURCE_READY}
BAD = GOOD | {"PlanPublished": Outcome(False, "DatabaseUnavailable", "the database does not answer")}

json_values = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(st.sampled_from("xyz"), json_values, max_size=3)


def test_ready_repeats_the_first_reason_why_not():
    ready = conditions({}, BAD, 3, NOON)[0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "DatabaseUnavailable")
    assert conditions({}, GOOD, 3, NOON)[0]["status"] == "True"


def test_a_condition_remembers_when_it_turned():
    before = {"conditions": conditions({}, GOOD, 3, NOON)}
    unchanged = {"conditions": conditions(before, GOOD, 3, LATER)}
    assert unchanged == before
    turned = {c["type"]: c["lastTransitionTime"] for c in conditions(before, BAD, 4, LATER)}
    assert turned == {
        "Ready": "2026-05-04T13:00:00Z",
        "PlanPublished": "2026-05-04T13:00:00Z",
        "DatasourceReady": "2026-05-04T12:00:00Z",
    }


def state(**changes):
    """A row of voice_probe_state after a good call."""
    return {
        "health": "Degraded",
        "last_call_at": datetime.datetime(2026, 5, 4, 12, 0, 0, 250_000),  # noqa: DTZ001 - as MySQL gives it
        "last_call_generation": 2,
        "disposition": "answered",
        "sip_code": 200,
        "sip_reason": "OK",
        "mos": Decimal("3.888"),
        "mos_forward": Decimal("4.104"),
        "mos_reverse": Decimal("3.888"),
        "one_way": 0,
        "silent": 0,
        "late_media_ms": 40,
        "late_media_ms_warning": 1000,
        **changes,
    }


UNCALLABLE = {
    "health": "Unhealthy",
    "disposition": "configuration_error",
    "sip_code": None,
    "sip_reason": "Nothing to play: there is no recording called 'x'.",
    "mos": None,
    "mos_forward": None,
    "mos_reverse": None,
}


def test_health_tells_the_last_call_with_two_decimals():
    told = of_calls({}, state(), NOON)
    assert told["health"] == "Degraded"
    assert told["lastCall"] == {
        "time": "2026-05-04T12:00:00Z",
        "outcome": "answered",
        "sipCode": 200,
        "reason": None,
        "mos": 3.89,
        "mosForward": 4.1,
        "mosReverse": 3.89,
    }


def test_a_call_that_was_not_answered_tells_the_reason():
    told = of_calls({}, state(disposition="busy", sip_code=486, sip_reason="Busy Here"), NOON)
    assert told["lastCall"]["reason"] == "Busy Here"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"late_media_ms": 1000}, None),
        ({"late_media_ms": None}, None),
        ({"late_media_ms": 4500}, "late media: the first sound came 4.5 s after the answer"),
        ({"one_way": 1, "late_media_ms": 4500}, "one-way audio: in at least one direction no sound arrived"),
        ({"one_way": None}, "one-way audio: in at least one direction no sound arrived"),
        (
            {"silent": 1},
            "silence: in at least one direction packets arrived, but not the speech that was sent",
        ),
    ],
)
def test_an_answered_call_tells_what_it_lacked(changes, reason):
    assert of_calls({}, state(**changes), NOON)["lastCall"]["reason"] == reason


def callable_condition(**changes):
    (condition,) = of_calls({}, state(**changes), NOON)["conditions"]
    assert condition["type"] == "Callable"
    return condition


def test_a_probe_that_cannot_be_called_is_not_callable_and_says_why():
    condition = callable_condition(**UNCALLABLE)
    assert (condition["status"], condition["reason"]) == ("False", "ConfigurationError")
    assert condition["message"] == "Nothing to play: there is no recording called 'x'."
    assert condition["observedGeneration"] == 2


def test_a_configuration_error_without_a_reason_still_has_a_sentence():
    assert len(callable_condition(**UNCALLABLE | {"sip_reason": None})["message"].split()) > 3


@pytest.mark.parametrize("disposition", ["answered", "busy", "no_answer", "failed", "timeout", "interrupted"])
def test_whatever_else_became_of_a_call_it_could_be_placed(disposition):
    assert callable_condition(disposition=disposition)["status"] == "True"


def test_without_a_call_there_is_no_last_call_and_nobody_knows_whether_there_could_be():
    told = of_calls({}, {"health": "NoData", "last_call_at": None}, NOON)
    assert (told["health"], told["lastCall"]) == ("NoData", None)
    assert (told["conditions"][0]["status"], told["conditions"][0]["reason"]) == ("Unknown", "NoCallYet")


def test_the_two_loops_keep_each_others_conditions_in_one_order():
    first = {"conditions": conditions({}, GOOD, 3, NOON)}
    called = {"conditions": of_calls(first, state(), LATER)["conditions"]}
    assert [c["type"] for c in called["conditions"]] == ["Ready", "PlanPublished", "DatasourceReady", "Callable"]
    again = {"conditions": conditions(called, GOOD, 3, LATER)}
    assert again == called
    assert of_calls(again, state(), LATER)["conditions"] == called["conditions"]


def test_only_what_changed_is_patched():
    have = {"health": "Healthy", "lastCall": {"time": "t1", "sipCode": 200}}
    want = {"health": "Healthy", "lastCall": {"time": "t2", "sipCode": None, "mos": None}}
    assert difference(have, want) == {"lastCall": {"time": "t2", "sipCode": None}}
    assert difference(have, {"health": "Healthy"}) == {}


@given(have=json_objects, want=json_objects)
def test_after_the_patch_nothing_differs(have, want):
    assert difference(merged(have, difference(have, want)), want) == {}


def test_the_url_leads_to_the_probe_or_to_the_overview():
    assert status.grafana(REF, "https://p")["url"] == "https://p/c/acme/dashboards/vp-b1282a905a494fe3a3e60259f5275dc5/"
    client = Reference("VoiceClient", "acme", "client", "u", 1)
    url = "https://p/c/acme/dashboards/voice-overview/"
    assert status.grafana(client, "https://p") == {"organisation": "acme", "url": url}


def test_a_refusal_of_one_probe_is_its_own(probe):
    board, row = Rejected("GrafanaRejected", "no such title"), Rejected("DatabaseRejected", "too long")
    assert Result().of_probe(probe, None, board)["DashboardsReady"].message == "no such title"
    assert Result().shared()["DashboardsReady"].ok
    assert Result().of_probe(probe, row, None)["PlanPublished"].reason == "DatabaseRejected"


def test_an_account_that_fails_makes_the_datasource_not_ready():
    result = Result()
    result.account = result.failed(Transient("DatabaseUnavailable", "away"))
    assert not result.shared()["DatasourceReady"].ok
    assert isinstance(result.failure, Transient)


def test_what_can_never_work_is_not_tried_again():
    result = Result()
    result.dashboards = result.failed(Rejected("GrafanaRejected", "never"))
    assert result.failure is None
