"""What the application's own analysis makes of a stream of a capture."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from voice_sipapp.measurement import scoring, skew
from voice_sipapp.measurement.scoring import Party
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.rtppacket import HEADER
from voice_sipapp.records.cdr import CallRecord

NOT_MEASURED = (
    "uuid", "direction", "started_at", "client", "probe", "sip_host", "rtp_tx", "probe_lag_ms", "valid", "remote_lost",
    "remote_jitter_ms", "rtt_ms", "rtt_max_ms", "mos_lqo", "mos_lqo_algorithm", "recording", "rtp_other_source",
    "late_media_ms", "held_ms", "one_way",
)  # fmt: skip
"""Columns that a capture of one stream says nothing about."""

SHORTEST_MS = 20_000
"""In a shorter stream no clock's skew is looked for."""

SOUND = ("active_pct", "longest_silence_ms", "speech_dbov", "noise_dbov", "clip_pct", "silent")

Figures = dict[str, object]


def measure(
    packets: Sequence[tuple[int, bytes]], sound: Mapping[int, str], comfort_noise: Collection[int], *, legible: bool
) -> Figures:
    """The columns of a stream's record for `packets` (arrival in ns, RTP), as if they had come to a listener whose call
    was answered when the first came. `sound` are its payload types, the most frequent first, each with its codec.
    `legible` is whether the sound itself can be trusted: neither encrypted nor captured in part.
    """
    number, codec = next(iter(sound.items()))
    party = Party(codec=codec, payload_type=number, payload_types=dict(sound), received=packets,
                  comfort_noise=frozenset(comfort_noise))  # fmt: skip
    scored = scoring.score(_call(packets[0][0]), party, None).cdr
    left_out = NOT_MEASURED if legible else (*NOT_MEASURED, *SOUND)
    columns = {name: value for name, value in asdict(scored.streams[0]).items() if name not in left_out}
    return {**columns, "seconds": len(scored.intervals), "clock_slow_ppm": _slow_ppm(packets, sound)}


def _slow_ppm(packets: Sequence[tuple[int, bytes]], sound: Mapping[int, str]) -> float | None:
    """By how many millionths the far end's clock is slower than the capture's (below 0: faster), as the analysis
    follows it; None where the stream is too short to tell.
    """
    clocks = {number: CODECS[codec].clock_hz for number, codec in sound.items()}
    own = [(at, HEADER.unpack_from(packet)[3], clocks[packet[1] & 0x7F]) for at, packet in packets
           if packet[1] & 0x7F in clocks]  # fmt: skip
    at, timestamps, clock_hz = (np.array(column, np.int64) for column in zip(*own, strict=True))
    came_ms = (at - at[0]) / 1e6
    if came_ms[-1] < SHORTEST_MS:
        return None
    steps = ((np.diff(timestamps) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    sent_ms = np.concatenate(([0.0], np.cumsum(steps * 1000 / clock_hz[1:])))
    return 1e6 * skew.skew(came_ms, came_ms - sent_ms)


def _call(began_ns: int) -> CallRecord:
    """The record of a call that was answered then."""
    began = datetime.fromtimestamp(began_ns // 1_000 / 1e6, UTC)
    return CallRecord(
        uuid=uuid.UUID(int=0), started_at=began, client="", probe="", generation=0, sip_host="", from_uri="", to_uri="",
        answered_at=began, ended_at=began, disposition="answered", audio="",
    )  # fmt: skip
