import re

import pytest

from voiceprobe_operator.dashboards import queries

OF_ONE_PROBE = {
    "stream_series": lambda probe: queries.stream_series(probe, "mos_cq"),
    "post_dial_delay": queries.post_dial_delay,
    "outcomes": queries.outcomes,
    "state": lambda probe: queries.state(probe, "mos"),
    "answered": queries.answered,
    "calls": queries.calls,
}
ALL = [*(make("inbound-sales") for make in OF_ONE_PROBE.values()), queries.all_states(), queries.all_mos()]


@pytest.mark.parametrize("make", OF_ONE_PROBE.values(), ids=OF_ONE_PROBE)
def test_the_name_of_a_probe_cannot_end_its_string(make):
    assert "probe = 'o''clock\\\\'" in make("o'clock\\")


@pytest.mark.parametrize("name", ["$__user", "[[x]]", "${y}"])
def test_grafana_gets_no_variable_to_fill_in(name):
    with pytest.raises(ValueError, match="variable"):
        queries.literal(name)


@pytest.mark.parametrize("sql", [*ALL, queries.health_counts()])
def test_only_the_clients_own_views_are_read(sql):
    tables = re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)", sql)
    assert tables
    assert set(tables) <= {"client_call", "client_call_stream", "client_probe"}


@pytest.mark.parametrize("sql", [sql for sql in ALL if "client_call" in sql])
def test_calls_are_read_of_the_chosen_time_only(sql):
    assert "$__timeFilter(" in sql
