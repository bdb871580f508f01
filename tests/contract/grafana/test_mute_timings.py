"""Mute timings (contract, 9.3)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.grafana.matching import failed
from tests.contract.grafana.server import read
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
PATH = "/api/v1/provisioning/mute-timings"
ONE = f"{PATH}/voice-nobody"
SILENCE = {"name": "voice-nobody", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}
OTHER = [{"times": [{"start_time": "08:00", "end_time": "17:00"}], "weekdays": ["monday:friday"]}]
API = {"provenance": "api"}
BAD_DATA = failed("bad request data")
NEWER = ("11.0", "JSON with an id of the error (ngalert/provisioning/errors.go)")


@pytest.fixture
def silent(alerted: Org) -> Org:
    """An organisation with a mute timing."""
    read(alerted.admin.post(PATH, SILENCE))
    return alerted


def is_null(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.text) == (404, "null")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_timing_is_made_and_read_without_its_provenance(alerted: Org):
    alerted.server.check(alerted.admin.post(PATH, SILENCE), 201, SILENCE | API)
    alerted.server.check(alerted.admin.get(ONE), 200, SILENCE)
    alerted.server.check(alerted.admin.get(PATH), 200, [SILENCE])


def test_a_timing_that_there_is_not_is_null_in_plain_text(alerted: Org):
    alerted.server.only_before(*NEWER)
    is_null(alerted.admin.get(ONE))
    is_null(alerted.admin.put(ONE, SILENCE))
    alerted.server.check(alerted.admin.get(PATH), 200, [])


def test_a_name_that_is_taken_is_refused(silent: Org):
    silent.server.only_before(*NEWER)
    words = "invalid object specification: a mute timing with this name already exists"
    silent.server.check(silent.admin.post(PATH, SILENCE), 400, failed(words))


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"time_intervals": [{"times": [{"start_time": "25:00", "end_time": "26:00"}]}]}],
    ids=["no name", "a time that is none"],
)
def test_a_timing_is_refused_with(alerted: Org, wrong: dict[str, Any]):
    alerted.server.check(alerted.admin.post(PATH, SILENCE | wrong), 400, BAD_DATA)
    alerted.server.check(alerted.admin.get(PATH), 200, [])


def test_a_timing_without_intervals_is_taken(silent: Org):
    read(silent.admin.post(PATH, {"name": "x3", "time_intervals": []}))
    silent.server.check(silent.admin.get(PATH), 200, [SILENCE, {"name": "x3", "time_intervals": []}])


@pytest.mark.parametrize("name", ["voice-nobody", "another"])
def test_a_timing_is_changed_and_its_name_in_the_body_is_ignored(silent: Org, name: str):
    changed = {"name": "voice-nobody", "time_intervals": OTHER}
    silent.server.check(silent.admin.put(ONE, changed | {"name": name}), 202, changed | API)
    silent.server.check(silent.admin.get(PATH), 200, [changed])


def test_a_timing_is_deleted_and_again(silent: Org):
    for _ in range(2):
        answer = silent.admin.delete(ONE)
        assert (answer.status_code, answer.content) == (204, b"")
    silent.server.check(silent.admin.get(PATH), 200, [])


def test_a_timing_that_a_policy_uses_is_not_deleted(silent: Org):
    route = {"receiver": "grafana-default-email", "mute_time_intervals": ["voice-nobody"]}
    tree = {"receiver": "grafana-default-email", "group_by": ["alertname"], "routes": [route]}
    read(silent.admin.put("/api/v1/provisioning/policies", tree))
    answer = silent.admin.delete(ONE)
    if silent.server.since("11.0"):
        assert answer.status_code in {409, 500}, "some 11.x: 409"
    else:
        silent.server.check(answer, 500, failed("mute time 'voice-nobody' is currently used by a notification policy"))
    silent.server.check(silent.admin.get(ONE), 200, SILENCE)


def test_the_provenance_of_a_timing_may_be_taken_away(silent: Org):
    unmarked = silent.admin.having(**{"X-Disable-Provenance": "true"})
    silent.server.check(unmarked.put(ONE, SILENCE), 202, SILENCE)
    silent.server.check(unmarked.post(PATH, SILENCE | {"name": "x"}), 201, SILENCE | {"name": "x"})
