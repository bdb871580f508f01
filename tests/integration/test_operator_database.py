"""The operator's own SQL, against a real server, with the rights that its account has."""

from __future__ import annotations

from typing import Any

import pytest

from voiceprobe_operator.database import Database
from voiceprobe_operator.diff import Diff
from voiceprobe_operator.errors import Rejected
from voiceprobe_operator.settings import Settings

pytestmark = pytest.mark.services

CLIENT = "operator-database-test"


async def test_what_a_column_cannot_hold_is_refused_though_the_server_would_cut_it(database: Any):
    settings = Settings.from_env({
        **database.environment("operator"), "VOICE_GRAFANA_URL": "http://none/grafana", "VOICE_GRAFANA_USER": "none",
        "VOICE_GRAFANA_PASSWORD": "none", "VOICE_PORTAL_URL": "http://none", "VOICE_OPERATOR_NAMESPACE": "none",
    })  # fmt: skip
    row = {"client": CLIENT, "display_name": "x" * 121, "time_zone": "UTC", "account": None}
    with pytest.raises(Rejected, match="display_name"):
        await Database(settings).publish(row, Diff({}, ()), CLIENT)
