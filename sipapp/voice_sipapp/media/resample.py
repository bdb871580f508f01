"""Sound at another sampling rate, by way of the spectrum of the whole recording: no filter to design."""

import numpy as np
from numpy.typing import NDArray

_TAPER = 0.04
"""Share of the new band below its end over which the spectrum fades out: a sharp edge would ring."""


def resampled(samples: NDArray[np.float64], rate_hz: int, wanted_hz: int) -> NDArray[np.float64]:
    """`samples` of `rate_hz` at `wanted_hz`, at the same loudness. Going down, what the new rate can't hold is faded
    out below its limit; going up, nothing is added.
    """
    if rate_hz == wanted_hz or not samples.size:
        return samples
    wanted = max(1, round(samples.size * wanted_hz / rate_hz))
    spectrum = np.fft.rfft(samples)
    limit = min(rate_hz, wanted_hz) / 2
    if wanted_hz < rate_hz:
        frequency = np.fft.rfftfreq(samples.size, 1 / rate_hz)
        spectrum = spectrum * np.clip((limit - frequency) / (_TAPER * limit), 0, 1)
    return np.fft.irfft(spectrum[: wanted // 2 + 1], wanted) * (wanted / samples.size)


def limited(
    samples: NDArray[np.float64], rate_hz: int, band_hz: tuple[float, float], taper_hz: float
) -> NDArray[np.float64]:
    """`samples` with only what lies within `band_hz`; each end fades within `taper_hz` of it, inside the band."""
    low, high = band_hz
    frequency = np.fft.rfftfreq(samples.size, 1 / rate_hz)
    gain = np.clip((frequency - low) / taper_hz, 0, 1) * np.clip((high - frequency) / taper_hz, 0, 1)
    return np.fft.irfft(np.fft.rfft(samples) * gain, samples.size)
