"""The rating R that belongs to a MOS: thresholds are declared as MOS, and a chart of R needs them too."""

from __future__ import annotations

from decimal import Decimal

from voiceprobe_operator.model import Threshold


def mos(r: float) -> float:
    """MOS of a narrow-band rating R between 6.5 and 100 (ITU-T G.107, Annex B)."""
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


def rating(value: float) -> float:
    """The rating R with this MOS. The formula rises from 6.5 to 100, so there is one; beyond, the nearer end."""
    low, high = 6.5, 100.0
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (middle, high) if mos(middle) < value else (low, middle)
    return (low + high) / 2


def rating_threshold(threshold: Threshold) -> Threshold:
    """A threshold of MOS as one of R, to a tenth."""
    warning, critical = (
        Decimal(str(round(rating(float(limit)), 1))) for limit in (threshold.warning, threshold.critical)
    )
    return Threshold(warning, critical)
