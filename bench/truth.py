"""Are the call records true? Calls over trunks that spoil them in a known way, against an independent analyser.

Packets are counted three times: by the packet filter that spoils them (or the far end that sends them), by tshark from
a capture at the SIP host's interface, and by the call records. `make truth` prints how far apart they are.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from bench import capture, impaired, injected, plan
from bench.capture import Seen
from bench.figures import figure
from bench.streams import Stream
from bench.trunks import DIRECTIONS, Trunk
from voice_lab import root, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError

CLIENT = "bench-truth"
MEDIA_PORTS = (10_000, 65_535)
RTP = f"ip6[42:2] >= {MEDIA_PORTS[0]} and ip6[43] & 1 = 0"
"""Capture filter: to an even port of that range. Odd ones carry RTCP."""

STREAMS = """
SELECT s.probe, s.direction, s.rtp_rx, s.rtp_expected, s.rtp_lost, s.rtp_discarded, s.loss_pct, s.jitter_ms,
  s.jitter_max_ms, s.mos_cq, s.mos_min, s.late_media_ms, s.one_way, s.silent, s.valid, c.disposition, c.sip_reason,
  c.call_id, UNIX_TIMESTAMP(c.started_at) AS began, UNIX_TIMESTAMP(c.ended_at) AS ended,
  (SELECT COUNT(*) FROM voice_call_interval i WHERE i.uuid = s.uuid AND i.started_at = s.started_at
    AND i.direction = s.direction AND i.rtp_expected > 0) AS seconds
FROM voice_call c JOIN voice_call_stream s USING (uuid, started_at) WHERE c.client = %(client)s ORDER BY c.started_at
"""
JITTER_FLOOR_MS = 1.0
"""Below, tshark's three decimals and ours are too coarse for a relative error."""

MARKS = "comfort-noise"
"""A far end that begins each talkspurt with a marker (RFC 3551, section 4.1): tshark works out no jitter there."""

USUAL = "random-0"
"""The trunk that does nothing to a call."""

UNDER_WAY_PACKETS = 4
"""So many packets of a stream are at most under way while its listener hangs up: 80 ms."""

BINOMIAL_DEVIATIONS = 3.0
"""Random loss of n packets differs from its rate by this many standard deviations once in 370 cases."""

FAR_ENDS = {
    "hold": "hold:inactive:anew",
    "hold-music": "hold:sendonly",
    "hold-null": "hold:null:caller-only",
    "comfort-noise": "comfort-noise",
    "late-media": "late",
    "clock-slow": "clock:1000:0",
    "clock-fast": "clock:-1000:0",
    "crystal": "clock:100:10",
    "longer-path": "longer:55:10",
    "stall": "stall:1.25",
    "packet-length": "packet-length:3",
}
"""What the far end of a trunk does, in the words of `bench.farend.ways`."""

TRUNKS = (
    *(Trunk(index=1 + at, name=f"random-{pct}", loss_pct=pct) for at, pct in enumerate((0, 1, 2, 5, 10))),
    Trunk(index=6, name="bursts-of-15", lost_of=(15, 500)),
    Trunk(index=7, name="bursts-of-3", lost_of=(3, 60)),
    Trunk(index=8, name="jitter", delay="40:12:in-order"),
    Trunk(index=9, name="reordered", delay="40:12:reorder"),
    Trunk(index=10, name="one-way", blocked=True),
    Trunk(index=11, name="muted", muted=True),
    *(Trunk(index=12 + at, name=name, far_end=words) for at, (name, words) in enumerate(FAR_ENDS.items())),
)


@dataclass(frozen=True)
class Outcome:
    """All streams of a run, and the packet filter's counters."""

    streams: list[Stream]
    counts: dict[str, int]

    def of(self, trunk: Trunk, direction: str) -> list[Stream]:
        """The streams of one direction of a trunk."""
        return [each for each in self.streams if each.trunk == trunk and each.direction == direction]

    def recorded_pct(self, trunk: Trunk, direction: str) -> float | None:
        """Loss in the records of all its calls together; None where nothing was received."""
        records = [each.record for each in self.of(trunk, direction) if each.record["rtp_expected"]]
        expected = sum(int(record["rtp_expected"]) for record in records)
        return 100 * sum(int(record["rtp_lost"]) for record in records) / expected if expected else None

    def spoilt_pct(self, trunk: Trunk, direction: str) -> float:
        """The share that the packet filter dropped of what came to it."""
        seen, lost = (self.counts[trunk.counter(direction, what)] for what in ("seen", "lost"))
        return 100 * lost / max(1, seen)


