import re
from datetime import UTC, datetime

import pytest

from voiceprobe_operator.dashboards.queries import fleet, overview, probe, text
from voiceprobe_operator.dashboards.zones import FIRST, Change

OF_ONE_PROBE = {
    "state": lambda name: probe.state(name, "mos"),
    "rates": probe.rates_of,
    "shares": probe.shares_of,
    "outcomes": probe.outcomes_of,
    "streams": lambda name: probe.streams(name, "mos_cq", low_is_bad=True),
    "loss": probe.loss,
    "post_dial_delay": probe.post_dial_delay,
    "heat_map": lambda name: probe.heat_map(name, (Change(FIRST, 0),)),
    "calls": probe.calls,
}
OF_A_CLIENT = [
    overview.counts(),
    overview.rates_of_all(),
    overview.timeline(),
    overview.probes(),
    overview.mos(),
    overview.mos_of_worst(),
    overview.worst_calls(),
    overview.shares(),
    overview.outcomes_of_all(),
    *(make("inbound-sales") for make in OF_ONE_PROBE.values()),
]
OF_THE_FLEET = [
    fleet.counts(),
    fleet.rates_of_all(),
    fleet.hosts_in_short(),
    fleet.hosts(),
    fleet.clients(),
    fleet.worst_probes(),
    fleet.calls_by_host(),
    fleet.invalid_by_host(),
    fleet.outcomes_of_all(),
]


def tables(sql):
    return set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)", sql))


@pytest.mark.parametrize("make", OF_ONE_PROBE.values(), ids=OF_ONE_PROBE)
def test_the_name_of_a_probe_cannot_end_its_string(make):
    assert "probe = 'o''clock\\\\'" in make("o'clock\\")


@pytest.mark.parametrize("name", ["$__user", "[[x]]", "${y}"])
def test_grafana_gets_no_variable_to_fill_in(name):
    with pytest.raises(ValueError, match="variable"):
        text.literal(name)


@pytest.mark.parametrize("sql", OF_A_CLIENT)
def test_only_the_clients_own_views_are_read(sql):
    assert tables(sql)
    assert tables(sql) <= {"client_call", "client_call_stream", "client_call_judged", "client_probe"}


@pytest.mark.parametrize("sql", OF_THE_FLEET)
def test_only_the_fleets_views_are_read(sql):
    assert tables(sql)
    assert tables(sql) <= {"fleet_client", "fleet_probe", "fleet_call", "fleet_call_judged", "fleet_sip_host"}


@pytest.mark.parametrize("sql", [sql for sql in (*OF_A_CLIENT, *OF_THE_FLEET) if "_call" in sql])
def test_calls_are_read_of_the_chosen_time_only(sql):
    views = len(re.findall(r"\b(?:FROM|STRAIGHT_JOIN) (?:client|fleet)_call", sql))
    assert sql.count("$__timeFilter(") == views


def test_a_zone_without_changes_needs_no_case():
    assert text.local_time("t", (Change(FIRST, 19_800),)) == "(t + INTERVAL 19800 SECOND)"


def test_a_zone_with_changes_takes_the_offset_of_each_time():
    summer = Change(datetime(2024, 3, 31, 1, tzinfo=UTC), 3600)
    sql = text.local_time("t", (Change(FIRST, 0), summer))
    assert sql == "(t + INTERVAL (CASE WHEN t < '2024-03-31 01:00:00' THEN 0 ELSE 3600 END) SECOND)"
