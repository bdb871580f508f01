"""What the benchmarks work out, as far as no server is needed for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench import capture, injected, install_memory, limits, load, sendtimes, trunks, truth
from bench.install_memory import Container, Process
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


def test_a_trunk_with_a_far_end_of_its_own_passes_neither_proxy_nor_relay():
    near, far = Trunk(index=1, name="random-0"), Trunk(index=12, name="hold", far_end="hold:inactive:anew")
    assert near.next_hop.endswith(":5060")
    assert far.next_hop.endswith(":5070")
    assert far.number not in trunks.kamailio_cfg([near, far], "[::1]:5062")
    assert not any(far.address("forward") in word for word in trunks.rtpengine_args([near, far]))
    settings = trunks.far_end_settings([near, far], ("::1", 5062), 45, "log")
    assert settings["trunks"] == [
        {
            "number": far.number, "words": "hold:inactive:anew", "forward": far.address("forward"),
            "reverse": far.address("reverse"),
        }
    ]  # fmt: skip
    assert far.counter("reverse", "seen") in ruleset([near, far])


def test_streams_of_one_direction_are_taken_together():
    first, second = capture.parse(TABLE, 1000.0)
    both = capture.joined([second, first])
    assert second.loss_pct == 0, "less than none is none"
    assert (both.packets, both.lost, both.sources) == (541 + 75, 59 - 3, 2)
    assert (both.began, both.ended, both.jitter_max_ms) == (1001.0, 1040.594925, 0.635)


def test_what_the_far_end_logged_is_what_was_due(tmp_path: Path):
    sent = {"packets": 100, "first_ns": 1_500_000_000, "last_ns": 9_000_000_000, "late_ms": 0.5, "came": 400}
    call = {"call_id": "a", "answered_ns": 1_000_000_000, "held_ns": [[2_000_000_000, 5_000_000_000]]}
    lines = [{**call, "music": music, "call_id": name, "forward": sent, "reverse": sent} for name, music in LOGGED]
    (tmp_path / "log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = injected.read(tmp_path / "log")
    assert set(told) == {(name, direction) for name, _ in LOGGED for direction in ("forward", "reverse")}
    assert (told["a", "forward"].first_ms, told["a", "forward"].sound_s) == (500, 4.5)
    assert told["b", "reverse"].sound_s == 7.5, "music on hold is sound"
    assert injected.read(tmp_path / "none") == {}


def test_a_call_is_under_way_from_its_first_line_to_its_second(tmp_path: Path):
    log = tmp_path / "log"
    began, ended = '{"call_id": "a", "began_ns": 1}\n', '{"call_id": "a", "answered_ns": 2}\n'
    assert injected.under_way(log) == set()
    log.write_text(began + '{"call_id": "b", "began_ns": 1}\n')
    assert injected.under_way(log) == {"a", "b"}
    log.write_text(began + ended)
    assert injected.under_way(log) == set()


LOGGED = (("a", False), ("b", True))


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
    assert limits.limit([step(50, 0), step(100, 0.5), step(150, 0.05), step(200, 0.2), step(250, 3)]) == 150
    assert limits.limit([step(50, 0), step(100, 0)]) == 100
    assert limits.limit([step(50, 1), step(100, 1)]) == 0


class Program:
    """A program that keeps up with `most` calls, and in a trial is never late with fewer."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.tried: list[int] = []

    def attempt(self, asked: int) -> limits.Trial:
        self.tried.append(asked)
        late = 0.0 if asked <= self.most else 0.3
        return limits.trial(asked, [step(asked, late), step(asked, late)])


