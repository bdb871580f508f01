"""A recording as a drawing and in words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.recordings import waveform
from voice_portal.recordings.waveform import HEIGHT, WIDTH, Waveform

SPEECH = [(-40, 42)] * 100
SILENT = [(-1, 0)] * 100


def octets(pairs: list[tuple[int, int]]) -> bytes:
    return bytes(value % 256 for pair in pairs for value in pair)


def drawn(pairs: list[tuple[int, int]], seconds: float, name: str = "forward") -> Waveform:
    found = waveform.draw(name, octets(pairs), round(seconds * 1000))
    assert found is not None
    return found


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_it_says_how_long_it_is_and_where_it_is_silent():
    drawing = drawn(SPEECH + SILENT * 2 + SPEECH, 40, "reverse")
    assert drawing.description == "Recording of 40.0 s, reverse; silent from 10 s to 30 s"
    ((begin, end, x, width),) = [(one.begin, one.end, one.x, one.width) for one in drawing.silences]
    assert (begin, end, x, width) == (10, 30, WIDTH / 4, WIDTH / 2)


def test_several_silences_are_all_told():
    drawing = drawn(SILENT + SPEECH + SILENT, 30.1)
    assert drawing.description == "Recording of 30.1 s, forward; silent from 0 s to 10 s and from 20 s to 30 s"


def test_silence_throughout_is_said_so():
    assert drawn(SILENT * 4, 30.1).description == "Recording of 30.1 s, forward; silent throughout"


def test_a_pause_of_speech_is_no_silence():
    drawing = drawn(SPEECH * 2 + SILENT[:15] + SPEECH * 2, 40)
    assert (drawing.silences, drawing.description) == ([], "Recording of 40.0 s, forward")


def test_loud_is_high_and_silence_is_a_thin_line():
    loud = [y for _, y in points(drawn([(-128, 127)], 1).path)]
    assert min(loud) == pytest.approx(waveform.MARGIN, abs=1)
    assert max(loud) == pytest.approx(HEIGHT - waveform.MARGIN, abs=1)
    quieter = [y for _, y in points(drawn([(-64, 64), (-16, 16)], 1).path)]
    assert min(quieter) == waveform.MARGIN, "what is not half as loud as it could be is drawn twice as high"
    heights = {y for _, y in points(drawn([(0, 0)] * 400, 30).path)}
    assert heights <= {HEIGHT / 2 - 0.5, HEIGHT / 2 + 0.5}


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.5, ["0 s"]),
        (2, ["0 s", "1 s"]),
        (30.1, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s"]),
        (62.5, ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s"]),
        (300, ["0 s", "60 s", "120 s", "180 s", "240 s"]),
    ],
)
def test_seconds_are_marked_where_there_is_room(seconds: float, labels: list[str]):
    ticks = drawn(SPEECH, seconds).ticks
    assert [label for _, label in ticks] == labels
    assert all(x <= WIDTH - 30 for x, _ in ticks)


@pytest.mark.parametrize(("peaks", "duration_ms"), [(b"", 5000), (b"\x01", 5000), (octets(SPEECH), 0)])
def test_without_peaks_or_length_nothing_is_drawn(peaks: bytes, duration_ms: int):
    assert waveform.draw("forward", peaks, duration_ms) is None


@given(st.binary(min_size=2, max_size=1024), st.integers(1, 2**32 - 1))
def test_whatever_a_row_holds_the_drawing_stays_in_its_frame(peaks: bytes, duration_ms: int):
    drawing = waveform.draw("forward", peaks, duration_ms)
    assert drawing is not None
    for x, y in points(drawing.path):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert re.fullmatch(r"M[\d. L]+Z", drawing.path)
    assert len(drawing.ticks) <= waveform.MOST_TICKS + 1
    assert all(0 <= one.x <= one.x + one.width <= WIDTH + 0.2 for one in drawing.silences)
