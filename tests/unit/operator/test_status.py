import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator import status
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.model import Reference
from voiceprobe_operator.organisation import Written
from voiceprobe_operator.result import Result
from voiceprobe_operator.status import Outcome, conditions, difference, health, merged

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


def test_health_tells_the_last_call_with_two_decimals():
    row = {
        "health": "Degraded",
        "last_call_at": datetime.datetime(2026, 5, 4, 12, 0, 0, 250_000),  # noqa: DTZ001 - as MySQL gives it
        "disposition": "answered",
        "sip_code": 200,
        "mos": Decimal("3.888"),
        "mos_forward": Decimal("4.104"),
        "mos_reverse": Decimal("3.888"),
    }
    assert health(row) == {
        "health": "Degraded",
        "lastCall": {
            "time": "2026-05-04T12:00:00Z",
            "outcome": "answered",
            "sipCode": 200,
            "mos": 3.89,
            "mosForward": 4.1,
            "mosReverse": 3.89,
        },
    }


def test_without_a_call_there_is_no_last_call():
    assert health({"health": "NoData", "last_call_at": None}) == {"health": "NoData", "lastCall": None}


def test_only_what_changed_is_patched():
    have = {"health": "Healthy", "lastCall": {"time": "t1", "sipCode": 200}}
    want = {"health": "Healthy", "lastCall": {"time": "t2", "sipCode": None, "mos": None}}
    assert difference(have, want) == {"lastCall": {"time": "t2", "sipCode": None}}
    assert difference(have, {"health": "Healthy"}) == {}


@given(have=json_objects, want=json_objects)
def test_after_the_patch_nothing_differs(have, want):
    assert difference(merged(have, difference(have, want)), want) == {}


def test_the_url_leads_to_the_probe_or_to_the_overview():
    assert status.grafana(REF, "https://p")["url"] == "https://p/grafana/d/vp-b1282a905a494fe3a3e60259f5275dc5"
    client = Reference("VoiceClient", "acme", "client", "u", 1)
    assert status.grafana(client, "https://p") == {"organisation": "acme", "url": "https://p/grafana/d/voice-overview"}


def test_a_refusal_of_one_probe_is_its_own():
    uid = "vp-b1282a905a494fe3a3e60259f5275dc5"
    result = Result(written=Written(refused={uid: Rejected("GrafanaRejected", "no such title")}))
    assert result.of_probe(REF)["DashboardsReady"].message == "no such title"
    assert result.of_client()["DashboardsReady"].ok
    result = Result(refused_rows={"inbound-sales": Rejected("DatabaseRejected", "too long")})
    assert result.of_probe(REF)["PlanPublished"].reason == "DatabaseRejected"


def test_an_account_that_fails_makes_the_datasource_not_ready():
    result = Result()
    result.account = result.failed(Transient("DatabaseUnavailable", "away"))
    assert not result.of_client()["DatasourceReady"].ok
    assert isinstance(result.failure, Transient)


def test_what_can_never_work_is_not_tried_again():
    result = Result()
    result.dashboards = result.failed(Rejected("GrafanaRejected", "never"))
    assert result.failure is None
