"""Whatever arrives, the call has a record, and every figure of it is in its range."""

import math
from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.test_scoring import ANSWERED, MS, SPEECH, call, party
from voice_sipapp.measurement import scoring
from voice_sipapp.media import codecs, rtppacket

Raw = list[tuple[int, bytes]]
BEGAN = round(ANSWERED.timestamp() * 1000) * MS
NAMES = [name for name in codecs.CODECS if name not in codecs.missing()]


@st.composite
def datagrams(draw: st.DrawFn) -> Raw:
    """Anything of at least a header's length that says it is RTP, in order of arrival."""
    found = draw(st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=12, max_size=60)), max_size=40))
    return [(BEGAN + at * MS, bytes([0x80 | data[0] & 0x3F]) + data[1:]) for at, data in sorted(found)]


@st.composite
def spells(draw: st.DrawFn) -> Raw:
    """Spells of packets as a source sends them: each with its own source, numbers, clock, type, pace and faults."""
    packets: Raw = []
    for _ in range(draw(st.integers(1, 5))):
        begin, count = draw(st.integers(0, 6000)), draw(st.integers(1, 80))
        ssrc, kind = draw(st.integers(1, 3)), draw(st.sampled_from([8, 8, 8, 0, 9, 13, 96, 101]))
        number, stamp = draw(st.integers(0, 65535)), draw(st.integers(0, 2**32 - 1))
        step, size = draw(st.sampled_from([0, 80, 160, 240, 960])), draw(st.sampled_from([0, 1, 33, 80, 160, 320]))
        delays = draw(st.lists(st.integers(0, 300), min_size=count, max_size=count))
        gone = draw(st.sets(st.integers(0, count - 1), max_size=count // 2))
        for at in range(count):
            header = rtppacket.HEADER.pack(0x80, kind, (number + at) & 0xFFFF, (stamp + at * step) & 0xFFFFFFFF, ssrc)
            if at not in gone:
                packets.append((BEGAN + (begin + 20 * at + delays[at]) * MS, header + b"\x55" * size))
    return sorted(packets)


def check(row: dict[str, Any]) -> None:
    """Every figure in the range that docs/cdr.md gives."""
    for name, value in row.items():
        if not isinstance(value, int | float) or name in {"second", "payload_type", "remote_lost"}:
            continue
        assert math.isfinite(value), name
        if name.endswith("_dbov"):
            assert -120 <= value <= 0, name
        elif name.startswith("mos"):
            assert 1 <= value <= 4.5, name
        elif name == "r_factor":
            assert 0 <= value <= (129 if row["wideband"] else 100)
        else:
            assert value >= 0, name
        if name.endswith("_pct"):
            assert value <= 100 + 1e-9, name


@given(st.one_of(datagrams(), spells()), st.sampled_from(NAMES), st.none() | st.integers(0, 30_000))
def test_every_figure_is_in_its_range(packets: Raw, codec: str, until_ms: int | None):
    until_ns = None if until_ms is None else BEGAN + until_ms * MS
    cdr = scoring.complete(call(), party(packets, codec), party(packets, codec, until_ns=until_ns), SPEECH)
    for stream in cdr.streams:
        check(asdict(stream))
        if stream.rtp_expected is None:
            assert (stream.rtp_rx, stream.one_way) == (0, True)
            continue
        unique = stream.rtp_rx - stream.rtp_dup
        assert stream.rtp_expected == unique + stream.rtp_lost
        assert stream.rtp_discarded <= unique
        assert stream.rtp_out_of_order <= unique
        own = [interval for interval in cdr.intervals if interval.direction == stream.direction]
        assert sum(interval.rtp_expected for interval in own) == stream.rtp_expected
    for interval in cdr.intervals:
        check(asdict(interval))
        assert 0 <= interval.second <= 65_535
