"""The E-model: from what the network did to a conversation to how good people find it.

Narrow-band: ITU-T G.107 (06/2015), complete; numbers in brackets are its equations. The parameters that a probe
cannot know (loudness, room noise, side tone) keep the Recommendation's default values (its table 2), so what varies
is what the network did: packet loss, its burstiness and delay.

Wide-band (50 to 7,000 Hz): ITU-T G.107.1 (06/2019). Its scale goes to 129 instead of 93.2: Ro,WB = 129, Is,WB = 0,
A = 0; loss as in G.107 with 95 as its constant (7-15); R to MOS by R/1.29 (Annex A). Two things are ours. G.107.1 knows
random loss only: BurstR is taken over from G.107, and changes nothing where loss is random. And the delay's terms are
those of G.107 with Ro,WB in them; G.107.1's own constants for talker echo could not be checked, and at the default
echo loss they matter little.
"""

from dataclasses import dataclass
from math import exp, log2, log10, sqrt

from voice_sipapp.measurement.impairments import G711, Impairment

# Default values of G.107, table 2, that this model never varies. Loudness ratings in dB, noise in dBm0p or dB(A).
_SLR, _RLR, _STMR, _DS, _DR = 8.0, 2.0, 15.0, 3.0, 3.0
_TELR, _WEPL, _QDU, _NC, _NFOR, _PS, _PR = 65.0, 110.0, 1.0, -70.0, -64.0, 35.0, 35.0
_OLR = _SLR + _RLR

_RO_WIDEBAND = 129.0
_LARGEST_R = {False: 100.0, True: 129.0}
_PER_NARROWBAND_R = 1.29
"""Points of the wide-band scale for one of the narrow-band scale (G.107.1, Annex A)."""


@dataclass(frozen=True)
class Path:
    """What the E-model is told about one direction of a call.

    `loss_pct` is everything that could not be played out, lost or too late (0 … 100 %); `burst_ratio` is BurstR
    (1: random; larger: in bursts); `delay_ms` the one-way mouth-to-ear delay.
    """

    loss_pct: float
    burst_ratio: float = 1.0
    delay_ms: float = 0.0
    codec: Impairment = G711


def r_factor(path: Path) -> float:
    """Transmission rating R of `path`. Narrow-band: 0 … 100, 93.2 at best, below 50 not recommended (G.107, 7-1).
    Wide-band: 0 … 129 (G.107.1, 7-1).

    The sum can fall below 0 (all lost, or seconds of delay); no scale has a name for that.
    """
    noise = _noise()
    narrow_ro = 15 - 1.5 * (_SLR + noise)
    ro = _RO_WIDEBAND if path.codec.wideband else narrow_ro
    simultaneous = 0.0 if path.codec.wideband else _simultaneous(ro, noise)
    rating = ro - simultaneous - _delay(ro, noise, path.delay_ms) - effective_impairment(path)
    return max(0.0, min(_LARGEST_R[path.codec.wideband], rating))


def mos(r: float, *, wideband: bool = False) -> float:
    """Mean opinion score (1 … 4.5) that belongs to the rating `r` (G.107, Annex B, equation B-4; for a `wideband`
    rating G.107.1, Annex A, whose score belongs to listeners who know wide-band calls too).
    """
    if wideband:
        r /= _PER_NARROWBAND_R
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    # The cubic dips below 1 for r under 6.5; the scale does not.
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def effective_impairment(path: Path) -> float:
    """Ie,eff: what codec and packet loss together take off the rating (G.107, equation 7-29; G.107.1, 7-15)."""
    ie, bpl = path.codec.ie, path.codec.bpl
    if path.loss_pct <= 0:
        return ie
    return ie + (95 - ie) * path.loss_pct / (path.loss_pct / path.burst_ratio + bpl)


def _noise() -> float:
    """No: all circuit and room noise as one noise power at the 0 dBr point, dBm0p (equations 7-3 to 7-7)."""
    send_room = _PS - _SLR - _DS - 100 + 0.004 * (_PS - _OLR - _DS - 14) ** 2
    lstr = _STMR + _DR
    effective_pr = _PR + 10 * log10(1 + 10 ** ((10 - lstr) / 10))
    receive_room = _RLR - 121 + effective_pr + 0.008 * (effective_pr - 35) ** 2
    floor = _NFOR + _RLR
    return 10 * log10(sum(10 ** (level / 10) for level in (_NC, send_room, receive_room, floor)))


def _simultaneous(ro: float, noise: float) -> float:
    """Is: loudness, side tone and quantising, which occur together with the voice (equations 7-8 to 7-17)."""
    xolr = _OLR + 0.2 * (64 + noise - _RLR)
    too_loud: float = 20 * ((1 + (xolr / 8) ** 8) ** (1 / 8) - xolr / 8)
    q = 37 - 15 * log10(_QDU)
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    quantising: float = 15 * log10(1 + 10 ** ((ro - 100) / 15 + 46 / 8.4 - g / 9) + 10 ** (46 / 30 - g / 40))
    return too_loud + _side_tone() + quantising


def _side_tone() -> float:
    """Ist: a side tone that is not at its best level (equations 7-12 to 7-13).

    The echo's part in it is taken without delay, where it is largest: at the default TELR below 0.0001 dB.
    """
    stmr = -10 * log10(10 ** (-_STMR / 10) + 10 ** (-_TELR / 10))
    too_low = 12 * (1 + ((stmr - 13) / 6) ** 8) ** (1 / 8)
    middle = 28 * (1 + ((stmr + 1) / 19.4) ** 35) ** (1 / 35)
    too_high = 13 * (1 + ((stmr - 3) / 33) ** 13) ** (1 / 13)
    return float(too_low - middle - too_high + 29)


def _delay(ro: float, noise: float, delay_ms: float) -> float:
    """Id: talker echo, listener echo and sheer delay (equations 7-18 to 7-28) for T = Ta = delay and Tr = 2 Ta."""
    return _talker_echo(noise, delay_ms) + _listener_echo(ro, 2 * delay_ms) + _too_long(delay_ms)


def _talker_echo(noise: float, delay_ms: float) -> float:
    terv = _TELR - 40 * log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * exp(-0.3 * delay_ms**2)
    roe = -1.5 * (noise - _RLR)
    half = (roe - (80 + 2.5 * (terv - 14))) / 2
    return (half + sqrt(half**2 + 100) - 1) * (1 - exp(-delay_ms))


def _listener_echo(ro: float, round_trip_ms: float) -> float:
    half: float = (ro - 10.5 * (_WEPL + 7) * (round_trip_ms + 1) ** -0.25) / 2
    return half + sqrt(half**2 + 169)


def _too_long(delay_ms: float) -> float:
    if delay_ms <= 100:
        return 0.0
    x = log2(delay_ms / 100)
    return float(25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))
