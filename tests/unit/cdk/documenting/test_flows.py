"""Tables of flows, from templates that are right."""

import pytest

from tests.unit.cdk.judge.reference import NETWORK, platform
from voice_cdk.documenting import flows
from voice_cdk.judge.picture import Picture, picture
from voice_cdk.judge.templates import from_templates


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return picture(from_templates(platform().templates()))


def cells(text: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")][2:]


def test_who_asks_the_database_is_one_row_with_the_way_that_packets_take(drawn: Picture):
    (row,) = [row for row in cells(flows.needed(drawn)) if row[1].startswith("database") and "IPv6" in row[3]]
    assert row[0] == "pods (VPC-A), Grafana host (VPC-A), SIP host (VPC-C Acme, VPC-C Globex)"
    assert row[2:5] == ["TCP 3306", "IPv6", "transit gateway → NAT64 host"]


def test_a_site_is_called_after_its_client(drawn: Picture):
    calls = [row for row in cells(flows.needed(drawn)) if row[5] == "calls from the client"]
    assert len(calls) == 2
    assert all(row[0].startswith("site of ") for row in calls)
    assert {row[4] for row in calls} == {"IPsec tunnel", "internet gateway"}


def test_what_is_outside_is_told_apart_only_where_more_passes_than_to_the_internet(drawn: Picture):
    targets = {row[0]: row[1] for row in cells(flows.possible(drawn))}
    grafana = next(told for source, told in targets.items() if source.startswith("Grafana"))
    assert "internet: TCP" in grafana
    assert "site of" not in grafana


def test_pairs_that_cannot_talk_are_counted(drawn: Picture):
    silent = sum(not cell.traffic for cell in drawn.cells)
    assert flows.possible(drawn).splitlines()[-1].startswith(f"Of {len(drawn.cells)} pairs, {silent} cannot talk")


def test_flows_that_do_not_work_are_known_before_anybody_is_told_that_they_do(drawn: Picture):
    assert flows.broken(drawn) == []
    templates = platform().templates()
    resources = templates[NETWORK]["Resources"]
    del resources[next(name for name in resources if name.startswith("AApps") and name.endswith("ToDatabase"))]
    assert {row.destination for row in flows.broken(picture(from_templates(templates)))} == {"database"}
