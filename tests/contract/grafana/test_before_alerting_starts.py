"""A new organisation has no alerting until the next poll, and then what every one is born with (contract, 9.1)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.grafana.cases import Case, case, fill, table
from tests.contract.grafana.matching import failed
from tests.contract.grafana.server import Server, read
from tests.contract.grafana.world import Org, making

pytestmark = pytest.mark.services
PATH = "/api/v1/provisioning"
NOT_YET = failed("could not find an Alertmanager configuration")
BORN = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
EMAIL = {
    "uid": "", "name": "email receiver", "type": "email", "settings": {"addresses": "<example@email.com>"},
    "disableResolveMessage": False,
}  # fmt: skip
SILENCE = {"name": "voice-nobody", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}
CONTACT = {"uid": "voice-x", "name": "voice: x", "type": "email", "settings": {"addresses": "a@x.example"}}
ROWS = [
    case("the policies are missing", f"GET {PATH}/policies", None, 404, NOT_YET),
    case("policies cannot be put", f"PUT {PATH}/policies", {"receiver": "grafana-default-email"}, 404, NOT_YET),
    case("policies cannot be reset", f"DELETE {PATH}/policies", None, 500, NOT_YET),
    case("contact points cannot be listed", f"GET {PATH}/contact-points", None, 500, NOT_YET),
    case("contact points cannot be made", f"POST {PATH}/contact-points", CONTACT, 500, NOT_YET),
    case("mute timings cannot be listed", f"GET {PATH}/mute-timings", None, 500, NOT_YET),
    case("mute timings cannot be read", f"GET {PATH}/mute-timings/voice-nobody", None, 500, NOT_YET),
    case("mute timings cannot be made", f"POST {PATH}/mute-timings", SILENCE, 500, NOT_YET),
    case("rules are listed", f"GET {PATH}/alert-rules", None, 200, []),
    case("groups of rules are asked for", f"GET {PATH}/folder/voice/rule-groups/voice", None, 404,
         failed("rulegroup not found")),
]  # fmt: skip


@pytest.fixture(scope="module")
def early(server: Server) -> Iterator[dict[str, httpx.Response]]:
    """What was answered to all rows in an organisation in which alerting had not begun even after the last of them."""
    with making(server) as maker:
        for _ in range(20):
            org = maker.org()
            answers = {row.id: row.values[0].ask(org.admin, {}) for row in ROWS}
            if org.admin.get(f"{PATH}/policies").status_code == 404:
                break
        else:
            pytest.fail("alerting has begun in each organisation before a dozen questions were asked")
        yield answers


@table(*ROWS)
def test_before_alerting_begins(
    early: dict[str, httpx.Response], server: Server, case: Case, request: pytest.FixtureRequest
):
    name = request.node.callspec.id
    server.check(early[name], case.status, fill(case.recorded, {}))


def test_rules_work_at_once(org: Org):
    data = [{"refId": "A", "datasourceUid": "x", "relativeTimeRange": {"from": 600, "to": 0}, "model": {}}]
    states = {"noDataState": "OK", "execErrState": "Error", "for": "0s", "isPaused": True}
    rule = {"uid": "r", "title": "r", "folderUID": "voice", "ruleGroup": "g", "condition": "A", "data": data} | states
    assert org.admin.post(f"{PATH}/alert-rules", rule).status_code == 201


@table(
    case("one policy", f"GET {PATH}/policies", None, 200, BORN),
    case("one contact point", f"GET {PATH}/contact-points", None, 200, [EMAIL]),
    case("no mute timing", f"GET {PATH}/mute-timings", None, 200, []),
    case("no rule", f"GET {PATH}/alert-rules", None, 200, []),
)
def test_an_organisation_is_born_with(alerted: Org, case: Case):
    case.check(alerted.admin, {})


def test_the_born_contact_point_has_no_uid_by_which_it_could_be_changed(alerted: Org):
    """Its empty uid cannot be put into a path (issue #66087)."""
    for method in ("PUT", "DELETE"):
        assert alerted.admin.ask(method, f"{PATH}/contact-points/", EMAIL).status_code == 404
    assert read(alerted.admin.get(f"{PATH}/contact-points")) == [EMAIL]
