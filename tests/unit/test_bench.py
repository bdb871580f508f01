"""What the benchmarks work out, as far as no server is needed for it."""

from __future__ import annotations

import numpy as np
import pytest
from bench import capture, load, sendtimes, truth
from bench.trunks import Trunk, ruleset

TABLE = """
========================= RTP Streams ========================
   Start time      End time     Src IP addr  Port    Dest IP addr  Port       SSRC          Payload  Pkts         Lost
    28.614858     40.594925     fd77:a::d:5 40010       fd77:a::2 28498 0x523047C0            g711A   541    59 (9.8%) \
         18.970          22.185          60.403           0.060           0.418           0.532 X
     1.000000      2.500000     fd77:a::e:2 40014       fd77:a::2 28496 0x5F400B1E   RTPType-101    75    -3 (-4.2%)  \
         17.934          20.203          40.964           0.018           0.407           0.635
==============================================================
"""


def test_tsharks_table_is_read_line_by_line():
    first, second = capture.parse(TABLE, 1000.0)
    assert (first.source, first.port, first.packets, first.lost) == ("fd77:a::d:5", 28498, 541, 59)
    assert (first.began, first.jitter_ms, first.jitter_max_ms) == (1028.614858, 0.418, 0.532)
    assert first.loss_pct == pytest.approx(9.833, abs=0.001)
    assert second.lost == -3


def test_a_trunks_two_directions_are_spoilt_and_counted_apart():
    trunk = Trunk(index=3, name="one-way", blocked=True)
    assert trunk.source("forward") == trunk.address("reverse") != trunk.address("forward")
    drops = [line for line in ruleset([trunk]).splitlines() if "drop" in line]
    assert len(drops) == 1
    assert trunk.address("forward") in drops[0]
    assert trunk.counter("forward", "lost") in drops[0]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 1, 5, 10], [1, 2, 3, 4], 1.0),
        ([0, 1, 5, 10], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),  # 1 - 6·4/(5·24), Spearman's formula without ties
        ([0, 0, 1], [0, 0, 1], 1.0),
    ],
)
def test_rank_correlation_is_spearmans(first: list[float], second: list[float], expected: float):
    assert truth.rank_correlation(first, second) == pytest.approx(expected)


def packets(*streams: list[tuple[float, int]]) -> sendtimes.Packets:
    """Streams of (ms, sequence number)."""
    flat = [(ms, number, at) for at, stream in enumerate(streams) for ms, number in stream]
    sent, sequence, stream = (np.array(each) for each in zip(*flat, strict=True))
    return sendtimes.Packets((sent * 1e6).astype(np.int64), sequence.astype(np.int64), stream.astype(np.int64))


def test_packets_are_late_by_their_own_streams_clock():
    punctual = [(20.0 * at, (65_500 + at) & 0xFFFF) for at in range(100)]  # its numbers wrap
    stalled = [(7 + 20.0 * at + (30 if at in (50, 51) else 0), at) for at in range(100)]
    window = sendtimes.window(packets(punctual, stalled), 0, 2_010_000_000)
    assert window.late_pct == pytest.approx(100 * 2 / 200)
    assert window.worst_lag_ms == pytest.approx(30)
    assert window.calls == pytest.approx(1, abs=0.01)


def test_a_first_packet_that_came_early_makes_no_other_late():
    early = [(0.0, 0), *[(20.0 * at + 24, at) for at in range(1, 50)]]
    assert sendtimes.window(packets(early), 0, 2_000_000_000).late_pct == 0


def step(calls: float, late_pct: float) -> load.Step:
    return load.Step(sendtimes.Window(calls, 10_000, late_pct, 30.0), 0.5, 100.0, 0.0)


def test_the_limit_is_before_two_bad_windows_in_a_row():
    assert load.limit([step(50, 0), step(100, 0.5), step(150, 0.05), step(200, 0.2), step(250, 3)]) == 150
    assert load.limit([step(50, 0), step(100, 0)]) == 100
    assert load.limit([step(50, 1), step(100, 1)]) == 0