def measure(lab: Lab, roads: Sequence[Trunk], *, seconds: int, rounds: int) -> Outcome:
    """Make `rounds` calls of `seconds` over each of the `roads`, in a lab whose SIP host runs.

    Raises:
        LabError: the path or the capture could not be had, calls did not come, or a far end did not have them.
    """
    file = lab.folder / "truth.pcapng"
    hosts = " or ".join(f"src host {road.address(direction)}" for road in roads for direction in DIRECTIONS)
    only = f"udp and ({hosts}) and {RTP}"
    rows = [
        plan.row(CLIENT, road.name, destination=f"sip:{road.number}@truth.example", every_ms=(seconds + 6) * 1000,
                 dialer_outbound_proxy=road.next_hop, duration_ms=seconds * 1000)
        for road in roads
    ]  # fmt: skip
    plan.forget(lab, CLIENT)
    limit = (rounds + 1) * (seconds + 6) + 30
    with impaired.running(lab, list(roads), seconds), capture.running(lab, impaired.SIP_INTERFACE, only, file):
        with plan.published(lab, CLIENT, rows):
            waiting.until(lambda: _calls(lab, roads) >= rounds, what=f"{rounds} calls over each trunk", seconds=limit)
        _calm(lab, seconds + 30)
        counts = impaired.counts(lab)
    seen = capture.streams(file, MEDIA_PORTS)
    waiting.until(lambda: _all_recorded(lab, roads, seen), what="a record of every call that was captured", seconds=30)
    streams = _on_the_same_packets(_matched(lab, roads, seen), file)
    return Outcome(_with_injected(lab, streams), counts)


def _with_injected(lab: Lab, streams: list[Stream]) -> list[Stream]:
    """`streams` with what the far ends say that they did."""
    told = injected.read(impaired.far_end_log(lab))
    found = [replace(each, injected=told.get((each.record["call_id"], each.direction))) for each in streams]
    for each in found:
        if each.trunk.far_end and each.injected is None:
            logs = lab.folder / "logs"
            raise LabError(f"the far end knows nothing of call {each.record['call_id']} by {each.trunk.name}: {logs}")
    return found


def _on_the_same_packets(streams: list[Stream], file: Path) -> list[Stream]:
    """`streams` with what tshark says of the packets that the records are of."""
    first = {(each.seen.source, each.seen.port): int(each.record["rtp_rx"]) for each in streams if each.seen}
    parts: dict[tuple[str, int], list[Seen]] = {}
    for each in capture.streams(capture.cut(file, first), MEDIA_PORTS):
        parts.setdefault((each.source, each.port), []).append(each)
    found = {where: capture.joined(own) for where, own in parts.items()}
    return [
        replace(each, same=found.get((each.seen.source, each.seen.port))) if each.seen else each for each in streams
    ]


def _calls(lab: Lab, roads: Sequence[Trunk]) -> int:
    """How many calls the trunk with the fewest has had."""
    found = plan.records(lab, "SELECT probe FROM voice_call WHERE client = %(client)s", {"client": CLIENT})
    names = [row["probe"] for row in found]
    return min(names.count(road.name) for road in roads)


def _calm(lab: Lab, seconds: float) -> None:
    """Wait until no call is up any more: for a second no packet comes, and each call is over at the far end too,
    which may be on hold for longer than that, and hears a BYE when the path has carried it.
    """
    last, since, moved = impaired.counts(lab), time.monotonic(), set[str]()

    def calm() -> bool:
        nonlocal last, since, moved
        now = impaired.counts(lab)
        if now != last:
            moved = {name for name, packets in now.items() if packets != last[name]}
            last, since = now, time.monotonic()
        return time.monotonic() - since > 1 and not injected.under_way(impaired.far_end_log(lab))

    def why() -> str:
        up = injected.under_way(impaired.far_end_log(lab))
        return f"Counters that moved last, {time.monotonic() - since:.1f} s ago: {moved}. Up at the far end: {up}"

    waiting.until(calm, what="the last call is over", seconds=seconds, hint=why)


