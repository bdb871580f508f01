"""Codecs, levels, and the sounds that ship with the application."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp import speech
from voice_sipapp.measurement import levels
from voice_sipapp.media import audio, codecs, g711, resample

CODECS = ("PCMA", "PCMU")


def tone(dbov: float, seconds: float = 1.0) -> g711.PCM:
    """A 1,000 Hz tone at `dbov` (a full-scale sine is -3.01 dBov)."""
    at = np.arange(int(8000 * seconds))
    return np.round(np.sin(2 * np.pi * at / 8) * 32768 * np.sqrt(2) * 10 ** (dbov / 20)).astype(np.int16)


def measured(codec: str, payloads: Sequence[bytes | None]) -> levels.Levels | None:
    """Levels of what a listener hears of `payloads`."""
    return levels.measure(codecs.decode(codec, payloads), codecs.CODECS[codec].rate_hz)


@pytest.mark.parametrize("codec", CODECS)
def test_encoding_what_was_decoded_changes_nothing(codec: str):
    octets = bytes(range(256))
    again = g711.encode(codec, g711.decode(codec, octets))
    assert (g711.decode(codec, again) == g711.decode(codec, octets)).all()


@pytest.mark.parametrize(
    ("codec", "octet", "sample"),
    [("PCMU", 0xFF, 0), ("PCMU", 0x80, 32124), ("PCMU", 0x00, -32124), ("PCMA", 0xD5, 8), ("PCMA", 0xAA, 32256),
     ("PCMA", 0x2A, -32256)],
)  # fmt: skip
def test_decoded_values_are_those_of_the_recommendation(codec: str, octet: int, sample: int):
    """G.711, tables 1 and 2: ends of both laws, scaled to 16 bits."""
    assert g711.decode(codec, bytes([octet]))[0] == sample


@given(st.sampled_from(CODECS), st.integers(-32768, 32767))
def test_coding_error_is_within_half_a_step(codec: str, sample: int):
    decoded = int(g711.decode(codec, g711.encode(codec, np.array([sample], np.int16)))[0])
    # A step is a sixteenth of its segment; µ-law's segments start 132 below zero.
    assert abs(decoded - sample) <= (abs(sample) + 132) / 32 + 8 or abs(sample) > 32124


def test_the_last_frame_is_filled_with_silence():
    frames = g711.frames("PCMA", np.zeros(200, np.int16))
    assert [len(frame) for frame in frames] == [160, 160]
    assert frames[1][-1] == g711.SILENCE["PCMA"]


@pytest.mark.parametrize("codec", CODECS)
def test_a_tone_is_measured_at_its_level(codec: str):
    found = measured(codec, g711.frames(codec, tone(-26)))
    assert found is not None
    assert found.speech_dbov == pytest.approx(-26, abs=0.2)
    assert (found.active_pct, found.longest_silence_ms, found.clip_pct) == (100, 0, 0)


def test_a_muted_far_end_is_silence_however_well_it_arrives():
    found = measured("PCMA", g711.frames("PCMA", np.zeros(8000, np.int16)))
    assert found is not None
    assert (found.active_pct, found.longest_silence_ms, found.speech_dbov) == (0, 1000, None)


def test_an_overdriven_tone_clips():
    found = measured("PCMU", g711.frames("PCMU", np.clip(tone(0).astype(int) * 2, -32768, 32767).astype(np.int16)))
    assert found is not None
    assert found.clip_pct > 10


@pytest.mark.parametrize("ptime_ms", [10, 15, 30, 60])
def test_packets_of_any_length_are_heard(ptime_ms: int):
    octets = g711.encode("PCMA", tone(-26))
    payloads = [octets[at : at + 8 * ptime_ms] for at in range(0, len(octets), 8 * ptime_ms)]
    found = measured("PCMA", payloads)
    assert found is not None
    assert found.speech_dbov == pytest.approx(-26, abs=0.3)
    assert (found.active_pct, found.longest_silence_ms) == (100, 0)


def test_what_is_missing_fades_with_time_and_not_with_packets():
    octets = g711.encode("PCMA", tone(-20, 0.06))
    long = codecs.decode("PCMA", [octets, None])
    short = codecs.decode("PCMA", [*(octets[at : at + 160] for at in (0, 160, 320)), None, None, None])
    assert np.abs(long[-160:]).max() == pytest.approx(np.abs(short[-160:]).max(), rel=0.02)


def test_a_missing_packet_is_a_fading_repeat():
    frames = g711.frames("PCMA", tone(-20, 0.02))
    heard = codecs.decode("PCMA", [frames[0], None, None])
    power = (heard.astype(float).reshape(3, 160) ** 2).mean(axis=1)
    assert power[0] > power[1] > power[2] > 0


def test_nothing_received_has_no_levels():
    assert measured("PCMA", []) is None


def test_a_sound_is_read_once_and_shared(tmp_path: Path):
    audio.save(tmp_path / "tone.wav", tone(-26))
    store = audio.AudioStore(tmp_path)
    assert store.names() == ["tone"]
    assert store.get("tone") is store.get("tone")
    assert len(store.get("tone").frames["PCMA"]) == 50


@pytest.mark.parametrize("name", ["../secret", "", "absent", ".hidden"])
def test_no_sound_outside_the_folder(tmp_path: Path, name: str):
    with pytest.raises(audio.AudioError):
        audio.AudioStore(tmp_path).get(name)


def test_a_file_that_is_no_sound_is_named(tmp_path: Path):
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(audio.AudioError, match="'text' can't be read"):
        audio.AudioStore(tmp_path).get("text")


def test_levelling_reaches_the_level_of_active_speech():
    quiet = np.concatenate((tone(-40).astype(float), np.zeros(8000)))
    found = measured("PCMA", g711.frames("PCMA", speech.levelled(quiet, 8000)))
    assert found is not None
    assert found.speech_dbov == pytest.approx(speech.TARGET_DBOV, abs=0.3)


def test_resampling_keeps_a_tone_and_its_length():
    at = np.arange(22050)
    again = resample.resampled(1000 * np.sin(2 * np.pi * 1000 * at / 22050), 22050, 8000)
    assert again.size == 8000
    assert np.sqrt((again**2).mean()) == pytest.approx(1000 / np.sqrt(2), rel=0.01)


def wav(path: Path, rate_hz: int, channels: int, seconds: float = 1.0) -> Path:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    left = np.round(8000 * np.sin(2 * np.pi * 1000 * at)).astype("<i2")
    sound = np.stack([left] * channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.tobytes())
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", audio.RATES_HZ)
def test_a_file_of_any_usual_rate_is_played_by_every_codec(tmp_path: Path, rate_hz: int, channels: int):
    sound = audio.load(wav(tmp_path / "own.wav", rate_hz, channels), "own")
    for wanted in (8000, 16000):
        samples = sound.samples(wanted).astype(float)
        assert samples.size == wanted
        assert np.argmax(np.abs(np.fft.rfft(samples))) == 1000
        assert np.sqrt((samples**2).mean()) == pytest.approx(8000 / np.sqrt(2), rel=0.01)
    assert {name: len(sound.frames[name]) for name in sound.frames} == dict.fromkeys(codecs.CODECS, 50)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "seconds", "words"),
    [
        (22050, 1, 1, "it has 1 channels of 16 bit at 22050 Hz"),
        (8000, 3, 1, "3 channels"),
        (8000, 1, 0.2, "0.2 s long"),
    ],
)
def test_a_file_that_can_not_be_played_says_why(
    tmp_path: Path, rate_hz: int, channels: int, seconds: float, words: str
):
    with pytest.raises(audio.AudioError, match=words):
        audio.load(wav(tmp_path / "own.wav", rate_hz, channels, seconds), "own")


def test_what_a_rate_can_not_hold_is_gone_and_not_folded_back():
    at = np.arange(48000) / 48000
    down = resample.resampled(8000 * np.sin(2 * np.pi * 5000 * at), 48000, 8000)
    assert np.abs(down).max() < 1
