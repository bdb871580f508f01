"""The E-model once more, as far as a call's page takes it apart (ITU-T G.107, wide-band G.107.1). No I/O.

The SIP application rates; nothing here makes a rating that anybody keeps. The parts share data and not code, so what
is needed to explain a rating is written here a second time, with what the default values of G.107 come to; a test
holds it against the SIP application's own. Numbers in brackets are G.107's equations.
"""

from dataclasses import dataclass
from math import exp, log2, log10, sqrt


@dataclass(frozen=True)
class Codec:
    """What a codec takes off by itself (Ie), and how well it stands loss (Bpl), on its scale (ITU-T G.113)."""

    ie: float
    bpl: float
    wideband: bool = False


_G711 = Codec(0.0, 25.1)
CODECS = {
    "PCMA": _G711,
    "PCMU": _G711,
    "G722": Codec(13.0, 4.9, wideband=True),
    "opus": Codec(18.1, 18.7, wideband=True),
}
"""By the name in SDP, as docs/measurement.md has them. Of another one nothing can be said."""

BUFFER_MS = 60.0
"""The listener's jitter buffer that stands for all (docs/measurement.md)."""

_NOISE_DBM0P = -61.179214
_TELR, _WEPL, _RLR = 65.0, 110.0, 2.0
# Ro less Is: the noise and the loudness of two telephones that are as G.107 has them, and nothing between them.
_CLEAR = {False: 93.355253, True: 129.0}
_RO = {False: 94.768822, True: 129.0}


def best(*, wideband: bool) -> float:
    """The rating of a call without any delay, loss or codec: 93.2, wide-band 128.8."""
    return _CLEAR[wideband] - _delay(0.0, wideband=wideband)


def delay_points(delay_ms: float, *, wideband: bool) -> float:
    """What a one-way delay, mouth to ear, takes off."""
    return _delay(delay_ms, wideband=wideband) - _delay(0.0, wideband=wideband)


def loss_points(missing_pct: float, burst_ratio: float, codec: Codec) -> float:
    """What missing sound (lost or late, % of the time) takes off beside the codec (7-29): Ie,eff less Ie.

    `burst_ratio` is BurstR: 1 where packets are missing at random, more where they are missing in runs.
    """
    if missing_pct <= 0:
        return 0.0
    return (95 - codec.ie) * missing_pct / (missing_pct / burst_ratio + codec.bpl)


def burst_ratio_of(points: float, missing_pct: float, codec: Codec) -> float | None:
    """The BurstR with which missing sound takes off `points`; None where no BurstR would take off as many."""
    if missing_pct <= 0 or points <= 0:
        return None
    share = (95 - codec.ie) * missing_pct / points - codec.bpl
    return missing_pct / share if share > 0 else None


def mos(rating: float, *, wideband: bool) -> float:
    """The MOS that belongs to a rating (Annex B; wide-band G.107.1, Annex A)."""
    r = rating / 1.29 if wideband else rating
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def _delay(delay_ms: float, *, wideband: bool) -> float:
    """Id: talker's and listener's echo, and sheer delay (7-18 to 7-28)."""
    terv = _TELR - 40 * log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * exp(-0.3 * delay_ms**2)
    talker = (-1.5 * (_NOISE_DBM0P - _RLR) - (80 + 2.5 * (terv - 14))) / 2
    talker_echo = (talker + sqrt(talker**2 + 100) - 1) * (1 - exp(-delay_ms))
    listener = (_RO[wideband] - 10.5 * (_WEPL + 7) * (2 * delay_ms + 1) ** -0.25) / 2
    listener_echo = listener + sqrt(listener**2 + 169)
    return float(talker_echo + listener_echo + _too_long(delay_ms))


def _too_long(delay_ms: float) -> float:
    if delay_ms <= 100:
        return 0.0
    x = log2(delay_ms / 100)
    return float(25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))
