"""A client with very many calls, made by the database itself: MariaDB's sequence engine is faster than any client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voice_lab import progress

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

CLIENT = "bench"
PROBES = 50
EVERY_S = 120
"""Seconds between two calls of a probe: a million calls of 50 probes are four weeks."""

CHUNK = 1000

MAKE_CLIENT = """
INSERT INTO voice_client (client, display_name, time_zone, grafana_org_id, grafana_login, updated_at)
VALUES (%s, 'Bench', 'Europe/London', 7, 'client-bench', UTC_TIMESTAMP(3))
"""
HAS_ACCESS = """
SELECT COUNT(*) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = 'voice_client' AND column_name = 'access'
"""
MAKE_PROBES = f"""
INSERT INTO voice_probe (client, probe, uid, generation, display_name, dialer_address, destination, receiver_address,
  answer_after_ms, every_ms, time_zone, duration_ms, dtmf, codecs, audio, media_encryption, mos_warning, mos_critical,
  loss_pct_warning, loss_pct_critical, jitter_ms_warning, jitter_ms_critical, pdd_ms_warning, pdd_ms_critical,
  late_media_ms_warning, late_media_ms_critical, alerting_enabled, alerting_for_ms, suspended, updated_at)
SELECT '{CLIENT}', CONCAT('p-', p.seq), UUID(), 1, CONCAT('Probe ', p.seq), 'sip:probe@voice.example.net',
  'sip:b@x', 'sip:c@x', 2000, {EVERY_S * 1000}, 'UTC', 30000, '[]', '["PCMA"]', 'speech-en', 'none', 4, 3.6, 0.5, 2,
  20, 40, 3000, 6000, 1000, 3000, 0, 0, 0, UTC_TIMESTAMP(3)
FROM seq_1_to_{PROBES} p
"""  # noqa: S608 - numbers and a name of this file
# One call in 97 is busy. A call's UUID begins with its time (RFC 9562, version 7), as the SIP application's do.
AT = f"(@now - INTERVAL n.seq * {EVERY_S} SECOND - INTERVAL p.seq * 1100 * 1000 MICROSECOND)"
MAKE_CALLS = f"""
INSERT INTO voice_call (uuid, started_at, client, probe, generation, sip_host, call_id, from_uri, to_uri, local_address,
  remote_address, transport, srtp, answered_at, ended_at, disposition, sip_code, sip_reason, pdd_ms, setup_ms,
  duration_ms, hangup_by, ua_remote, audio, valid)
SELECT UNHEX(CONCAT(LPAD(HEX(FLOOR(UNIX_TIMESTAMP({AT}) * 1000)), 12, '0'), '7',
    SUBSTR(MD5(CONCAT(n.seq, '/', p.seq)), 1, 19))),
  {AT}, '{CLIENT}', CONCAT('p-', p.seq), 1, 'sip-1', CONCAT(MD5(CONCAT(n.seq, '/', p.seq)), '@[2001:db8::1]'),
  'sip:probe@voice.example.net', CONCAT('sip:+4420718387', p.seq, '@sbc.acme.example'), '2001:db8::1',
  '[2001:db8::2]:5060', 'udp', 0, IF(MOD(n.seq * 7 + p.seq, 97), {AT}, NULL), {AT} + INTERVAL 32 SECOND,
  IF(MOD(n.seq * 7 + p.seq, 97), 'answered', 'busy'), IF(MOD(n.seq * 7 + p.seq, 97), 200, 486), 'OK',
  500 + MOD(n.seq * 31 + p.seq * 17, 3000), 2900, 30000, 'local', 'kamailio (5.6.3)', 'speech-en', n.seq % 100 <> 0
FROM seq_{{first}}_to_{{last}} n JOIN seq_1_to_{PROBES} p ORDER BY 1
"""  # noqa: S608 - the same
MAKE_STREAMS = f"""
INSERT INTO voice_call_stream (uuid, direction, started_at, client, probe, sip_host, codec, payload_type, ptime_ms,
  rtp_tx, rtp_rx, rtp_expected, rtp_lost, rtp_discarded, loss_pct, discard_pct, jitter_ms, r_factor, mos_cq, mos_lq,
  mos_min, concealed_pct, late_media_ms, one_way, valid)
SELECT c.uuid, d.direction, c.started_at, c.client, c.probe, 'sip-1', 'PCMA', 8, 20, 1500, 1490, 1500, 10, 0,
  ROUND(2 * POW(RAND(), 6), 3), 0, 2, 90, ROUND(4.4 - 2 * POW(RAND(), 8), 3), 4.4, 4.2, 0.1, 40, 0, c.valid
FROM voice_call c JOIN (SELECT 'forward' AS direction UNION SELECT 'reverse') d
WHERE c.client = '{CLIENT}' AND c.disposition = 'answered'
  AND c.started_at < @now - INTERVAL {{first}} * {EVERY_S} SECOND
  AND c.started_at >= @now - INTERVAL ({{last}} + 1) * {EVERY_S} SECOND ORDER BY 1
"""  # noqa: S608 - the same


def make(cursor: Cursor, calls: int, access: str) -> None:
    """Make the client with its probes and `calls` calls, the newest a few minutes old; both streams of those answered.

    `access`: what the client's VoiceClient says of who may see it, where the schema knows of that.
    """
    cursor.execute(MAKE_CLIENT, [CLIENT])
    cursor.execute(HAS_ACCESS)
    if cursor.fetchone() != (0,):
        cursor.execute("UPDATE voice_client SET access = %s WHERE client = %s", [access, CLIENT])
    cursor.execute(MAKE_PROBES)
    cursor.execute("SET @now = UTC_TIMESTAMP(3), time_zone = '+00:00', unique_checks = 0")
    with progress.step("calls", f"making {calls}"):
        for first in range(1, calls // PROBES + 1, CHUNK):
            part = {"first": first, "last": min(first + CHUNK - 1, calls // PROBES)}
            cursor.execute(MAKE_CALLS.format(**part))
            cursor.execute(MAKE_STREAMS.format(**part))
        for table in ("voice_call", "voice_call_stream"):
            cursor.execute(f"ANALYZE TABLE {table}")
