"""The SQL of migration 0003: recordings of calls, which the portal plays.

As `_ddl_0001.py`: on MySQL 8.0 and MariaDB 10.11 alike, and to be run again where it was cut short.
"""

# Apart from voice_call_stream because it is ten thousand times its size. Nobody but the portal reads it, and no view
# shows it. MEDIUMBLOB: InnoDB keeps it outside of the row, so looking for a recording reads none of it.
VOICE_CALL_RECORDING = """
CREATE TABLE IF NOT EXISTS voice_call_recording (
  uuid         BINARY(16)         NOT NULL,
  direction    ENUM('forward','reverse') NOT NULL,
  started_at   DATETIME(3)        NOT NULL,
  client       VARCHAR(63)        NOT NULL,
  probe        VARCHAR(63)        NOT NULL,
  sip_host     VARCHAR(63)        NOT NULL,
  rate_hz      MEDIUMINT UNSIGNED NOT NULL,
  duration_ms  INT UNSIGNED       NOT NULL,
  whole_ms     INT UNSIGNED       NOT NULL,
  octets       INT UNSIGNED       NOT NULL,
  sha256       BINARY(32)         NOT NULL,
  peaks        VARBINARY(1024)    NOT NULL,
  content      MEDIUMBLOB         NOT NULL,
  PRIMARY KEY (uuid, direction, started_at),
  KEY voice_call_recording_time (client, started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (started_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))
"""

TABLES = {"voice_call_recording": VOICE_CALL_RECORDING}
