"""Which octets a player gets: RFC 9110, section 14, for one range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.recordings.ranges import Span, UnsatisfiableRangeError, span_of

SIZES = st.integers(0, 5000)


def sent(header: str | None, file: bytes) -> bytes | None:
    """What of `file` a request with that Range gets; None: nothing of it is there (416)."""
    try:
        span = span_of(header, len(file))
    except UnsatisfiableRangeError:
        return None
    return file if span is None else file[span.first : span.last + 1]


def file_of(size: int) -> bytes:
    return bytes(at % 251 for at in range(size))


@pytest.mark.parametrize(
    ("header", "octets"),
    [
        ("bytes=0-1", range(2)),  # Safari asks so whether a server knows ranges
        ("bytes=0-", range(100)),  # Chromium and Firefox begin so
        ("bytes=90-", range(90, 100)),
        ("bytes=-7", range(93, 100)),
        ("bytes=99-99", range(99, 100)),
        ("bytes=50-1000000", range(50, 100)),
        ("bytes=-1000000", range(100)),
        ("Bytes= 3-4 ", range(3, 5)),
    ],
)
def test_a_range_gets_its_octets(header: str, octets: range):
    span = span_of(header, 100)
    assert span == Span(octets[0], octets[-1])
    assert len(span) == len(octets)


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999-"])
def test_what_lies_behind_the_end_is_unsatisfiable(header: str):
    with pytest.raises(UnsatisfiableRangeError):
        span_of(header, 100)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-2", "bytes=a-b", "bytes=1-2,5-6", "bytes=1-2,",
        "items=0-1", "bytes=--5", "bytes=+1-2", "bytes=1-٣", "bytes=0x1-2", "bytes=1-2\nX: y",
        "bytes=" + "9" * 8000 + "-", "bytes=" + ",".join(["0-"] * 2000),
    ],
)  # fmt: skip
def test_what_is_no_single_range_gets_the_whole_file(header: str | None):
    assert span_of(header, 100) is None


@given(SIZES, st.integers(0, 6000), st.integers(0, 6000))
def test_from_first_to_last_is_a_slice(size: int, first: int, last: int):
    file = file_of(size)
    expected = file if last < first else file[first : last + 1] or None
    assert sent(f"bytes={first}-{last}", file) == expected


@given(SIZES, st.integers(0, 6000))
def test_from_first_on_is_a_slice(size: int, first: int):
    file = file_of(size)
    assert sent(f"bytes={first}-", file) == (file[first:] or None)


@given(SIZES, st.integers(0, 6000))
def test_the_last_so_many_are_a_slice(size: int, count: int):
    file = file_of(size)
    assert sent(f"bytes=-{count}", file) == (file[-count:] if count and file else None)


@given(SIZES, st.text(st.sampled_from("bytes=0123456789-, ٣x"), max_size=24).map(lambda text: "bytes=" + text))
def test_whatever_is_asked_nothing_beyond_the_file_is_read(size: int, header: str):
    try:
        span = span_of(header, size)
    except UnsatisfiableRangeError:
        return
    assert span is None or 0 <= span.first <= span.last < size