def _all_recorded(lab: Lab, roads: Sequence[Trunk], seen: Sequence[Seen]) -> bool:
    matched = sum(stream.seen.sources for stream in _matched(lab, roads, seen) if stream.seen)
    return matched == len(seen)


def _matched(lab: Lab, roads: Sequence[Trunk], seen: Sequence[Seen]) -> list[Stream]:
    """The record of each direction of each call, with the captured streams that began while the call was up."""
    by_name = {road.name: road for road in roads}
    streams = []
    for record in plan.records(lab, STREAMS, {"client": CLIENT}):
        trunk, direction = by_name[record["probe"]], record["direction"]
        own = [
            each
            for each in seen
            if each.source == trunk.source(direction) and record["began"] <= each.began <= record["ended"]
        ]
        streams.append(Stream(trunk, direction, record, capture.joined(own) if own else None))
    return streams


def packets_apart(streams: Iterable[Stream]) -> int:
    """The largest difference between packets recorded and captured: those that came when the listener had hung up."""
    return max(abs(int(each.record["rtp_rx"]) - each.seen.packets) for each in streams if each.seen)


def loss_error_pp(streams: Iterable[Stream]) -> float:
    """The largest difference of loss between record and tshark, in percentage points, over the same packets."""
    pairs = [
        (float(each.record["loss_pct"]), each.same.loss_pct) for each in streams if _comparable(each) and each.same
    ]
    return max(abs(record - seen) for record, seen in pairs)


def jitter_errors(streams: Iterable[Stream]) -> tuple[float, float]:
    """The largest difference of mean or highest jitter between record and tshark over the same packets: relative to
    tshark's (or to 1 ms, where that is more), and in ms.
    """
    pairs = [
        (float(each.record[column]), float(getattr(each.same, column)))
        for each in streams
        if _comparable(each) and each.same and each.trunk.far_end != MARKS
        for column in ("jitter_ms", "jitter_max_ms")
    ]
    differences = [abs(record - seen) for record, seen in pairs]
    relative = [off / max(JITTER_FLOOR_MS, seen) for off, (_, seen) in zip(differences, pairs, strict=True)]
    return max(relative), max(differences)


def _comparable(stream: Stream) -> bool:
    """Whether tshark can tell what the record tells: it knows no holds, and nothing of what follows another source."""
    return stream.same is not None and not stream.trunk.far_end.startswith("hold")


