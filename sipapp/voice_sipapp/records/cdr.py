"""Call detail records: exactly the columns of `voice_call` and `voice_call_stream`, and how they travel.

A record is made once, when its call is over, then kept in the spool as JSON until the database has it.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

Value = str | int | float | bool | bytes | UUID | datetime | None
Parameter = str | int | float | bytes | None

DISPOSITIONS = ("answered", "busy", "no_answer", "failed", "timeout", "interrupted", "configuration_error")

_WIDTHS = {
    "call_id": 255, "from_uri": 255, "to_uri": 255, "local_address": 64, "remote_address": 64, "sip_reason": 255,
    "ua_remote": 255, "audio": 120, "codec": 16, "transport": 8, "mos_lqo_algorithm": 32, "recording": 255,
}  # fmt: skip
_DECIMALS = {
    "loss_pct": (6, 3), "discard_pct": (6, 3), "burst_loss_pct": (6, 3), "gap_loss_pct": (6, 3), "active_pct": (6, 3),
    "clip_pct": (6, 3), "concealed_pct": (6, 3), "jitter_ms": (9, 3), "jitter_max_ms": (9, 3), "rtt_ms": (9, 3),
    "rtt_max_ms": (9, 3), "remote_jitter_ms": (9, 3), "probe_lag_ms": (9, 3), "pdv_p95_ms": (9, 3),
    "clock_offset_ms": (9, 3), "mos_cq": (4, 3), "mos_lq": (4, 3), "mos_min": (4, 3), "mos_lqo": (4, 3),
    "r_factor": (5, 2), "speech_dbov": (5, 2), "noise_dbov": (5, 2), "level_dbov": (5, 2),
}  # fmt: skip
"""Digits of a DECIMAL, and how many of them are behind the point."""

_TINY, _SMALL, _LARGE, _HUGE = range(2**8), range(2**16), range(2**31), range(2**63)
_INTEGERS = {
    "payload_type": _TINY, "ptime_ms": _SMALL, "redirects": _SMALL, "q850_cause": _SMALL, "second": _SMALL,
    "generation": _HUGE, "request_id": _HUGE, "remote_lost": range(-(2**31), 2**31),
}  # fmt: skip
"""What columns hold that do not hold `_LARGE`."""

_SIP_CODES = range(100, 700)


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One row of `voice_call`. Times are UTC; a column that is None was not measured or does not apply."""

    uuid: UUID
    started_at: datetime
    client: str
    probe: str
    generation: int
    sip_host: str
    request_id: int | None = None
    call_id: str | None = None
    from_uri: str
    to_uri: str
    local_address: str | None = None
    remote_address: str | None = None
    transport: str | None = None
    srtp: bool = False
    progress_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime
    disposition: str
    sip_code: int | None = None
    sip_reason: str | None = None
    q850_cause: int | None = None
    pdd_ms: int | None = None
    ring_ms: int | None = None
    setup_ms: int | None = None
    first_rtp_ms: int | None = None
    early_media: bool = False
    redirects: int = 0
    duration_ms: int = 0
    hangup_by: str = "none"
    ua_remote: str | None = None
    audio: str
    audio_sha256: bytes | None = None
    probe_lag_ms: float | None = None
    valid: bool = True


@dataclass(frozen=True, kw_only=True)
class StreamRecord:
    """One row of `voice_call_stream`: the media of one direction as its far end received it."""

    uuid: UUID
    direction: str
    started_at: datetime
    client: str
    probe: str
    sip_host: str
    codec: str | None = None
    payload_type: int | None = None
    ptime_ms: int | None = None
    rtp_tx: int | None = None
    rtp_rx: int = 0
    rtp_expected: int | None = None
    rtp_lost: int | None = None
    rtp_dup: int | None = None
    rtp_out_of_order: int | None = None
    rtp_discarded: int | None = None
    rtp_other_source: int | None = None
    loss_pct: float | None = None
    discard_pct: float | None = None
    max_loss_run: int | None = None
    burst_loss_pct: float | None = None
    burst_ms: int | None = None
    gap_loss_pct: float | None = None
    gap_ms: int | None = None
    jitter_ms: float | None = None
    jitter_max_ms: float | None = None
    pdv_p95_ms: float | None = None
    rtt_ms: float | None = None
    rtt_max_ms: float | None = None
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None
    r_factor: float | None = None
    mos_cq: float | None = None
    mos_lq: float | None = None
    mos_min: float | None = None
    wideband: bool = False
    mos_lqo: float | None = None
    mos_lqo_algorithm: str | None = None
    active_pct: float | None = None
    longest_silence_ms: int | None = None
    speech_dbov: float | None = None
    noise_dbov: float | None = None
    clip_pct: float | None = None
    concealed_pct: float | None = None
    late_media_ms: int | None = None
    held_ms: int | None = None
    one_way: bool = False
    silent: bool = False
    recording: str | None = None
    probe_lag_ms: float | None = None
    valid: bool = True


@dataclass(frozen=True, kw_only=True)
class IntervalRecord:
    """One row of `voice_call_interval`: one second of one direction, counted from its first packet."""

    uuid: UUID
    direction: str
    second: int
    started_at: datetime
    client: str
    probe: str
    rtp_expected: int
    rtp_lost: int
    rtp_discarded: int
    jitter_ms: float | None = None
    mos_cq: float | None = None
    level_dbov: float | None = None


