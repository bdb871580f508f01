"""The tree of notification policies (contract, 9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import denied, failed
from tests.contract.grafana.server import Server, read
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
PATH = "/api/v1/provisioning"
POLICIES = f"{PATH}/policies"
BORN = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
UPDATED = {"message": "policies updated"}
BAD_DATA = failed("bad request data")
WEBHOOK = {"uid": "voice-a", "name": "voice: noc", "type": "webhook", "settings": {"url": "https://hooks.example/"}}
SILENCE = {"name": "voice-nobody", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}
TREE = {
    "receiver": "grafana-default-email", "group_by": ["alertname"], "group_wait": "10s", "group_interval": "5m",
    "repeat_interval": "4h",
    "routes": [
        {"receiver": "voice: noc", "object_matchers": [["severity", "=~", "warning|critical"]], "continue": True},
        {"receiver": "grafana-default-email", "object_matchers": [["alertname", "=~", ".+"]],
         "mute_time_intervals": ["voice-nobody"]},
    ],
}  # fmt: skip


def unknown(what: str) -> Any:
    return failed(f"invalid object specification: {what} does not exist")


@pytest.fixture
def ready(alerted: Org) -> Org:
    """An organisation with the receiver and the timing that `TREE` names."""
    read(alerted.admin.post(f"{PATH}/contact-points", WEBHOOK))
    read(alerted.admin.post(f"{PATH}/mute-timings", SILENCE))
    return alerted


def test_policies_are_put_as_a_whole_and_read_as_they_were_put(ready: Org):
    ready.server.check(ready.admin.get(POLICIES), 200, BORN)
    ready.server.check(ready.admin.put(POLICIES, TREE), 202, UPDATED)
    ready.server.check(ready.admin.get(POLICIES), 200, TREE | {"provenance": "api"})
    small = {"receiver": "grafana-default-email"}
    ready.server.check(ready.admin.put(POLICIES, small), 202, UPDATED)
    ready.server.check(ready.admin.get(POLICIES), 200, small | {"provenance": "api"})


def test_durations_are_read_in_another_spelling(ready: Org):
    sent = BORN | {"group_wait": "90s", "group_interval": "60m", "repeat_interval": "36h"}
    read(ready.admin.put(POLICIES, sent))
    told = read(ready.admin.get(POLICIES))
    assert told["group_wait"] == "1m30s"
    assert (told["group_interval"], told["repeat_interval"]) == ("1h", "1d12h")


def routed(**route: Any) -> dict[str, Any]:
    return TREE | {"routes": [{"receiver": "voice: noc"} | route]}


@table(
    case("an unknown receiver", f"PUT {POLICIES}", BORN | {"receiver": "voice: x"}, 400,
         unknown("receiver 'voice: x'")),
    case("an unknown receiver in a branch", f"PUT {POLICIES}", routed(receiver="voice: x"), 400,
         unknown("receiver 'voice: x'")),
    case("an unknown receiver deep in a branch", f"PUT {POLICIES}", routed(routes=[{"receiver": "voice: x"}]), 400,
         unknown("receiver 'voice: x'")),
    case("an unknown timing", f"PUT {POLICIES}", routed(mute_time_intervals=["voice-x"]), 400,
         unknown("mute time interval 'voice-x'")),
    case("no receiver at its root", f"PUT {POLICIES}", {"routes": TREE["routes"]}, 400, BAD_DATA),
    case("a duration that is none", f"PUT {POLICIES}", TREE | {"group_wait": "soon"}, 400, BAD_DATA),
    case("an expression that is none", f"PUT {POLICIES}", routed(object_matchers=[["severity", "=~", "("]]), 400,
         BAD_DATA),
)  # fmt: skip
def test_policies_are_refused_with(ready: Org, case: Case):
    read(ready.admin.put(POLICIES, TREE))
    case.check(ready.admin, {})
    ready.server.check(ready.admin.get(POLICIES), 200, TREE | {"provenance": "api"})


def test_policies_are_reset_to_those_of_birth_and_receivers_and_timings_stay(ready: Org):
    read(ready.admin.put(POLICIES, TREE))
    ready.server.check(ready.admin.delete(POLICIES), 202, BORN)
    told = read(ready.admin.get(POLICIES))
    assert {name: told[name] for name in BORN} == BORN
    assert "routes" not in told
    assert "voice: noc" in [point["name"] for point in read(ready.admin.get(f"{PATH}/contact-points"))]
    assert [timing["name"] for timing in read(ready.admin.get(f"{PATH}/mute-timings"))] == ["voice-nobody"]


def test_policies_of_an_organisation_that_there_is_not_are_refused(server: Server):
    answer = server.admin.within(999999).get(POLICIES)
    server.check(answer, 403, denied("alert.provisioning:read"))


@pytest.mark.parametrize("value", ["true", ""])
def test_the_provenance_of_policies_changes_both_ways(ready: Org, value: str):
    unmarked = ready.admin.having(**{"X-Disable-Provenance": value})
    for asker, marks in ((unmarked, {}), (ready.admin, {"provenance": "api"}), (unmarked, {})):
        ready.server.check(asker.put(POLICIES, TREE), 202, UPDATED)
        ready.server.check(ready.admin.get(POLICIES), 200, TREE | marks)
