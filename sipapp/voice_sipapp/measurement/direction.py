"""What one direction of a call was like, as the columns of its record: counts, ratings, levels, second by second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voice_sipapp.measurement import emodel, hearing, levels
from voice_sipapp.measurement.hearing import Heard
from voice_sipapp.measurement.impairments import CODECS as IMPAIRMENTS
from voice_sipapp.measurement.playout import JITTER_BUFFER_MS
from voice_sipapp.measurement.presence import Reference
from voice_sipapp.measurement.rtpstats import StreamStats, burst_ratio
from voice_sipapp.measurement.seconds import RATED_MS, WHOLE_MS, Second
from voice_sipapp.media.audio import Audio


@dataclass(frozen=True)
class Direction:
    """One direction of a call: its packets' statistics, the codec that most of it was in, the round trips of its
    listener, and what was sent (None where that is not known).
    """

    stats: StreamStats
    codec: str
    round_trips_ms: Sequence[float]
    sent: Audio | None

    def heard(self) -> Heard:
        """Its sound."""
        return hearing.listen(self.stats, self.codec)

    def columns(self, heard: Heard) -> dict[str, Any]:
        """The measured columns of `voice_call_stream`."""
        return {**_counts(self.stats), **_sound(self, heard), **_quality(self)}

    def intervals(self, heard: Heard) -> list[dict[str, Any]]:
        """The measured columns of `voice_call_interval`, a row a second."""
        return [
            {
                "second": second.number,
                "rtp_expected": second.expected,
                "rtp_lost": second.lost,
                "rtp_discarded": second.discarded,
                "jitter_ms": second.jitter_ms,
                "mos_cq": self._mos_of(second),
                "level_dbov": heard.level_dbov.get(second.number),
            }
            for second in self.stats.seconds
        ]

    @property
    def delay_ms(self) -> float:
        """One way, mouth to ear: half the mean round trip, the jitter buffer and one packet. Where RTCP gave no round
        trip, the network's share is taken as nothing.
        """
        trips = self.round_trips_ms
        network = sum(trips) / len(trips) / 2 if trips else 0.0
        return network + JITTER_BUFFER_MS + self.stats.ptime_ms

    def _mos_of(self, second: Second) -> float | None:
        """The rating of one second by itself, in the codec that most of it was in, with the delay of the call; None
        where too little was due in it.
        """
        codec = IMPAIRMENTS.get(self.stats.codecs.get(second.kind, self.codec))
        if codec is None or second.sound_ms < min(RATED_MS, self._sound_ms):
            return None
        rating = emodel.r_factor(emodel.Path(second.missing_pct, burst_ratio(second.missing), self.delay_ms, codec))
        return emodel.mos(rating, wideband=codec.wideband)

    @property
    def _sound_ms(self) -> float:
        return float(self.stats.line.length_ms.sum())

    def worst_mos(self) -> float | None:
        """The lowest rating of a second; None where there is none that has enough sound."""
        if self._sound_ms < WHOLE_MS:
            return None
        found = [score for second in self.stats.seconds if (score := self._mos_of(second)) is not None]
        return min(found, default=None)


def _counts(stats: StreamStats) -> dict[str, Any]:
    bursts = stats.burstiness
    return {
        "rtp_expected": stats.expected,
        "rtp_lost": stats.lost,
        "rtp_dup": stats.duplicates,
        "rtp_out_of_order": stats.out_of_order,
        "rtp_discarded": stats.discarded,
        "loss_pct": stats.loss_pct,
        "discard_pct": stats.discard_pct,
        "max_loss_run": stats.max_loss_run,
        "burst_loss_pct": bursts.burst_loss_pct,
        "burst_ms": round(bursts.burst_ms),
        "gap_loss_pct": bursts.gap_loss_pct,
        "gap_ms": round(bursts.gap_ms),
        "jitter_ms": stats.jitter_ms,
        "jitter_max_ms": stats.jitter_max_ms,
        "pdv_p95_ms": stats.pdv_p95_ms,
        "concealed_pct": stats.concealed_pct,
    }


def _quality(direction: Direction) -> Mapping[str, float | None]:
    """Ratings (ITU-T G.107, G.107.1); `mos_lq` leaves delay out altogether."""
    codec, stats = IMPAIRMENTS.get(direction.codec), direction.stats
    if codec is None or not stats.line.sounding.any():
        return {}
    loss = stats.concealed_pct
    rating = emodel.r_factor(emodel.Path(loss, stats.burst_ratio, direction.delay_ms, codec))
    listening = emodel.r_factor(emodel.Path(loss, stats.burst_ratio, codec=codec))
    return {
        "r_factor": rating,
        "mos_cq": emodel.mos(rating, wideband=codec.wideband),
        "mos_lq": emodel.mos(listening, wideband=codec.wideband),
        "mos_min": direction.worst_mos(),
    }


def _sound(direction: Direction, heard: Heard) -> dict[str, Any]:
    found = levels.measure(heard.samples, heard.rate_hz)
    if found is None:
        return {"silent": direction.stats.received > direction.stats.on_hold}
    return {
        "active_pct": found.active_pct,
        "longest_silence_ms": found.longest_silence_ms,
        "speech_dbov": found.speech_dbov,
        "noise_dbov": found.noise_dbov,
        "clip_pct": found.clip_pct,
        "silent": _is_silent(direction.sent, heard, found.active_pct),
    }


def _is_silent(sent: Audio | None, heard: Heard, active_pct: float) -> bool:
    """Whether the speech that was sent is missing in what was heard. Where that can't be told by its course (of a tone,
    of a sound that is not known, of a moment) whether nothing at all was heard.
    """
    found = None if sent is None else _reference(sent, heard.rate_hz).is_in(heard.samples, heard.resumes)
    return active_pct == 0 if found is None else not found


_references: dict[tuple[bytes, int], Reference] = {}


def _reference(sent: Audio, rate_hz: int) -> Reference:
    """What `sent` is recognised by at `rate_hz`; made once for each sound of the host."""
    key = sent.sha256, rate_hz
    if key not in _references:
        _references[key] = Reference(sent.samples(rate_hz), rate_hz)
    return _references[key]
