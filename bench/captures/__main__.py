"""What the SIP application's own analysis makes of the RTP streams in captures, beside tshark's figures for them.

One row a stream, both figures of each pair as tshark/ours. Where streams follow each other between the same ports (a
gateway changed its source), one more row takes them together, as a listener hears them. Needs tshark, no lab, no root.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.capture import Seen
from bench.captures import analysing, codecs, reading
from bench.captures.analysing import Figures
from bench.captures.reading import CaptureError, Contents, Key, Stream

ANOTHER_CALL_NS = 60_000_000_000
"""What comes between the same ports after a longer silence belongs to another call."""

log = logging.getLogger("captures")

COLUMNS = (
    "stream",
    "codec",
    "ms",
    "packets",
    "lost",
    "jitter ms",
    "highest",
    "late",
    "late %",
    "MOS",
    "worst second",
    "slow ppm",
)


@dataclass(frozen=True)
class Row:
    """One stream (or several, as a listener hears them: `sources`): what tshark and we say of it, and what there is to
    say about it in words. `figures` is None where the application cannot measure it.
    """

    key: Key
    sources: int
    codec: str
    seen: Seen | None
    figures: Figures | None
    remarks: tuple[str, ...]

    @property
    def name(self) -> str:
        """The stream as people write it."""
        ends = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in (self.key[:2], self.key[2:4]))
        return " > ".join(ends) + (f" 0x{self.key.ssrc:08X}" if self.sources == 1 else f" all {self.sources}")

    def told(self, file: Path) -> dict[str, object]:
        """As JSON."""
        return {
            "file": str(file), **self.key._asdict(), "ssrc": f"0x{self.key.ssrc:08X}" if self.sources == 1 else None,
            "sources": self.sources, "codec": self.codec, "tshark": self.seen and _told(self.seen),
            "ours": self.figures, "remarks": self.remarks,
        }  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        ours, seen = self.figures or {}, self.seen
        pairs = [
            (seen and seen.packets, ours.get("rtp_rx"), 0),
            (seen and seen.lost, ours.get("rtp_lost"), 0),
            (seen and seen.jitter_ms, ours.get("jitter_ms"), 3),
            (seen and seen.jitter_max_ms, ours.get("jitter_max_ms"), 3),
        ]
        single = [("rtp_discarded", 0), ("discard_pct", 2), ("mos_cq", 2), ("mos_min", 2), ("clock_slow_ppm", 0)]
        return (
            self.name, self.codec, _number(ours.get("ptime_ms"), 0),
            *(f"{_number(theirs, digits)}/{_number(own, digits)}" for theirs, own, digits in pairs),
            *(_number(ours.get(name), digits) for name, digits in single),
        )  # fmt: skip


def _told(seen: Seen) -> dict[str, object]:
    names = ("packets", "lost", "loss_pct", "jitter_ms", "jitter_max_ms")
    return {name: getattr(seen, name) for name in names} | {"began_s": seen.began, "ended_s": seen.ended}


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"


def rows(contents: Contents, wishes: dict[int, str]) -> Iterator[Row]:
    """A row for each stream of a capture, in the order of their first packets; `wishes` are what payload types are."""
    flows: dict[tuple[str, int, str, int], list[Key]] = {}
    for key, stream in contents.streams.items():
        flows.setdefault(key[:4], []).append(key)
        yield _row(contents, key, stream, wishes, contents.seen.get(key), 1)
    for keys in (own for flow in flows.values() for own in _calls(contents, flow)):
        if len(keys) > 1:
            together = Stream(
                sorted(packet for key in keys for packet in contents.streams[key].packets),
                any(contents.streams[key].encrypted for key in keys),
                sum(contents.streams[key].cut for key in keys),
            )
            yield _row(contents, keys[0], together, wishes, None, len(keys))


def _calls(contents: Contents, keys: Sequence[Key]) -> list[list[Key]]:
    """The streams between the same ports, those of one call together: ports are used again, sooner or later."""
    calls: list[list[Key]] = []
    ended_ns = 0
    for key in sorted(keys, key=lambda key: contents.streams[key].packets[0]):
        packets = contents.streams[key].packets
        if not calls or packets[0][0] - ended_ns > ANOTHER_CALL_NS:
            calls.append([])
        calls[-1].append(key)
        ended_ns = max(ended_ns, packets[-1][0])
    return calls


def _row(contents: Contents, key: Key, stream: Stream, wishes: dict[int, str], seen: Seen | None, sources: int) -> Row:
    encodings = codecs.types(contents, key, wishes)
    sound, comfort_noise = codecs.in_stream(stream.packets, encodings)
    codec = " ".join(dict.fromkeys(sound.values())) or (seen.codec if seen else "?")
    if not sound:
        kinds = sorted({packet[1] & 0x7F for _, packet in stream.packets})
        named = ", ".join(f"{kind} ({encodings.get(kind, 'not described')})" for kind in kinds)
        remark = f"payload types {named}: no codec that is measured; if that is wrong, --codec NUMBER=ENCODING says so"
        return Row(key, sources, codec, seen, None, (remark,))
    tag = codecs.tag_octets(stream.packets, sound)
    packets = [(at, packet[: len(packet) - tag] if tag else packet) for at, packet in stream.packets]
    remarks = []
    if stream.encrypted or tag:
        how = "as signalling says" if stream.encrypted else f"by its length: {tag} octets too many for whole packets"
        remarks.append(f"encrypted (SRTP), {how}: counts, jitter and ratings hold, the sound itself is not heard")
    if stream.cut:
        remarks.append(f"{stream.cut} packets were captured in part (snap length): the sound itself is not heard")
    try:
        figures = analysing.measure(packets, sound, comfort_noise, legible=not remarks)
    except Exception as error:
        log.exception("%s cannot be measured", key)
        return Row(key, sources, codec, seen, None, (*remarks, f"the analysis met an error of its own: {error!r}"))
    if twice := _twice(figures):
        remarks.append(f"{twice} packets came twice: was this captured in two places at once?")
    return Row(key, sources, codec, seen, figures, tuple(remarks))


def _twice(figures: Figures) -> int:
    """How many copies there are, if those are no accident."""
    copies, received = figures.get("rtp_dup"), figures.get("rtp_rx")
    many = isinstance(copies, int) and isinstance(received, int) and 10 * copies > received
    return copies if many and isinstance(copies, int) else 0


def _table(found: Sequence[Row]) -> Iterator[str]:
    """The rows as text, columns under each other, with remarks below their rows."""
    cells = [COLUMNS, *(row.cells() for row in found)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(COLUMNS))]
    remarks = [(), *(row.remarks for row in found)]
    for row, said in zip(cells, remarks, strict=True):
        left, *right = zip(row, widths, strict=True)
        yield "  ".join([left[0].ljust(left[1]), *(text.rjust(width) for text, width in right)])
        yield from (f"    {remark}" for remark in said)


def _said(file: Path, contents: Contents) -> Iterator[str]:
    """What there is to say of a whole file."""
    count = len(contents.streams)
    yield f"{file}: {count} stream{'s' * (count != 1)} of RTP"
    if contents.fragments:
        yield f"    {contents.fragments} frames are fragments of datagrams; those that are whole were put together"
    if contents.unread:
        yield f"    {contents.unread} frames hold RTP whose header was not captured, or not over UDP or TCP: left out"
    if contents.cut_short:
        yield "    the file ends in the middle of a packet; what is before that was read"
    if not contents.streams:
        yield "    without signalling tshark knows RTP by its looks; --decode-as udp.port==A-B,rtp tells it where"


def main() -> int:
    """Print what is in the captures; 1 if one of them could not be read."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads may stop reading
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    arguments = _arguments()
    failed = False
    for file in arguments.files:
        try:
            contents = reading.read(file, arguments.decode_as)
        except CaptureError as error:
            print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201
            failed = True
            continue
        found = list(rows(contents, dict(arguments.codec)))
        table = _table(found) if found else ()
        lines = (
            [json.dumps(row.told(file)) for row in found] if arguments.json else [*_said(file, contents), *table, ""]
        )
        print("\n".join(lines), flush=True)  # noqa: T201
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make captures", description=(__doc__ or "").partition("\n\n")[0],
        usage="make captures FILES='a.pcap b.pcapng' ARGS='[--json] [--codec NUMBER=ENCODING] [--decode-as RULE]'",
    )  # fmt: skip
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="pcap or pcapng; what tshark can read")
    parser.add_argument("--json", action="store_true", help="one line of JSON a stream, with every figure")
    parser.add_argument(
        "--codec", action="append", default=[], type=_wish, metavar="NUMBER=ENCODING",
        help="what a payload type is where no session description is in the capture: 111=opus/48000",
    )  # fmt: skip
    parser.add_argument(
        "--decode-as", action="append", default=[], metavar="RULE",
        help="a rule of tshark's that says where RTP is: udp.port==4000-5000,rtp",
    )  # fmt: skip
    return parser.parse_args()


def _wish(text: str) -> tuple[int, str]:
    try:
        return codecs.wish(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
