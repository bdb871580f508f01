"""Why a direction's MOS is what it is: how many points of the rating each figure took. No I/O.

Everything but the clustering of losses is worked out from the record. BurstR is not in it, so the points of clustering
are what is left between these and the rating that the SIP application gave, as far as the longest run of missing
packets allows; what is left beyond that is told as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from voice_portal.cdr.models import CallStream
from voice_portal.probes.calls import emodel
from voice_portal.probes.calls.emodel import Codec

ROUNDING = 0.05
"""Points by which the parts may differ from the rating, as figures of the record are rounded."""

MOS_ROUNDING = 0.006


@dataclass(frozen=True)
class Step:
    """One thing that the rating consists of: the points that it took (negative), why, and the MOS from there on."""

    name: str
    why: str
    points: float
    mos: float


@dataclass(frozen=True)
class Explanation:
    """How a rating came about.

    Attributes:
        best: the rating of a perfect call on this scale, and its MOS.
        steps: what was taken off it, in order; together with `best` exactly the rating.
        rating: the R factor of the record; `mos` its MOS.
        left_over: points among them that nothing in the record explains; 0 within rounding.
        summary: the same in one sentence.
        note: what else to know; empty: nothing.
    """

    wideband: bool
    best: float
    best_mos: float
    steps: tuple[Step, ...]
    rating: float
    mos: float
    left_over: float
    summary: str
    note: str = ""

    @property
    def scale(self) -> str:
        """The scale's name."""
        return "wide-band (G.107.1)" if self.wideband else "narrow-band (G.107)"


def explain(stream: CallStream | None) -> Explanation | None:
    """Take the rating of `stream` apart; None where it has none, or is of a codec that nothing is known of."""
    if stream is None or stream.r_factor is None or stream.mos_cq is None:
        return None
    codec = emodel.CODECS.get(stream.codec or "")
    if codec is None or codec.wideband != stream.wideband:
        return None
    rating, best = float(stream.r_factor), emodel.best(wideband=codec.wideband)
    parts = list(_parts(stream, codec, rating, best))
    left_over = rating - best - sum(points for _, _, points in parts)
    if abs(left_over) <= ROUNDING:
        left_over = 0.0
    else:
        parts.append(_unexplained(rating, left_over))
    return Explanation(
        wideband=codec.wideband,
        best=best,
        best_mos=emodel.mos(best, wideband=codec.wideband),
        steps=tuple(_steps(parts, best, codec)),
        rating=rating,
        mos=float(stream.mos_cq),
        left_over=left_over,
        summary=_summary(parts, best),
        note=_note(stream, codec, rating),
    )


_Part = tuple[str, str, float]
"""Name, reason, and points (negative: taken off)."""


def _parts(stream: CallStream, codec: Codec, rating: float, best: float) -> Iterator[_Part]:
    yield f"Codec {stream.codec}", "what coding alone costs (Ie)" if codec.ie else "none lost by coding", -codec.ie
    delay, delay_why = _delay(stream)
    delay_points = emodel.delay_points(delay, wideband=codec.wideband)
    missing = float(stream.concealed_pct or 0)
    random = emodel.loss_points(missing, 1.0, codec)
    yield from _missing(stream, missing, random)
    clustered = best - codec.ie - random - delay_points - rating
    if missing and clustered > ROUNDING and rating > 0:
        yield from _clustering(stream, missing, random, clustered, codec)
    yield "Delay", delay_why, -delay_points


def _delay(stream: CallStream) -> tuple[float, str]:
    """One way, mouth to ear, in ms, and what it is made of."""
    packet = stream.ptime_ms or 20
    if stream.rtt_ms is None:
        return emodel.BUFFER_MS + packet, f"60 ms for the jitter buffer and {packet} ms for a packet; no RTCP told more"
    half = float(stream.rtt_ms) / 2
    why = f"{half:.0f} ms of network (half the round trip), 60 ms for the jitter buffer, {packet} ms for a packet"
    return half + emodel.BUFFER_MS + packet, why


def _missing(stream: CallStream, missing: float, points: float) -> Iterator[_Part]:
    """Lost and late packets, as if they were missing at random; the points are shared out by their numbers."""
    lost, late, expected = stream.rtp_lost or 0, stream.rtp_discarded or 0, stream.rtp_expected or 0
    if not points:
        yield "Missing packets", f"none of {expected} that were due", 0.0
    elif not lost + late:
        yield "Missing sound", f"{missing:.2f} % of the time had to be made up", -points
    else:
        for name, number, how in (("Lost", lost, "never came"), ("Late", late, "came too late to be played")):
            share = number / (lost + late)
            if number:
                why = f"{number} of {expected} {how}, {missing * share:.2f} % of the sound"
                yield f"{name} packets", why, -points * share


def _clustering(stream: CallStream, missing: float, random: float, clustered: float, codec: Codec) -> Iterator[_Part]:
    """What it costs beyond random loss that the packets were missing in runs, as far as the longest run allows."""
    longest = float(stream.max_loss_run or 0)
    most = emodel.loss_points(missing, max(1.0, longest), codec) - random
    points = min(clustered, most)
    ratio = emodel.burst_ratio_of(random + points, missing, codec)
    if points <= ROUNDING or ratio is None:
        return
    run = ratio / (1 - min(missing, 99.0) / 100)
    why = f"they were missing in runs, of {run:.1f} on average, {longest:.0f} at most, which is heard more"
    yield "In runs", why, -points


def _unexplained(rating: float, left_over: float) -> _Part:
    if rating <= 0 < left_over:
        return "End of the scale", "the sum is below nought, for which no scale has a name", left_over
    why = "nothing in the record explains these: it was rated by other rules than this page knows"
    return "Left over", why, left_over


def _steps(parts: list[_Part], best: float, codec: Codec) -> Iterator[Step]:
    now = best
    for name, why, points in parts:
        now += points
        yield Step(name, why, points, emodel.mos(now, wideband=codec.wideband))


def _summary(parts: list[_Part], best: float) -> str:
    """The costliest part first, in a sentence."""
    costly = sorted((part for part in parts if part[2] < -ROUNDING), key=lambda part: part[2])
    total = -sum(points for _, _, points in parts)
    if not costly:
        return f"Nothing was taken off the {best:.1f} points of a perfect call."
    told = [f"{_word(name)} took {-points:.1f}" for name, _, points in costly]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"Of the {best:.1f} points of a perfect call {total:.1f} are missing: {listed}."


def _word(name: str) -> str:
    known = {"In runs": "that they came in runs", "Left over": "what nothing here explains"}
    return known.get(name, name if name.startswith("Codec") else name.lower()).replace("Codec", "the codec")


def _note(stream: CallStream, codec: Codec, rating: float) -> str:
    if abs(emodel.mos(rating, wideband=codec.wideband) - float(stream.mos_cq or 0)) > MOS_ROUNDING:
        return "The MOS of this record is not the one that the E-model gives for its R factor."
    return ""
