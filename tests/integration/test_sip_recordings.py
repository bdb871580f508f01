"""A bad call as a running SIP application keeps it: its sound on the disk, its seconds in the database."""

from __future__ import annotations

import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.integration.test_sip_calls import ADDRESS, OWN, Records, application, plan_row
from tests.integration.test_sip_calls import environment as environment  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.services

LIMIT_S = 60
RECORDED = "SELECT direction, recording, wideband FROM voice_call_stream WHERE client = %s AND recording IS NOT NULL"
SECONDS = "SELECT DISTINCT direction, second FROM voice_call_interval WHERE client = %s AND rtp_expected > 0"


def test_a_call_below_its_warning_is_kept_and_its_seconds_are_written(
    records: Records, environment: dict[str, str], tmp_path: Path
):
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    # No call reaches a MOS of 5: every one is below this warning.
    records.plan(plan_row("bad", own, mos_warning=5, codecs='["G722"]', duration_ms=2000, every_ms=6000))
    folder = tmp_path / "recordings"
    with application(environment | {"VOICE_RECORDINGS": str(folder)}, tmp_path / "log"):
        rows = records.wait(f"{RECORDED} AND {OWN}", 2, LIMIT_S)
        seconds = records.wait(SECONDS, 4, LIMIT_S)
    assert {(direction, wideband) for direction, _, wideband in rows} == {("forward", 1), ("reverse", 1)}
    for _, name, _ in rows:
        path = folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        with wave.open(str(path)) as file:
            assert file.getframerate() == 16_000
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert 1.5 < heard.size / 16_000 < 2.5
        # The tone that is played has an amplitude of 4,000.
        assert 3500 < np.abs(heard[8000:24_000].astype(int)).max() < 4500
    assert {(direction, second) for direction, second in seconds} >= {("forward", 0), ("forward", 1), ("reverse", 0)}