@pytest.mark.parametrize(
    ("rising", "most", "found", "tried"),
    [
        # Between two windows: the bad one is tried by itself, then halves.
        ([step(100, 0), step(140, 0), step(180, 0.5), step(220, 2)], 163, 160, [180, 160, 170, 165]),
        # The very first window was bad, the next one too: still a figure, and not 0.
        ([step(91, 0.13), step(131, 2)], 60, 59, [91, 45, 68, 56, 62, 59]),
        # Only the windows were to blame: up from there.
        ([step(91, 0.13), step(131, 0.2)], 140, 136, [91, 131, 171, 151, 141, 136]),
        # No window was bad.
        ([step(100, 0), step(140, 0)], 150, 150, [180, 160, 150, 155]),
        # A single bad window between good ones is the machine's fault.
        ([step(100, 0.2), step(140, 0), step(180, 1), step(220, 1)], 200, 200, [180, 220, 200, 210]),
        ([step(100, 4), step(140, 9)], 0, 0, [100, 50, 25, 12, 6, 3]),
    ],
)
def test_the_search_goes_on_between_windows(rising: list[load.Step], most: int, found: float, tried: list[int]):
    program = Program(most)
    assert limits.search(rising, 40, program.attempt) == found
    assert program.tried == tried


def test_a_trial_in_which_calls_are_missing_is_not_kept_up_with():
    assert not limits.trial(200, [step(120, 0), step(120, 0)]).kept_up
    assert limits.trial(200, [step(198, 0.4), step(199, 0)]) == limits.Trial(200, 199, kept_up=True)


SMAPS = """55d0c0a00000-7ffd5a3c0000 ---p 00000000 00:00 0  [rollup]
Rss:               80000 kB
Pss:               60000 kB
Pss_Dirty:         50000 kB
Private_Clean:         4 kB
"""
CGROUPS = {
    "v1": ("9:name=systemd:/a/b\n4:memory:/pods/one\n2:cpu,cpuacct:/x\n0::/u\n", "memory/pods/one"),
    "v2": ("0::/pods/one\n", "pods/one"),
}
COUNTERS = {
    "v1": {"memory.usage_in_bytes": "9000", "memory.max_usage_in_bytes": "9500"},
    "v2": {"memory.current": "9000", "memory.peak": "9500"},
}


@pytest.mark.parametrize("kind", CGROUPS)
def test_a_containers_memory_is_read_where_the_kernel_counts_it(kind: str, tmp_path: Path):
    text, place = CGROUPS[kind]
    group = install_memory.group_of(text, tmp_path)
    assert group == tmp_path / place
    group.mkdir(parents=True)
    for name, content in COUNTERS[kind].items():
        (group / name).write_text(f"{content}\n")
    (group / "memory.stat").write_text("cache 5000\ninactive_file 2000\ntotal_inactive_file 2000\n")
    assert install_memory.counted(group) == (7000, 9500)


def test_an_older_kernel_tells_no_peak(tmp_path: Path):
    (tmp_path / "memory.current").write_text("9000\n")
    (tmp_path / "memory.stat").write_text("inactive_file 2000\n")
    assert install_memory.counted(tmp_path) == (7000, 9000)


def test_a_process_tells_its_own_and_its_shared_memory(tmp_path: Path):
    folder = tmp_path / "12"
    folder.mkdir()
    (folder / "smaps_rollup").write_text(SMAPS)
    (folder / "status").write_text("Name:\tpython\nPid:\t12\nPPid:\t7\n")
    found = install_memory.process(12, tmp_path)
    assert (found.pid, found.parent) == (12, 7)
    assert (found.rss_mb, found.pss_mb) == pytest.approx((81.92, 61.44))


def test_workers_are_what_a_containers_first_process_started():
    first, one, two, below = (Process(pid, parent, 1.0, 1.0) for pid, parent in ((5, 1), (6, 5), (7, 5), (8, 7)))
    assert Container("pod", "portal", (two, below, first, one), 0, 0, 0).workers() == [two, one]


@pytest.mark.parametrize(
    ("text", "value"), [("256Mi", 268435456), ("1Gi", 1073741824), ("1.5M", 1.5e6), ("128974848", 128974848), ("0", 0)]
)
def test_a_number_of_bytes_is_read_as_kubernetes_writes_it(text: str, value: float):
    assert install_memory.bytes_of(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "256MB", "-1Mi", "1 Gi"])
def test_what_is_no_number_of_bytes_is_told(text: str):
    with pytest.raises(ValueError, match="is no number of bytes"):
        install_memory.bytes_of(text)