@dataclass(frozen=True, kw_only=True)
class LadderRecord:
    """One row of `voice_call_ladder`: the SIP messages of one leg, as JSON (docs/cdr.md), without credentials."""

    uuid: UUID
    leg: str
    started_at: datetime
    client: str
    probe: str
    messages: str


@dataclass(frozen=True)
class Cdr:
    """One call and what belongs to it: written together or not at all."""

    call: CallRecord
    streams: tuple[StreamRecord, ...]
    intervals: tuple[IntervalRecord, ...] = ()
    ladders: tuple[LadderRecord, ...] = ()

    def to_json(self) -> str:
        """The record as text; `from_json` gives it back."""
        return json.dumps(asdict(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> "Cdr":
        """The record that `to_json` wrote. Raises ValueError or TypeError for anything else."""
        rows = json.loads(text)
        return cls(
            CallRecord(**_typed(rows["call"])),
            tuple(StreamRecord(**_typed(row)) for row in rows["streams"]),
            tuple(IntervalRecord(**_typed(row)) for row in rows["intervals"]),
            tuple(LadderRecord(**_typed(row)) for row in rows["ladders"]),
        )


@dataclass(frozen=True)
class ReceiverPart:
    """What a host knows that was the receiver of a call whose dialer runs on another host.

    `known`: the INVITE carried the call's UUID. Otherwise the keys in the records are provisional, and the call is
    found in the database by probe and time: it started shortly before `invited_at`; and by the `code` that was heard,
    if any. `problem`: what this host spoilt of the call, in words; such a call does not count. `contested`: all that is
    known is that two legs came for the call, and neither proved to be it (but for one whose code was heard, where
    `code` says that calls have any); there is no stream to be kept.
    """

    known: bool
    invited_at: datetime
    code: str | None
    stream: StreamRecord
    intervals: tuple[IntervalRecord, ...] = ()
    ladders: tuple[LadderRecord, ...] = ()
    problem: str | None = None
    contested: bool = False

    def to_json(self) -> str:
        """The record as text; `from_json` gives it back. Other than a Cdr's it has no "call"."""
        return json.dumps(asdict(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> "ReceiverPart":
        """The record that `to_json` wrote. Raises ValueError or TypeError for anything else."""
        rows = json.loads(text)
        return cls(
            known=bool(rows["known"]),
            invited_at=datetime.fromisoformat(rows["invited_at"]),
            code=rows["code"],
            stream=StreamRecord(**_typed(rows["stream"])),
            intervals=tuple(IntervalRecord(**_typed(row)) for row in rows["intervals"]),
            ladders=tuple(LadderRecord(**_typed(row)) for row in rows["ladders"]),
            problem=rows["problem"],
            contested=rows.get("contested", False),
        )


@dataclass(frozen=True, kw_only=True)
class StreamScore:
    """The full-reference score of a stream's recording, which comes when the stream has long been written down."""

    mos_lqo: float
    mos_lqo_algorithm: str
    uuid: UUID
    direction: str
    started_at: datetime

    def to_json(self) -> str:
        """The score as text; `from_json` gives it back."""
        return json.dumps(asdict(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> "StreamScore":
        """The score that `to_json` wrote. Raises ValueError or TypeError for anything else."""
        return cls(**_typed(json.loads(text)))


CALL_COLUMNS = tuple(field.name for field in fields(CallRecord))
STREAM_COLUMNS = tuple(field.name for field in fields(StreamRecord))
INTERVAL_COLUMNS = tuple(field.name for field in fields(IntervalRecord))
LADDER_COLUMNS = tuple(field.name for field in fields(LadderRecord))


def parameters(record: CallRecord | StreamRecord | IntervalRecord | LadderRecord | StreamScore) -> list[Parameter]:
    """Values of `record` in the order of its columns, as the database driver takes them.

    Times become text because the ODBC driver cuts the milliseconds off a datetime; texts are cut and numbers limited
    to what their columns hold, since a strange far end must not make a record unstorable.
    """
    most = _SMALL if isinstance(record, IntervalRecord) else _LARGE
    return [_parameter(field.name, getattr(record, field.name), most) for field in fields(record)]


def _parameter(column: str, value: Value, most: range) -> Parameter:
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, int | float):
        return number(column, value, most)
    if isinstance(value, str):
        # Half of a surrogate pair, which JSON can hold, is no character that a database or a driver takes.
        return value.encode(errors="replace").decode()[: _WIDTHS.get(column)]
    return value


def number(column: str, value: float, most: range = _LARGE) -> Parameter:
    """`value` as `column` holds it: the nearest that it can hold; None for what is no number."""
    if isinstance(value, bool):
        return int(value)
    if not math.isfinite(value):
        return None
    if column in _DECIMALS:
        digits, scale = _DECIMALS[column]
        largest = 10.0 ** (digits - scale) - 10.0**-scale
        return round(max(-largest, min(largest, value)), scale)
    if column == "sip_code":
        return value if value in _SIP_CODES else None
    held = _INTEGERS.get(column, most)
    return max(held.start, min(held.stop - 1, value))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} can't be part of a call record")


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON with its times, UUID and digest as what they were."""
    typed = dict(row)
    for column, value in row.items():
        if value is not None and column.endswith("_at"):
            typed[column] = datetime.fromisoformat(value)
        elif value is not None and column == "audio_sha256":
            typed[column] = bytes.fromhex(value)
    typed["uuid"] = UUID(row["uuid"])
    return typed
