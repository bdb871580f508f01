"""A recording's score reaches its stream, with the rights that the SIP application's account has."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_sip_calls import Records
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_database import NOW, a_call
from tests.integration.test_sip_database import server as server  # noqa: PLC0414 - a fixture
from voice_sipapp.measurement import scoring
from voice_sipapp.records import odbc
from voice_sipapp.records.cdr import StreamScore
from voice_sipapp.records.spool import Spool
from voice_sipapp.records.writer import Writer
from voice_sipapp.settings import Database

pytestmark = pytest.mark.services

SCORES = "SELECT direction, mos_lqo, mos_lqo_algorithm FROM voice_call_stream WHERE client = %s ORDER BY direction"


def test_a_score_waits_for_its_stream_and_is_put_to_it_alone(server: Database, records: Records, tmp_path: Path):
    cdr = scoring.complete(a_call(NOW), scoring.NOBODY, scoring.NOBODY)
    score = StreamScore(
        uuid=cdr.call.uuid,
        direction="reverse",
        started_at=NOW,
        mos_lqo=3.876543,
        mos_lqo_algorithm="ViSQOL 3.8.0 speech",
    )
    with closing(odbc.connect(server)) as connection:
        assert not odbc.store_score(connection, score), "the stream is not there yet"
    with closing(Spool(tmp_path / "spool")) as spool:
        spool.put_score(score)
        spool.put_score(replace(score, direction="forward", mos_lqo=2.0))
        spool.put(cdr)
        writer = Writer(spool, server)
        assert writer.drain()
        assert spool.scores(10) == []
        writer._disconnect()
    rows = [(direction, float(mos), name) for direction, mos, name in records.all(SCORES)]
    assert rows == [("forward", 2.0, "ViSQOL 3.8.0 speech"), ("reverse", 3.877, "ViSQOL 3.8.0 speech")]
    with closing(odbc.connect(server)) as connection:
        assert odbc.store_score(connection, score), "stored already: it may be told again"
