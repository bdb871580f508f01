"""The SQL of migration 0001: tables, and the views through which others see them.

Written as SQL and not as Django operations because Django has no words for partitions, for
`SQL SECURITY DEFINER` views, or for millisecond DATETIME columns without a time zone. It runs
unchanged on MySQL 8.0 (of which Aurora MySQL 3 is made) and MariaDB 10.11. `docs/cdr.md` gives the meaning, unit and
NULL meaning of every column.

All times are UTC. Text compares byte by byte (utf8mb4_bin), the same on every server. MySQL cannot roll DDL back:
IF NOT EXISTS and OR REPLACE let a migration that was cut short be run again. The name begins with an underscore
so that Django does not take this module for a migration.
"""

VOICE_CLIENT = """
CREATE TABLE IF NOT EXISTS voice_client (
  client            VARCHAR(63)  NOT NULL,
  display_name      VARCHAR(120) NOT NULL,
  time_zone         VARCHAR(64)  NOT NULL DEFAULT 'UTC',
  account           VARCHAR(32)  NULL,
  grafana_org_id    BIGINT       NULL,
  grafana_login     VARCHAR(64)  NULL,
  updated_at        DATETIME(3)  NOT NULL,
  PRIMARY KEY (client),
  UNIQUE KEY voice_client_account (account)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

VOICE_PROBE = """
CREATE TABLE IF NOT EXISTS voice_probe (
  client                 VARCHAR(63)  NOT NULL,
  probe                  VARCHAR(63)  NOT NULL,
  uid                    CHAR(36)     NOT NULL,
  generation             BIGINT       NOT NULL,
  display_name           VARCHAR(120) NOT NULL,
  dialer_address         VARCHAR(255) NOT NULL,
  dialer_outbound_proxy  VARCHAR(255) NULL,
  dialer_credentials     VARCHAR(63)  NULL,
  destination            VARCHAR(255) NOT NULL,
  receiver_address       VARCHAR(255) NOT NULL,
  receiver_registrar     VARCHAR(255) NULL,
  receiver_credentials   VARCHAR(63)  NULL,
  answer_after_ms        INT UNSIGNED NOT NULL,
  every_ms               INT UNSIGNED NULL,
  schedule               VARCHAR(120) NULL,
  time_zone              VARCHAR(64)  NOT NULL,
  duration_ms            INT UNSIGNED NOT NULL,
  dtmf                   JSON         NOT NULL,
  codecs                 JSON         NOT NULL,
  audio                  VARCHAR(120) NOT NULL,
  media_encryption       VARCHAR(8)   NOT NULL,
  mos_warning            DECIMAL(3,2) NOT NULL,
  mos_critical           DECIMAL(3,2) NOT NULL,
  loss_pct_warning       DECIMAL(6,3) NOT NULL,
  loss_pct_critical      DECIMAL(6,3) NOT NULL,
  jitter_ms_warning      DECIMAL(9,3) NOT NULL,
  jitter_ms_critical     DECIMAL(9,3) NOT NULL,
  pdd_ms_warning         INT UNSIGNED NOT NULL,
  pdd_ms_critical        INT UNSIGNED NOT NULL,
  late_media_ms_warning  INT UNSIGNED NOT NULL,
  late_media_ms_critical INT UNSIGNED NOT NULL,
  alerting_enabled       BOOLEAN      NOT NULL,
  alerting_for_ms        INT UNSIGNED NOT NULL,
  suspended              BOOLEAN      NOT NULL,
  confirmation           VARCHAR(8)   NOT NULL DEFAULT 'none',
  allow_overlap          BOOLEAN      NOT NULL DEFAULT FALSE,
  allotted_numbers       JSON         NOT NULL DEFAULT ('[]'),
  updated_at             DATETIME(3)  NOT NULL,
  PRIMARY KEY (client, probe),
  UNIQUE KEY voice_probe_uid (uid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

VOICE_SIP_HOST = """
CREATE TABLE IF NOT EXISTS voice_sip_host (
  sip_host         VARCHAR(63)  NOT NULL,
  version          VARCHAR(32)  NOT NULL,
  started_at       DATETIME(3)  NOT NULL,
  heartbeat_at     DATETIME(3)  NOT NULL,
  active_calls     INT UNSIGNED NOT NULL,
  spool_depth      INT UNSIGNED NOT NULL,
  dead_letters     INT UNSIGNED NOT NULL DEFAULT 0,
  strangers        INT UNSIGNED NOT NULL DEFAULT 0,
  calls_left_out   INT UNSIGNED NOT NULL DEFAULT 0,
  clock_offset_ms  DECIMAL(9,3) NULL,
  parties          VARCHAR(32)  NOT NULL DEFAULT '',
  clients          VARCHAR(2000) NOT NULL DEFAULT '',
  instance         CHAR(32)     NOT NULL DEFAULT '',
  PRIMARY KEY (sip_host)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

# Which host calls a probe, and which one registers as its receiver. A host renews what it holds; what is not renewed
# runs out, and another host takes it. Compared with the server's clock only: the hosts' clocks don't matter.
VOICE_PROBE_LEASE = """
CREATE TABLE IF NOT EXISTS voice_probe_lease (
  client      VARCHAR(63)  NOT NULL,
  probe       VARCHAR(63)  NOT NULL,
  party       ENUM('dialer','receiver') NOT NULL,
  sip_host    VARCHAR(63)  NOT NULL,
  expires_at  DATETIME(3)  NOT NULL,
  PRIMARY KEY (client, probe, party)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

VOICE_CALL_REQUEST = """
CREATE TABLE IF NOT EXISTS voice_call_request (
  id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  client        VARCHAR(63)     NOT NULL,
  probe         VARCHAR(63)     NOT NULL,
  requested_at  DATETIME(3)     NOT NULL,
  requested_by  VARCHAR(150)    NOT NULL,
  claimed_at    DATETIME(3)     NULL,
  claimed_by    VARCHAR(63)     NULL,
  call_uuid     BINARY(16)      NULL,
  PRIMARY KEY (id),
  KEY voice_call_request_open (claimed_at, requested_at),
  KEY voice_call_request_probe (client, probe, requested_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

# One row a probe, which whoever asks for a call locks meanwhile. No view shows it: a named lock of the server
# (GET_LOCK) anybody may take who may log in, and the rows of a view whoever may read it.
VOICE_CALL_REQUEST_LOCK = """
CREATE TABLE IF NOT EXISTS voice_call_request_lock (
  client  VARCHAR(63) NOT NULL,
  probe   VARCHAR(63) NOT NULL,
  PRIMARY KEY (client, probe)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""

# The partition key must be part of every unique key, so a call is identified by (uuid, started_at). A call's
# started_at never changes once it is drawn up, which keeps writing a CDR twice harmless.
VOICE_CALL = """
CREATE TABLE IF NOT EXISTS voice_call (
  uuid            BINARY(16)        NOT NULL,
  started_at      DATETIME(3)       NOT NULL,
  client          VARCHAR(63)       NOT NULL,
  probe           VARCHAR(63)       NOT NULL,
  generation      BIGINT            NOT NULL,
  sip_host        VARCHAR(63)       NOT NULL,
  request_id      BIGINT UNSIGNED   NULL,
  call_id         VARCHAR(255)      NULL,
  from_uri        VARCHAR(255)      NOT NULL,
  to_uri          VARCHAR(255)      NOT NULL,
  local_address   VARCHAR(64)       NULL,
  remote_address  VARCHAR(64)       NULL,
  transport       VARCHAR(8)        NULL,
  srtp            BOOLEAN           NOT NULL,
  progress_at     DATETIME(3)       NULL,
  answered_at     DATETIME(3)       NULL,
  ended_at        DATETIME(3)       NOT NULL,
  disposition     ENUM('answered','busy','no_answer','failed','timeout','interrupted','configuration_error') NOT NULL,
  sip_code        SMALLINT UNSIGNED NULL,
  sip_reason      VARCHAR(255)      NULL,
  q850_cause      SMALLINT UNSIGNED NULL,
  pdd_ms          INT UNSIGNED      NULL,
  ring_ms         INT UNSIGNED      NULL,
  setup_ms        INT UNSIGNED      NULL,
  first_rtp_ms    INT UNSIGNED      NULL,
  early_media     BOOLEAN           NOT NULL DEFAULT FALSE,
  redirects       SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  duration_ms     INT UNSIGNED      NOT NULL,
  hangup_by       ENUM('local','remote','timeout','none') NOT NULL,
  ua_remote       VARCHAR(255)      NULL,
  audio           VARCHAR(120)      NOT NULL,
  audio_sha256    BINARY(32)        NULL,
  probe_lag_ms    DECIMAL(9,3)      NULL,
  valid           BOOLEAN           NOT NULL,
  PRIMARY KEY (uuid, started_at),
  KEY voice_call_probe (client, probe, started_at),
  KEY voice_call_time (client, started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (started_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))
"""

VOICE_CALL_STREAM = """
CREATE TABLE IF NOT EXISTS voice_call_stream (
  uuid                BINARY(16)        NOT NULL,
  direction           ENUM('forward','reverse') NOT NULL,
  started_at          DATETIME(3)       NOT NULL,
  client              VARCHAR(63)       NOT NULL,
  probe               VARCHAR(63)       NOT NULL,
  sip_host            VARCHAR(63)       NOT NULL,
  codec               VARCHAR(16)       NULL,
  payload_type        TINYINT UNSIGNED  NULL,
  ptime_ms            SMALLINT UNSIGNED NULL,
  rtp_tx              INT UNSIGNED      NULL,
  rtp_rx              INT UNSIGNED      NOT NULL,
  rtp_expected        INT UNSIGNED      NULL,
  rtp_lost            INT UNSIGNED      NULL,
  rtp_dup             INT UNSIGNED      NULL,
  rtp_out_of_order    INT UNSIGNED      NULL,
  rtp_discarded       INT UNSIGNED      NULL,
  rtp_other_source    INT UNSIGNED      NULL,
  loss_pct            DECIMAL(6,3)      NULL,
  discard_pct         DECIMAL(6,3)      NULL,
  max_loss_run        INT UNSIGNED      NULL,
  burst_loss_pct      DECIMAL(6,3)      NULL,
  burst_ms            INT UNSIGNED      NULL,
  gap_loss_pct        DECIMAL(6,3)      NULL,
  gap_ms              INT UNSIGNED      NULL,
  jitter_ms           DECIMAL(9,3)      NULL,
  jitter_max_ms       DECIMAL(9,3)      NULL,
  pdv_p95_ms          DECIMAL(9,3)      NULL,
  rtt_ms              DECIMAL(9,3)      NULL,
  rtt_max_ms          DECIMAL(9,3)      NULL,
  remote_lost         INT               NULL,
  remote_jitter_ms    DECIMAL(9,3)      NULL,
  r_factor            DECIMAL(5,2)      NULL,
  mos_cq              DECIMAL(4,3)      NULL,
  mos_lq              DECIMAL(4,3)      NULL,
  mos_min             DECIMAL(4,3)      NULL,
  wideband            BOOLEAN           NOT NULL DEFAULT FALSE,
  mos_lqo             DECIMAL(4,3)      NULL,
  mos_lqo_algorithm   VARCHAR(32)       NULL,
  active_pct          DECIMAL(6,3)      NULL,
  longest_silence_ms  INT UNSIGNED      NULL,
  speech_dbov         DECIMAL(5,2)      NULL,
  noise_dbov          DECIMAL(5,2)      NULL,
  clip_pct            DECIMAL(6,3)      NULL,
  concealed_pct       DECIMAL(6,3)      NULL,
  late_media_ms       INT UNSIGNED      NULL,
  held_ms             INT UNSIGNED      NULL,
  one_way             BOOLEAN           NOT NULL,
  silent              BOOLEAN           NOT NULL DEFAULT FALSE,
  recording           VARCHAR(255)      NULL,
  probe_lag_ms        DECIMAL(9,3)      NULL,
  valid               BOOLEAN           NOT NULL,
  PRIMARY KEY (uuid, direction, started_at),
  KEY voice_call_stream_probe (client, probe, started_at),
  KEY voice_call_stream_time (client, started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (started_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))
"""

# One row for each second in which a direction should have carried sound. Kept for a short time only.
VOICE_CALL_INTERVAL = """
CREATE TABLE IF NOT EXISTS voice_call_interval (
  uuid           BINARY(16)        NOT NULL,
  direction      ENUM('forward','reverse') NOT NULL,
  second         SMALLINT UNSIGNED NOT NULL,
  started_at     DATETIME(3)       NOT NULL,
  client         VARCHAR(63)       NOT NULL,
  probe          VARCHAR(63)       NOT NULL,
  rtp_expected   SMALLINT UNSIGNED NOT NULL,
  rtp_lost       SMALLINT UNSIGNED NOT NULL,
  rtp_discarded  SMALLINT UNSIGNED NOT NULL,
  jitter_ms      DECIMAL(9,3)      NULL,
  mos_cq         DECIMAL(4,3)      NULL,
  level_dbov     DECIMAL(5,2)      NULL,
  PRIMARY KEY (uuid, direction, second, started_at),
  KEY voice_call_interval_time (client, started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (started_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))
"""

# The SIP messages of one leg, apart from voice_call because they are a hundred times its size and rarely looked at.
VOICE_CALL_LADDER = """
CREATE TABLE IF NOT EXISTS voice_call_ladder (
  uuid        BINARY(16)  NOT NULL,
  leg         ENUM('dialer','receiver') NOT NULL,
  started_at  DATETIME(3) NOT NULL,
  client      VARCHAR(63) NOT NULL,
  probe       VARCHAR(63) NOT NULL,
  messages    MEDIUMTEXT  NOT NULL,
  PRIMARY KEY (uuid, leg, started_at),
  KEY voice_call_ladder_time (client, started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (started_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))
"""

# The one place that says what a probe's last call and health are; the operator's status, the portal and the
# panels all read it. A call that the measuring host spoilt itself (valid = 0) says nothing about the path.
#
# The newest call is found by ORDER BY … LIMIT 1, which reads one row from the end of the index voice_call_probe;
# MAX(started_at), or a column to order by that the index has not, would read every call of the probe; so might another
# index, which a server with few calls yet prefers. The index's first columns are named too: MySQL (8.0) does not see
# that they are the same in every row, as client and probe come from outside, and would sort every call of the probe.
# It selects the call's uuid, so that two hosts which call in the same millisecond do not give the probe two rows.
# A comparison with NULL (nothing measured) is never true, so it makes no probe unhealthy by itself; but
# in an answered call both directions must have been heard: one_way, a stream that is missing altogether, or one that
# brought no speech, is bad.
# COLLATE: words of our own have the collation of whoever makes the view, and MySQL compares them with the words of a
# connection that has another one not at all. Said here, they compare like every other text of the schema.
# 28800000: a probe on a cron schedule has no interval; three times eight hours without a call is NoData.
VOICE_PROBE_STATE = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW voice_probe_state AS
SELECT s.*,
  (CASE
    WHEN s.suspended THEN 'Suspended'
    WHEN s.last_call_at IS NULL
      OR s.last_call_at < UTC_TIMESTAMP(3)
        - INTERVAL (3 * COALESCE(s.every_ms, 28800000) + s.duration_ms) * 1000 MICROSECOND
      THEN 'NoData'
    WHEN s.disposition <> 'answered' OR COALESCE(s.one_way, 1) OR COALESCE(s.silent, 1)
      OR s.mos < s.mos_critical OR s.loss_pct > s.loss_pct_critical
      OR s.jitter_ms > s.jitter_ms_critical OR s.pdd_ms > s.pdd_ms_critical
      OR s.late_media_ms > s.late_media_ms_critical THEN 'Unhealthy'
    WHEN s.mos < s.mos_warning OR s.loss_pct > s.loss_pct_warning
      OR s.jitter_ms > s.jitter_ms_warning OR s.pdd_ms > s.pdd_ms_warning
      OR s.late_media_ms > s.late_media_ms_warning THEN 'Degraded'
    ELSE 'Healthy'
  END) COLLATE utf8mb4_bin AS health
FROM (
  SELECT p.client, p.probe, p.uid, p.display_name, p.destination, p.every_ms, p.duration_ms, p.suspended,
    p.mos_warning, p.mos_critical, p.loss_pct_warning, p.loss_pct_critical,
    p.jitter_ms_warning, p.jitter_ms_critical, p.pdd_ms_warning, p.pdd_ms_critical,
    p.late_media_ms_warning, p.late_media_ms_critical,
    c.uuid AS last_call_uuid, c.started_at AS last_call_at, c.generation AS last_call_generation,
    c.disposition, c.sip_code, c.sip_reason, c.pdd_ms,
    f.mos_cq AS mos_forward, r.mos_cq AS mos_reverse,
    LEAST(COALESCE(f.mos_cq, r.mos_cq), COALESCE(r.mos_cq, f.mos_cq)) AS mos,
    GREATEST(COALESCE(f.loss_pct, r.loss_pct), COALESCE(r.loss_pct, f.loss_pct)) AS loss_pct,
    GREATEST(COALESCE(f.jitter_ms, r.jitter_ms), COALESCE(r.jitter_ms, f.jitter_ms)) AS jitter_ms,
    GREATEST(COALESCE(f.late_media_ms, r.late_media_ms), COALESCE(r.late_media_ms, f.late_media_ms)) AS late_media_ms,
    GREATEST(f.one_way, r.one_way) AS one_way, GREATEST(f.silent, r.silent) AS silent,
    p.alerting_enabled, p.alerting_for_ms, p.updated_at AS published_at
  FROM voice_probe p
  LEFT JOIN voice_call c
    ON c.uuid = (SELECT l.uuid FROM voice_call l FORCE INDEX (voice_call_probe)
                 WHERE l.client = p.client AND l.probe = p.probe AND l.valid
                 ORDER BY l.client DESC, l.probe DESC, l.started_at DESC LIMIT 1)
  LEFT JOIN voice_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
  LEFT JOIN voice_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
) s
"""

# What each call says by itself: the one definition of a call's health, and of what an agreement on quality counts as a
# good call. Both judge by the thresholds that the probe has now. A comparison with NULL (nothing measured) is never
# true, so it makes no call bad by itself. `valid` is told, not asked: who reads leaves out what does not count.
# STRAIGHT_JOIN: begun at the probes, a server would read every call that each of them ever made.
VOICE_CALL_JUDGED = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW voice_call_judged AS
SELECT c.uuid, c.started_at, c.client, c.probe, p.display_name, c.sip_host, c.disposition, c.sip_code, c.sip_reason,
  c.pdd_ms, c.valid, f.mos_cq AS mos_forward, r.mos_cq AS mos_reverse,
  LEAST(COALESCE(f.mos_cq, r.mos_cq), COALESCE(r.mos_cq, f.mos_cq)) AS mos,
  GREATEST(COALESCE(f.loss_pct, r.loss_pct), COALESCE(r.loss_pct, f.loss_pct)) AS loss_pct,
  GREATEST(COALESCE(f.jitter_ms, r.jitter_ms), COALESCE(r.jitter_ms, f.jitter_ms)) AS jitter_ms,
  GREATEST(COALESCE(f.late_media_ms, r.late_media_ms), COALESCE(r.late_media_ms, f.late_media_ms)) AS late_media_ms,
  (c.disposition = 'answered') AS answered,
  COALESCE(NOT (f.one_way OR f.silent OR r.one_way OR r.silent), 0) AS heard,
  (c.disposition = 'answered' AND COALESCE(NOT (f.one_way OR f.silent OR r.one_way OR r.silent), 0)
    AND NOT COALESCE(f.mos_cq < p.mos_warning, 0) AND NOT COALESCE(r.mos_cq < p.mos_warning, 0)) AS compliant,
  (CASE
    WHEN c.disposition <> 'answered' OR COALESCE(f.one_way OR f.silent OR r.one_way OR r.silent, 1)
      OR f.mos_cq < p.mos_critical OR r.mos_cq < p.mos_critical
      OR f.loss_pct > p.loss_pct_critical OR r.loss_pct > p.loss_pct_critical
      OR f.jitter_ms > p.jitter_ms_critical OR r.jitter_ms > p.jitter_ms_critical
      OR c.pdd_ms > p.pdd_ms_critical
      OR f.late_media_ms > p.late_media_ms_critical OR r.late_media_ms > p.late_media_ms_critical THEN 'Unhealthy'
    WHEN f.mos_cq < p.mos_warning OR r.mos_cq < p.mos_warning
      OR f.loss_pct > p.loss_pct_warning OR r.loss_pct > p.loss_pct_warning
      OR f.jitter_ms > p.jitter_ms_warning OR r.jitter_ms > p.jitter_ms_warning
      OR c.pdd_ms > p.pdd_ms_warning
      OR f.late_media_ms > p.late_media_ms_warning OR r.late_media_ms > p.late_media_ms_warning THEN 'Degraded'
    ELSE 'Healthy'
  END) COLLATE utf8mb4_bin AS health
FROM voice_call c
STRAIGHT_JOIN voice_probe p ON p.client = c.client AND p.probe = c.probe
LEFT JOIN voice_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN voice_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
"""

# What a client's read account may see. The account's name decides, on the server, whose rows they are: USER() is
# who logged in, also inside a view that runs with its definer's rights (CURRENT_USER() would be the definer).
_OWN = "(SELECT a.client FROM voice_client a WHERE a.account = SUBSTRING_INDEX(USER(), '@', 1))"


def client_view(view: str, table: str) -> str:
    """SQL of a view that shows the rows of `table` that belong to the client whose account is asking."""
    rows = f"SELECT t.* FROM {table} t WHERE t.client = {_OWN}"  # noqa: S608 - both are names in this file
    return f"CREATE OR REPLACE SQL SECURITY DEFINER VIEW {view} AS {rows}"


# What the provider's own staff may see of all clients: the account `voice_fleet`, which no client has, may read these.
# Not the clients' rows themselves: nobody needs the account names to look at quality.
FLEET_CLIENT = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW fleet_client AS
SELECT client, display_name, time_zone FROM voice_client
"""


def fleet_view(view: str, table: str) -> str:
    """SQL of a view that shows all rows of `table`."""
    return f"CREATE OR REPLACE SQL SECURITY DEFINER VIEW {view} AS SELECT t.* FROM {table} t"  # noqa: S608 - names in this file


TABLES = {
    "voice_client": VOICE_CLIENT,
    "voice_probe": VOICE_PROBE,
    "voice_sip_host": VOICE_SIP_HOST,
    "voice_probe_lease": VOICE_PROBE_LEASE,
    "voice_call_request": VOICE_CALL_REQUEST,
    "voice_call_request_lock": VOICE_CALL_REQUEST_LOCK,
    "voice_call": VOICE_CALL,
    "voice_call_stream": VOICE_CALL_STREAM,
    "voice_call_interval": VOICE_CALL_INTERVAL,
    "voice_call_ladder": VOICE_CALL_LADDER,
}
VIEWS = {
    "voice_probe_state": VOICE_PROBE_STATE,
    "voice_call_judged": VOICE_CALL_JUDGED,
    "client_call": client_view("client_call", "voice_call"),
    "client_call_stream": client_view("client_call_stream", "voice_call_stream"),
    "client_call_interval": client_view("client_call_interval", "voice_call_interval"),
    "client_call_ladder": client_view("client_call_ladder", "voice_call_ladder"),
    "client_probe": client_view("client_probe", "voice_probe_state"),
    "client_call_judged": client_view("client_call_judged", "voice_call_judged"),
    "fleet_client": FLEET_CLIENT,
    "fleet_probe": fleet_view("fleet_probe", "voice_probe_state"),
    "fleet_call": fleet_view("fleet_call", "voice_call"),
    "fleet_call_judged": fleet_view("fleet_call_judged", "voice_call_judged"),
    "fleet_sip_host": fleet_view("fleet_sip_host", "voice_sip_host"),
}
