"""The independent witness: packets captured by dumpcap, counted and timed by tshark's RTP statistics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from voice_lab import commands, processes, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import network

PACKAGES = ("tshark",)
SNAP_BYTES = 128
"""Of each packet: its headers are enough, lengths are read from them."""

BUFFER_MB = 64
NAME = "capture"

_LINE = re.compile(
    r"^\s*(?P<begin>[\d.]+)\s+(?P<end>[\d.]+)\s+(?P<source>\S+)\s+(?P<source_port>\d+)\s+(?P<to>\S+)\s+(?P<port>\d+)\s+"
    r"(?P<ssrc>0x[0-9A-Fa-f]+)\s+"
    r"(?P<codec>.+?)\s+(?P<packets>\d+)\s+(?P<lost>-?\d+)\s+\(-?[\d.]+%\)"
    r"(?P<times>(?:\s+-?[\d.]+){6})"
)


@dataclass(frozen=True)
class Seen:
    """One RTP stream as tshark saw it: between `began` and `ended` (seconds since 1970), from the address `source` and
    its `source_port` to the address `to` and its `port`.

    `jitter_ms` is the mean, `jitter_max_ms` the highest interarrival jitter (RFC 3550). `sources`: so many streams
    that follow each other are taken together.
    """

    began: float
    ended: float
    source: str
    port: int
    packets: int
    lost: int
    jitter_ms: float
    jitter_max_ms: float
    source_port: int = 0
    to: str = ""
    ssrc: int = 0
    codec: str = ""
    sources: int = 1

    @property
    def loss_pct(self) -> float:
        """Share of the packets that were expected.

        tshark expects what is numbered from the packet on that came first. Where that overtook another, it tells of
        less than none lost.
        """
        lost = max(0, self.lost)
        return 100 * lost / (self.packets + lost)


@contextmanager
def running(
    lab: Lab, interface: str, condition: str, file: Path, *, snap_bytes: int = SNAP_BYTES, old_format: bool = False
) -> Iterator[None]:
    """Capture into `file` what fulfils `condition` (a capture filter) at the SIP host's `interface`.

    `old_format`: as pcap, whose records are of one size where the packets are.

    Raises:
        LabError: the capture did not start, or the kernel had to drop packets that belong in it.
    """
    file.unlink(missing_ok=True)
    log = lab.folder / "logs" / f"{NAME}.log"
    log.unlink(missing_ok=True)
    command = [
        "dumpcap", "-q", "-i", interface, "-s", str(snap_bytes), "-B", str(BUFFER_MB), "-f", condition, "-w", str(file),
        *(["-P"] if old_format else []),
    ]  # fmt: skip
    processes.start(lab.folder, NAME, network.inside(network.sip_namespace(lab), *command))

    def ready() -> bool:
        processes.check(lab.folder, NAME)
        return "File:" in log.read_text()

    try:
        waiting.until(ready, what="the capture runs", seconds=20)
        yield
    finally:
        processes.stop(lab.folder, NAME)
    told = re.search(r"received/dropped on interface .*?: (\d+)/(\d+)", log.read_text())
    if told is None or told[2] != "0":
        raise LabError(f"the capture is not whole: {log.read_text()[-300:]}")


def streams(file: Path, ports: tuple[int, int]) -> list[Seen]:
    """Every RTP stream in `file` that went to one of the `ports`, as tshark counts and times it."""
    first = commands.run(["tshark", "-n", "-r", file, "-c", "1", "-T", "fields", "-e", "frame.time_epoch"])
    if not first.strip():
        return []
    decode = f"udp.port=={ports[0]}-{ports[1]},rtp"
    table = commands.run(["tshark", "-n", "-q", "-r", file, "-d", decode, "-z", "rtp,streams"], seconds=120)
    return parse(table, float(first))


def joined(parts: Sequence[Seen]) -> Seen:
    """The streams of one direction of one call taken together, as what one listener heard."""
    packets = sum(part.packets for part in parts)
    return replace(
        parts[0],
        began=min(part.began for part in parts),
        ended=max(part.ended for part in parts),
        packets=packets,
        lost=sum(part.lost for part in parts),
        jitter_ms=sum(part.jitter_ms * part.packets for part in parts) / max(1, packets),
        jitter_max_ms=max(part.jitter_max_ms for part in parts),
        sources=sum(part.sources for part in parts),
    )


def cut(file: Path, first: Mapping[tuple[str, int], int]) -> Path:
    """A copy of `file` with only the `first` so many packets of each stream, by where that came from and went to."""
    fields = ("frame.number", "ipv6.src", "udp.dstport")
    words = [word for field in fields for word in ("-e", field)]
    counts: Counter[tuple[str, int]] = Counter()
    surplus = []
    for line in commands.run(["tshark", "-n", "-r", file, "-T", "fields", *words], seconds=120).splitlines():
        number, source, port = line.split("\t")
        stream = source, int(port)
        counts[stream] += 1
        if counts[stream] > first.get(stream, 0):
            surplus.append(number)
    made = file.with_stem(f"{file.stem}-cut")
    commands.run(["editcap", file, made, *surplus])
    return made


def parse(table: str, epoch: float) -> list[Seen]:
    """The streams in the text that `tshark -z rtp,streams` prints, of a capture whose first packet came at `epoch`."""
    found = []
    for line in table.splitlines():
        if match := _LINE.match(line):
            *_, _minimum, mean, highest = match["times"].split()
            found.append(
                Seen(
                    began=epoch + float(match["begin"]),
                    ended=epoch + float(match["end"]),
                    source=match["source"],
                    port=int(match["port"]),
                    packets=int(match["packets"]),
                    lost=int(match["lost"]),
                    jitter_ms=float(mean),
                    jitter_max_ms=float(highest),
                    source_port=int(match["source_port"]),
                    to=match["to"],
                    ssrc=int(match["ssrc"], 16),
                    codec=match["codec"],
                )
            )
    return found
