"""What the health of every probe costs, with few calls and with many: the query behind status, overview and panels."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from bench.figures import figure, median_ms
from voice_lab import progress, root, stack
from voice_lab.services import database

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

PROBES, PROBES_OF_A_CLIENT = 1000, 20
FEW, MANY = 10, 1000
OPERATORS = "SELECT client, probe, health, last_call_at, disposition, sip_reason, mos FROM voice_probe_state"
OVERVIEWS = "SELECT * FROM voice_probe_state WHERE client = 'c-7'"

# MariaDB's sequence engine makes rows faster than any client could send them. Calls of one probe are a minute apart.
MAKE_PROBES = f"""
INSERT INTO voice_probe (client, probe, uid, generation, display_name, dialer_address, destination, receiver_address,
  answer_after_ms, every_ms, time_zone, duration_ms, dtmf, codecs, audio, media_encryption, mos_warning, mos_critical,
  loss_pct_warning, loss_pct_critical, jitter_ms_warning, jitter_ms_critical, pdd_ms_warning, pdd_ms_critical,
  late_media_ms_warning, late_media_ms_critical, alerting_enabled, alerting_for_ms, suspended, updated_at)
SELECT CONCAT('c-', p.seq DIV {PROBES_OF_A_CLIENT}), CONCAT('p-', p.seq), UUID(), 1, 'A probe', 'sip:a@x', 'sip:b@x',
  'sip:c@x', 2000, 60000, 'UTC', 30000, '[]', '["PCMA"]', 'speech-en', 'none', 4, 3.6, 0.5, 2, 20, 40, 3000, 6000,
  1000, 3000, 0, 0, 0, UTC_TIMESTAMP(3)
FROM seq_1_to_{PROBES} p
"""  # noqa: S608 - numbers of this file
MAKE_CALLS = """
INSERT INTO voice_call (uuid, started_at, client, probe, generation, sip_host, from_uri, to_uri, srtp, ended_at,
  disposition, sip_code, sip_reason, pdd_ms, duration_ms, hangup_by, audio, valid)
SELECT UNHEX(MD5(CONCAT(n.seq, '/', p.probe))), UTC_TIMESTAMP(3) - INTERVAL n.seq MINUTE, p.client, p.probe, 1, 'h',
  'sip:a@x', 'sip:b@x', 0, UTC_TIMESTAMP(3) - INTERVAL n.seq MINUTE, 'answered', 200, 'OK', 900, 30000, 'local',
  'speech-en', n.seq %% 100 <> 0
FROM seq_%d_to_%d n JOIN voice_probe p
"""
MAKE_STREAMS = """
INSERT INTO voice_call_stream (uuid, direction, started_at, client, probe, sip_host, codec, rtp_rx, loss_pct, jitter_ms,
  mos_cq, one_way, valid)
SELECT c.uuid, d.direction, c.started_at, c.client, c.probe, 'h', 'PCMA', 1500, 0.1, 2, 4.3, 0, c.valid
FROM voice_call c JOIN (SELECT 'forward' AS direction UNION SELECT 'reverse') d
WHERE c.started_at < UTC_TIMESTAMP(3) - INTERVAL %d MINUTE
  AND NOT EXISTS (SELECT 1 FROM voice_call_stream s WHERE s.uuid = c.uuid AND s.started_at = c.started_at)
"""


def main() -> None:
    """Start a database, fill it twice, measure each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=MANY, help=f"calls of each of the {PROBES} probes ({MANY})")
    many = parser.parse_args().calls
    names = ["schema"]
    root.become(lambda: stack.install(names), "bench.probestate", ["--calls", str(many)])
    with stack.running("bench-state") as lab:
        stack.up(lab, names)
        with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
            cursor.execute(MAKE_PROBES)
            few = _measure(cursor, 1, FEW)
            _measure(cursor, FEW + 1, many, few)


def _measure(cursor: Cursor, first: int, last: int, few: tuple[float, float] | None = None) -> tuple[float, float]:
    """Add the calls `first` to `last` of every probe, and print what the two queries cost then."""
    with progress.step("calls", f"making {PROBES} x {last}"):
        for begin in range(first, last + 1, 100):
            cursor.execute(MAKE_CALLS % (begin, min(begin + 99, last)))
            cursor.execute(MAKE_STREAMS % (begin - 1))
    for table in ("voice_call", "voice_call_stream"):
        cursor.execute(f"ANALYZE TABLE {table}")

    def asking(sql: str) -> float:
        return median_ms(lambda: cursor.execute(sql) and cursor.fetchall(), times=20)

    operators, overviews = asking(OPERATORS), asking(OVERVIEWS)
    against = f"{FEW} calls a probe" if few else ""
    figure(f"states_of_all_ms_at_{last}_calls", operators, "ms", against=against, ratio=few and operators / few[0])
    figure(f"states_of_client_ms_at_{last}_calls", overviews, "ms", against=against, ratio=few and overviews / few[1])
    return operators, overviews


if __name__ == "__main__":
    main()
