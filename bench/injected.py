"""What the far end of `bench.farend` says it did to calls, and how far the call records are from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.figures import figure
from bench.streams import Injected, Stream

SPOILT = ("stall", "longer-path")
"""Trunks on which some of what was sent comes too late for a listener, rightly."""


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def under_way(file: Path) -> set[str]:
    """The Call-IDs of calls that began and are not over, by the far end's log."""
    begun: set[str] = set()
    for told in _lines(file):
        (begun.add if "began_ns" in told else begun.discard)(told["call_id"])
    return begun


def read(file: Path) -> dict[tuple[str, str], Injected]:
    """What the far end logged of calls that are over, by the dialer's Call-ID and direction."""
    found = {}
    for told in _lines(file):
        if "began_ns" in told:
            continue
        held_s = 0.0 if told["music"] else sum(end - begin for begin, end in told["held_ns"]) / 1e9
        for direction in ("forward", "reverse"):
            sent = {name: told[direction][name] for name in ("packets", "first_ns", "last_ns", "late_ms")}
            found[told["call_id"], direction] = Injected(answered_ns=told["answered_ns"], held_s=held_s, **sent)
    return found


def of(streams: Iterable[Stream], *names: str) -> list[Stream]:
    """Those of trunks whose name begins with one of `names`."""
    return [each for each in streams if each.trunk.name.startswith(names)]


def unspoilt(streams: Iterable[Stream]) -> list[Stream]:
    """Those on which everything that was sent came in time for a listener."""
    return [each for each in streams if each.trunk.name not in SPOILT]


def packets_apart(streams: Iterable[Stream]) -> int:
    """The largest difference between the packets that the far end sent and those recorded."""
    return max(abs(int(each.record["rtp_rx"]) - each.injected.packets) for each in streams if each.injected)


def lost(streams: Iterable[Stream]) -> int:
    """The most packets of a direction that count as lost, where all that was due was sent."""
    return max(int(each.record["rtp_lost"] or 0) for each in streams)


def late_media_error_ms(streams: Iterable[Stream]) -> float:
    """The largest difference between late media as recorded and as sent."""
    return max(
        abs(float(each.record["late_media_ms"] or 0) - each.injected.first_ms) for each in streams if each.injected
    )


def seconds_error(streams: Iterable[Stream]) -> float:
    """The largest difference between the seconds of sound recorded and sent."""
    return max(abs(int(each.record["seconds"]) - each.injected.sound_s) for each in streams if each.injected)


def mos_error(streams: Sequence[Stream], usual: float) -> float:
    """The furthest that a rating is from `usual`, that of a call to which nothing is done."""
    return max((abs(float(each.record["mos_cq"] or 1.0) - usual) for each in streams), default=0.0)


def discarded(streams: Iterable[Stream]) -> int:
    """The most packets of a direction that came too late for a listener."""
    return max((int(each.record["rtp_discarded"] or 0) for each in streams), default=0)


def outages_seen(streams: Sequence[Stream]) -> float:
    """The share of directions with an outage in which the worst second says so: a MOS below 2."""
    return sum(float(each.record["mos_min"] or 5) < 2 for each in streams) / len(streams)


def report(streams: Sequence[Stream], usual: float) -> None:
    """Print the figures; `usual` is the MOS of a call to which nothing is done."""
    sent_late = max(each.injected.late_ms for each in streams if each.injected)
    figure("far_end_sent_late_ms_max", sent_late, "ms")
    figure("far_end_packets_apart_max", packets_apart(streams), "packets", against="the far end's log")
    figure("far_end_lost_max", lost(streams), "packets", against="the far end's log: 0")
    figure(
        "far_end_mos_error_max",
        mos_error(unspoilt(streams), usual),
        "MOS-CQ",
        against="a call to which nothing is done",
    )
    figure("far_end_seconds_error_max", seconds_error(streams), "s", against="the far end's log")
    longer, stalled = of(streams, "longer"), of(streams, "stall")
    figure("late_media_error_ms_max", late_media_error_ms(of(streams, "late")), "ms", against="the far end's log")
    figure("clock_discarded_max", discarded(of(streams, "clock", "crystal")), "packets")
    figure("longer_path_discarded_max", discarded(longer), "packets")
    figure("longer_path_mos_error_max", mos_error(longer, usual), "MOS-CQ", against="a call to which nothing is done")
    figure("stall_outages_seen", outages_seen(stalled), "share of directions")
    figure("stall_discarded_max", discarded(stalled), "packets")
