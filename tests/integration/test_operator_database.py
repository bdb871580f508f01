"""The operator's own SQL, against a real server, with the rights that its account has."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.operator.conftest import STORED
from voiceprobe_operator.database import Database
from voiceprobe_operator.desired import fingerprint, plan_row
from voiceprobe_operator.errors import Rejected
from voiceprobe_operator.model import Digits, Probe, Threshold, parse_probe
from voiceprobe_operator.settings import Settings

pytestmark = pytest.mark.services

CLIENT = "operator-database-test"


@pytest.fixture
def operators(database: Any) -> Database:
    """The operator's own access."""
    return Database(Settings.from_env({
        **database.environment("operator"), "VOICE_GRAFANA_URL": "http://none/grafana", "VOICE_GRAFANA_USER": "none",
        "VOICE_GRAFANA_PASSWORD": "none", "VOICE_PORTAL_URL": "http://none", "VOICE_OPERATOR_NAMESPACE": "none",
    }))  # fmt: skip


async def test_what_a_column_cannot_hold_is_refused_though_the_server_would_cut_it(operators: Database):
    row = {"client": CLIENT, "display_name": "x" * 121, "time_zone": "UTC", "account": None}
    with pytest.raises(Rejected, match="display_name"):
        await operators.publish(CLIENT, row, (), ())


def probe(name: str, **changes: Any) -> Probe:
    body = copy.deepcopy(STORED)
    body["metadata"] |= {"namespace": CLIENT, "name": name, "uid": name}
    return replace(parse_probe(body), **changes)


async def test_what_was_published_is_what_is_found(operators: Database):
    """Otherwise the plan would be written anew at every resync."""
    full = probe("full", dtmf=(Digits(3000, "1"),), schedule="*/5 * * * *", every_ms=None, suspended=True)
    full = replace(full, display_name="Zoë's “line” 🙂", loss_pct=Threshold(Decimal("0.125"), Decimal("2.000")))
    rows = [plan_row(full), plan_row(probe("plain")), plan_row(probe("long", audio="x" * 500))]
    receipt = await operators.publish(CLIENT, None, rows, ())
    assert set(receipt.refused) == {"long"}
    assert {name: state["health"] for name, state in receipt.states.items()} == {"full": "Suspended", "plain": "NoData"}
    found = await operators.published(CLIENT)
    assert found.plan == {"full": fingerprint(rows[0]), "plain": fingerprint(rows[1])}
    assert found.uids == {"full": "full", "plain": "plain"}
    await operators.publish(CLIENT, None, (), ["full", "plain"])
    assert (await operators.published(CLIENT)).plan == {}
