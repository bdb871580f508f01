"""How fast records get into the database: spool and ODBC writer against a plain insert of many rows at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from voice_lab.context import Lab
from voice_lab.services import database, sip_host
from voice_sipapp import settings
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import (
    CALL_COLUMNS,
    INTERVAL_COLUMNS,
    LADDER_COLUMNS,
    STREAM_COLUMNS,
    CallRecord,
    Cdr,
    IntervalRecord,
    LadderRecord,
    StreamRecord,
    parameters,
)
from voice_sipapp.records.spool import Spool
from voice_sipapp.records.writer import Writer

CLIENT = "bench-rows"
CALL_S = 30
MESSAGE = "INVITE sip:+442071838750@sbc.acme.example SIP/2.0\\r\\n" + "Via: SIP/2.0/UDP [2001:db8::1]:5060\\r\\n" * 15
Record = CallRecord | StreamRecord | IntervalRecord | LadderRecord
DIRECTIONS = ("forward", "reverse")


@dataclass(frozen=True)
class Speed:
    """Rows a second into the database, call records a second into the spool (each synced to disk)."""

    rows_per_s: float
    plain_rows_per_s: float
    cdrs_per_s: float
    spooled_per_s: float


def measure(lab: Lab, calls: int) -> Speed:
    """Carry `calls` records of 30 s calls through spool and writer; insert as many rows plainly."""
    path = lab.folder / "bench-rows.sqlite"
    ours, theirs = _cdrs(calls), _cdrs(calls)
    rows = sum(1 + len(cdr.streams) + len(cdr.intervals) + len(cdr.ladders) for cdr in ours)
    with closing(Spool(path)) as spool:
        spooling = _timed(lambda: _spool(spool, ours))
        writer = Writer(spool, settings.from_environment(sip_host.environment(lab)).database)
        writing = _timed(writer.drain)
        if spool.depth() or spool.dead():
            raise RuntimeError(f"{spool.depth()} records stayed in the spool, {spool.dead()} were put aside")
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    plain = _timed(lambda: _plain_insert(lab, theirs))
    return Speed(rows / writing, rows / plain, calls / writing, calls / spooling)


def _spool(spool: Spool, cdrs: Sequence[Cdr]) -> None:
    for cdr in cdrs:
        spool.put(cdr)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _plain_insert(lab: Lab, cdrs: list[Cdr]) -> None:
    """What a script would do that had the rows in memory: multi-row inserts, a commit for each fifty calls."""
    tables: dict[str, tuple[Sequence[str], Callable[[Cdr], Sequence[Record]]]] = {
        "voice_call": (CALL_COLUMNS, lambda cdr: [cdr.call]),
        "voice_call_stream": (STREAM_COLUMNS, lambda cdr: cdr.streams),
        "voice_call_interval": (INTERVAL_COLUMNS, lambda cdr: cdr.intervals),
        "voice_call_ladder": (LADDER_COLUMNS, lambda cdr: cdr.ladders),
    }
    with closing(database.connect(lab, "sip")) as connection, connection.cursor() as cursor:
        connection.autocommit(False)
        for start in range(0, len(cdrs), 50):
            part = cdrs[start : start + 50]
            for table, (columns, records) in tables.items():
                places = ", ".join(["%s"] * len(columns))
                query = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names from above
                cursor.executemany(query, [parameters(record) for cdr in part for record in records(cdr)])
            connection.commit()


def _cdrs(count: int) -> list[Cdr]:
    """Records of good calls of 30 s, each whole: two streams, an interval a second, both ladders."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [_cdr(now - timedelta(milliseconds=at)) for at in range(count)]


def _cdr(started: datetime) -> Cdr:
    uuid = calluuid.new(started)
    common: dict[str, Any] = {"uuid": uuid, "started_at": started, "client": CLIENT, "probe": "inbound-sales"}
    call = CallRecord(
        **common, generation=1, sip_host=CLIENT, call_id=f"{uuid.hex}@host", from_uri="sip:probe-1@voice.example.net",
        to_uri="sip:+442071838750@sbc.acme.example", local_address="2001:db8::1", remote_address="[2001:db8::2]:5060",
        transport="udp", progress_at=started, answered_at=started, ended_at=started + timedelta(seconds=CALL_S),
        disposition="answered", sip_code=200, sip_reason="OK", pdd_ms=40, setup_ms=2040, first_rtp_ms=2050,
        duration_ms=CALL_S * 1000, hangup_by="local", ua_remote="sbc", audio="speech-en", audio_sha256=bytes(32),
        probe_lag_ms=0.7,
    )  # fmt: skip
    stream = StreamRecord(
        **common, direction="forward", sip_host=CLIENT, codec="PCMA", payload_type=8, ptime_ms=20, rtp_tx=1500,
        rtp_rx=1496, rtp_expected=1500, rtp_lost=4, rtp_dup=0, rtp_out_of_order=0, rtp_discarded=0, loss_pct=0.267,
        discard_pct=0.0, max_loss_run=1, burst_loss_pct=0.0, burst_ms=0, gap_loss_pct=0.267, gap_ms=30_000,
        jitter_ms=0.412, jitter_max_ms=0.9, rtt_ms=21.4, rtt_max_ms=22.0, r_factor=92.1, mos_cq=4.36, mos_lq=4.38,
        active_pct=81.2, longest_silence_ms=420, speech_dbov=-26.1, clip_pct=0.0, late_media_ms=30, held_ms=0,
        probe_lag_ms=0.7,
    )  # fmt: skip
    intervals = tuple(
        IntervalRecord(
            **common, direction=direction, second=second, rtp_expected=50, rtp_lost=0, rtp_discarded=0, jitter_ms=0.4,
            mos_cq=4.36, level_dbov=-26.1,
        )
        for direction in DIRECTIONS
        for second in range(CALL_S)
    )  # fmt: skip
    messages = '[{"ms": 0, "sent": true, "peer": "[2001:db8::2]:5060", "text": "' + MESSAGE + '"}]'
    ladders = tuple(LadderRecord(**common, leg=leg, messages=messages) for leg in ("dialer", "receiver"))
    return Cdr(call, tuple(replace(stream, direction=direction) for direction in DIRECTIONS), intervals, ladders)
