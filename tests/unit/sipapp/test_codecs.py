"""Every codec: there and back, with losses, over and over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sipapp import voices
from voice_sipapp.measurement.impairments import CODECS as IMPAIRMENTS
from voice_sipapp.media import codecs, opus
from voice_sipapp.media.codecs import CODECS

every_codec = pytest.mark.parametrize("name", list(CODECS))


def tone(rate_hz: int, seconds: float = 1.0, hz: float = 440) -> np.ndarray:
    return np.round(8000 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.int16)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt((samples.astype(float) ** 2).mean()))


@every_codec
def test_a_tone_comes_back(name: str):
    codec = CODECS[name]
    sent = tone(codec.rate_hz)
    payloads = codecs.encode(name, sent)
    heard = codecs.decode(name, payloads)
    assert (len(payloads), heard.size) == (50, codec.rate_hz)
    spectrum = np.abs(np.fft.rfft(heard[codec.rate_hz // 10 :].astype(float)))
    assert np.argmax(spectrum) == pytest.approx(440 * 0.9, abs=1)
    assert rms(heard) == pytest.approx(rms(sent), rel=0.05)


@pytest.mark.parametrize(("name", "hears"), [("PCMA", False), ("G722", True), ("opus", True)])
def test_wide_band_codecs_carry_what_the_telephone_does_not(name: str, hears: bool):
    rate = CODECS[name].rate_hz
    assert (rate == 16000) is hears
    if hears:
        assert rms(codecs.decode(name, codecs.encode(name, tone(rate, hz=5500)))) > 2000


@every_codec
def test_the_rtp_clock_is_that_of_its_rfc(name: str):
    """RFC 3551, section 4.5.2 (G.722: 8000 for 16,000 samples), RFC 7587, section 4.1 (Opus: always 48000)."""
    assert CODECS[name].ticks == {"PCMA": 160, "PCMU": 160, "G722": 160, "opus": 960}[name]


@every_codec
def test_the_seam_of_the_loop_is_no_step(name: str):
    """Round after round sounds as a recording of twice the length does: what comes after the seam is no worse."""
    rate = CODECS[name].rate_hz
    payloads = codecs.encode(name, tone(rate))
    heard = codecs.decode(name, [*payloads, *payloads, *payloads]).astype(float)
    frame = rate // 50
    seam = [rms(heard[at : at + frame]) for at in range(rate - 2 * frame, rate + 2 * frame, frame)]
    assert seam == pytest.approx([8000 / np.sqrt(2)] * 4, rel=0.08)


@every_codec
def test_a_loss_is_concealed_and_takes_its_time(name: str):
    rate = CODECS[name].rate_hz
    payloads: list[bytes | None] = list(codecs.encode(name, tone(rate)))
    payloads[20] = None
    heard = codecs.decode(name, payloads)
    assert heard.size == rate
    assert rms(heard[20 * rate // 50 : 21 * rate // 50]) > 1500


@every_codec
def test_a_packet_that_is_no_sound_takes_no_time(name: str):
    payloads = codecs.encode(name, tone(CODECS[name].rate_hz))
    assert codecs.decode(name, [payloads[0], b"", payloads[1]]).size == CODECS[name].rate_hz // 25
    assert codecs.decode(name, []).size == 0


def test_opus_restores_a_loss_from_the_packet_that_follows():
    """In-band error correction (RFC 6716, section 2.1.7) beats concealment where the sound changes."""
    rate = CODECS["opus"].rate_hz
    at = np.arange(rate)
    sound = np.round(6000 * np.sin(2 * np.pi * (200 + 600 * (at // 4000 % 2)) * at / rate)).astype(np.int16)
    payloads: list[bytes | None] = list(opus.encode(sound))
    whole = codecs.decode("opus", payloads).astype(float)
    place = 25  # the frame after the pitch has changed
    span = slice(place * 320, (place + 1) * 320)
    alone = [*payloads[:place], None, None, *payloads[place + 2 :]]
    helped = [*payloads[:place], None, *payloads[place + 1 :]]
    heard = {"no": codecs.decode("opus", alone), "fec": codecs.decode("opus", helped)}
    error = {name: rms(each[span] - whole[span]) for name, each in heard.items()}
    assert error["fec"] < 0.7 * error["no"]


def test_what_opus_sends_is_wide_band_as_its_rating_has_it():
    """The bandwidth in each packet's first octet (RFC 6716, section 3.1, table 2): of SILK, configurations 8 to 11 are
    wide-band, of CELT 20 to 23. Anything wider belongs on the full-band scale of G.107.2 (docs/measurement.md).
    """
    sound = voices.voice(1, 10.0, opus.RATE_HZ)
    payloads = opus.encode(sound)
    assert {payload[0] >> 3 for payload in payloads} <= {*range(8, 12), *range(20, 24)}
    assert 20_000 < sum(map(len, payloads)) * 8 / 10 < 40_000, "a bit rate for which 15 kbit/s is a bound"
    assert IMPAIRMENTS["opus"].wideband


@settings(deadline=None)
@given(st.sampled_from(list(CODECS)), st.lists(st.one_of(st.none(), st.binary(max_size=200)), max_size=20))
def test_nonsense_is_decoded_to_something(name: str, payloads: list[bytes | None]):
    assert codecs.decode(name, payloads).dtype == np.int16


def test_a_host_without_libopus_offers_none_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opus, "_LIBRARY", "libopus-is-not-here.so")
    opus._library.cache_clear()
    try:
        assert "libopus0" in codecs.missing()["opus"]
        assert codecs.usable(["opus", "PCMA"]) == ["PCMA"]
    finally:
        monkeypatch.undo()
        opus._library.cache_clear()
    assert codecs.missing() == {}