def within_bounds(outcome: Outcome, trunk: Trunk, direction: str) -> bool:
    """Whether the records' loss is the trunk's rate within ±20 %, plus the binomial error of that many packets. Where
    packets overtake one another, those that were still under way at the end of a call look lost.
    """
    measured, rate = outcome.recorded_pct(trunk, direction), trunk.injected_pct(direction)
    if measured is None:
        return rate == 100
    streams = outcome.of(trunk, direction)
    packets = sum(int(each.record["rtp_expected"] or 0) for each in streams)
    under_way = 100 * UNDER_WAY_PACKETS * len(streams) / packets if trunk.delay else 0.0
    deviation: float = 100 * math.sqrt(rate / 100 * (1 - rate / 100) / packets)
    return abs(measured - rate) <= 0.2 * rate + BINOMIAL_DEVIATIONS * deviation + under_way


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks."""
    ranks = [_ranks(first), _ranks(second)]
    means = [sum(each) / len(each) for each in ranks]
    apart = [[rank - mean for rank in each] for each, mean in zip(ranks, means, strict=True)]
    together: float = sum(a * b for a, b in zip(*apart, strict=True))
    norms = [math.sqrt(sum(a * a for a in each)) for each in apart]
    return together / (norms[0] * norms[1])


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def mos_against_loss(streams: Sequence[Stream]) -> tuple[float, bool]:
    """Rank correlation between the loss of each randomly spoilt stream and −MOS; and whether the mean MOS of
    each rate is below that of every lower rate.
    """
    spoilt = [each for each in streams if each.trunk.name.startswith("random") and each.record["mos_cq"] is not None]
    losses = [float(each.record["loss_pct"]) for each in spoilt]
    scores = [float(each.record["mos_cq"]) for each in spoilt]
    rates = sorted({each.trunk.loss_pct for each in spoilt})
    means = [
        sum(of) / len(of)
        for rate in rates
        if (of := [score for each, score in zip(spoilt, scores, strict=True) if each.trunk.loss_pct == rate])
    ]
    falling = all(after < before for before, after in pairwise(means))
    return rank_correlation(losses, [-score for score in scores]), falling


def flagged(streams: Iterable[Stream], flag: str) -> float:
    """The share of calls whose forward stream, the one that a trunk blocks or mutes, carries `flag`."""
    marks = [bool(each.record[flag]) for each in streams if each.direction == "forward"]
    return sum(marks) / len(marks)


def report(outcome: Outcome, roads: Sequence[Trunk]) -> None:
    """Print the figures."""
    for road in roads:
        for direction in DIRECTIONS:
            _report_trunk(outcome, road, direction)
    relative, absolute = jitter_errors(outcome.streams)
    correlation, falling = mos_against_loss(outcome.streams)
    muted = [each for each in outcome.streams if each.trunk.muted]
    blocked = [each for each in outcome.streams if each.trunk.blocked]
    falsely = [each for each in outcome.streams if _flagged_falsely(each)]
    inside = [within_bounds(outcome, road, direction) for road in roads for direction in DIRECTIONS]
    figure("calls", len(outcome.streams) / 2, "calls")
    figure("invalid_calls", sum(not each.record["valid"] for each in outcome.streams) / 2, "calls")
    figure("packets_apart_max", packets_apart(outcome.streams), "packets", against="tshark")
    figure("loss_abs_error_pp_max", loss_error_pp(outcome.streams), "percentage points", against="tshark")
    figure("jitter_rel_error_max", relative, "", against="tshark")
    figure("jitter_abs_error_ms_max", absolute, "ms", against="tshark")
    figure("loss_within_bounds", sum(inside) / len(inside), "share of trunks", against="the rate injected")
    figure("mos_rank_correlation", correlation, "", against="loss")
    figure("mos_falls_monotonically", falling, "0 or 1", against="loss")
    figure("muted_calls_flagged", flagged(muted, "silent"), "share of calls")
    figure("one_way_calls_flagged", flagged(blocked, "one_way"), "share of calls")
    figure("streams_flagged_falsely", len(falsely) / len(outcome.streams), "share of streams")
    usual = [float(each.record["mos_cq"]) for road in roads for direction in DIRECTIONS
             for each in outcome.of(road, direction) if road.name == USUAL]  # fmt: skip
    injected.report([each for each in outcome.streams if each.injected], sum(usual) / len(usual))


def _report_trunk(outcome: Outcome, road: Trunk, direction: str) -> None:
    """Print loss, jitter and MOS of one direction of a trunk, over all its calls."""
    streams = [each for each in outcome.of(road, direction) if each.seen]
    if not streams:
        return
    name = f"{road.name}_{direction}".replace("-", "_")
    spoilt, loss = outcome.spoilt_pct(road, direction), outcome.recorded_pct(road, direction) or 0.0
    figure(f"loss_pct_{name}", loss, "%", against="packet filter's counters", ratio=loss / spoilt if spoilt else None)
    jitter = sum(float(each.record["jitter_ms"]) for each in streams)
    theirs = sum(each.seen.jitter_ms for each in streams if each.seen)
    figure(f"jitter_ms_{name}", jitter / len(streams), "ms", against="tshark", ratio=jitter / theirs)
    figure(f"mos_{name}", sum(float(each.record["mos_cq"]) for each in streams) / len(streams), "MOS-CQ")


def _flagged_falsely(stream: Stream) -> bool:
    one_way = stream.trunk.blocked and stream.direction == "forward"
    silent = stream.trunk.muted and stream.direction == "forward"
    return (bool(stream.record["one_way"]) and not one_way) or (bool(stream.record["silent"]) and not silent)


def main() -> None:
    """Start a lab, measure, stop it."""
    parser = argparse.ArgumentParser(prog="python -m bench.truth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=45, help="length of a call (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="calls over each trunk (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the capture in FILE")
    arguments = parser.parse_args()
    names = ["sip_host"]
    root.become(lambda: stack.install(names, extra_packages=capture.PACKAGES), "bench.truth", sys.argv[1:])
    with stack.running("truth") as lab:
        stack.up(lab, names)
        outcome = measure(lab, TRUNKS, seconds=arguments.seconds, rounds=arguments.rounds)
        report(outcome, TRUNKS)
        if arguments.keep:
            arguments.keep.write_bytes((lab.folder / "truth.pcapng").read_bytes())


if __name__ == "__main__":
    main()
