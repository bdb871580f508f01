"""The RTP packets and session descriptions in a capture file, as tshark finds them.

tshark knows every format of capture files and every way to pack IP into frames (Ethernet, Linux cooked, raw, loopback,
VLAN, tunnels), puts fragments together, and follows SIP to where media is. What it takes for RTP is what is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from bench import capture
from bench.capture import Seen
from voice_sipapp.media.rtppacket import HEADER

FIELDS = (
    "frame.time_epoch", "frame.protocols", "frame.len", "frame.cap_len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    "udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport", "ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.nxt",
    "rtp.marker", "rtp.p_type", "rtp.seq", "rtp.timestamp", "rtp.ssrc", "rtp.payload", "srtp.enc_payload",
    "sdp.media", "sdp.media_attr", "sdp.connection_info.address",
)  # fmt: skip
WANTED = "rtp || sdp || ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr.nxt"
HEAD = ("rtp.p_type", "rtp.marker", "rtp.seq", "rtp.timestamp", "rtp.ssrc")
YES = ("1", "True")
"""What tshark prints for a flag that is set; versions differ."""

BETWEEN, WITHIN = "\t", "\x1f"
"""What stands between fields, and between the values of one."""

CUT_SHORT = "cut short in the middle of a packet"


class CaptureError(Exception):
    """A file cannot be read as a capture; the text says why, for people."""


class Key(NamedTuple):
    """What tells one stream from another: addresses, ports and source (SSRC)."""

    source: str
    source_port: int
    to: str
    port: int
    ssrc: int


@dataclass
class Stream:
    """The packets of one stream: arrival in ns and RTP packet, in their order in the file. `encrypted`: SRTP, so far
    as signalling tells; `cut` counts packets that were captured in part, whose missing octets are zeros.
    """

    packets: list[tuple[int, bytes]] = field(default_factory=list)
    encrypted: bool = False
    cut: int = 0


@dataclass
class Contents:
    """What is in a capture: its streams, what tshark says of each, the payload types of its session descriptions (by
    the address and port that they name), how many frames were fragments, how many held RTP of which too little was
    captured, or over something else than UDP or TCP, and whether the file ends in mid-packet.
    """

    streams: dict[Key, Stream] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    described: dict[tuple[str, int], dict[int, str]] = field(default_factory=dict)
    fragments: int = 0
    unread: int = 0
    cut_short: bool = False


def read(file: Path, decode_as: Sequence[str] = ()) -> Contents:
    """Everything in `file`. `decode_as` are rules of tshark's, such as "udp.port==4000,rtp".

    Raises:
        CaptureError: it is no capture, or cannot be read.
    """
    if not shutil.which("tshark"):
        raise CaptureError("the program tshark is not there: install it (Debian, Ubuntu: apt-get install tshark)")
    if file.is_dir():
        raise CaptureError(f"{file} is a folder: name the files in it")
    if not file.is_file() or not file.stat().st_size:
        raise CaptureError(f"{file} is empty" if file.is_file() else f"there is no file {file}")
    contents, table = Contents(), []
    with tempfile.TemporaryFile("w+") as told:
        with subprocess.Popen(_command(file, decode_as), stdout=subprocess.PIPE, stderr=told, text=True,
                              errors="replace") as process:  # fmt: skip
            if process.stdout is not None:
                table = list(_taken(process.stdout, contents))
        problem = _problem(process.returncode, told)
    contents.cut_short = CUT_SHORT in problem
    if problem and not contents.cut_short:
        raise CaptureError(f"{file} cannot be read as a capture: {problem}")
    contents.seen = {
        Key(seen.source, seen.source_port, seen.to, seen.port, seen.ssrc): seen
        for seen in capture.parse("".join(table), 0.0)
    }
    return contents


def _command(file: Path, decode_as: Sequence[str]) -> list[str]:
    return [
        "tshark", "-n", "-r", str(file), "--enable-heuristic", "rtp_udp", "--enable-heuristic", "rtp_stun",
        *(word for rule in decode_as for word in ("-d", rule)), "-Y", WANTED, "-z", "rtp,streams",
        "-T", "fields", "-E", f"separator={BETWEEN}", "-E", f"aggregator={WITHIN}",
        *(word for name in FIELDS for word in ("-e", name)),
    ]  # fmt: skip


def _problem(code: int, told: IO[str]) -> str:
    """What tshark complained about; "" where it did not."""
    told.seek(0)
    lines = [line.strip() for line in told if line.strip() and "Running as user" not in line]
    if code:
        return " ".join(lines) or f"tshark failed ({code})"
    return next((line for line in lines if CUT_SHORT in line), "")


def _taken(lines: IO[str], contents: Contents) -> Iterator[str]:
    """Take the packets in `lines` in; what is left is the table."""
    for line in lines:
        if line.count(BETWEEN) != len(FIELDS) - 1:
            yield line
            continue
        texts = line.rstrip("\n").split(BETWEEN)
        values = {name: text.split(WITHIN) if text else [] for name, text in zip(FIELDS, texts, strict=True)}
        _take(values, contents)


def _take(values: dict[str, list[str]], contents: Contents) -> None:
    contents.fragments += bool(values["ipv6.fraghdr.nxt"]) or _in_parts(values)
    protocols = values["frame.protocols"][0].split(":")
    if "icmp" in protocols or "icmpv6" in protocols:
        return  # the packet quotes another
    if values["sdp.media"]:
        _take_description(values, contents)
    if not values["rtp.seq"]:
        return
    ends = _ends(values, protocols)
    heads = [values[name] for name in HEAD]
    if ends is None or len({len(texts) for texts in heads}) != 1:
        contents.unread += 1
        return
    missing = int(values["frame.len"][0]) - int(values["frame.cap_len"][0])
    encrypted = bool(values["srtp.enc_payload"])
    payloads = values["srtp.enc_payload" if encrypted else "rtp.payload"]
    for at, (kind, marker, number, timestamp, source) in enumerate(zip(*heads, strict=True)):
        stream = contents.streams.setdefault(Key(*ends, int(source, 0)), Stream())
        payload = bytes.fromhex(payloads[at].replace(":", "")) if at < len(payloads) else b""
        octet = int(kind) | (0x80 if marker in YES else 0)
        head = HEADER.pack(0x80, octet, int(number), int(timestamp), int(source, 0))
        stream.packets.append((_ns(values["frame.time_epoch"][0]), head + payload + bytes(missing)))
        stream.encrypted |= encrypted
        stream.cut += bool(missing)


def _in_parts(values: dict[str, list[str]]) -> bool:
    more = any(text in YES for text in values["ip.flags.mf"])
    return more or any(int(text, 0) for text in values["ip.frag_offset"])


def _ends(values: dict[str, list[str]], protocols: list[str]) -> tuple[str, int, str, int] | None:
    """Address and port of both ends by the innermost headers; None where there are none."""
    network = next((name for name in reversed(protocols) if name in ("ip", "ipv6")), None)
    transport = next((name for name in reversed(protocols) if name in ("udp", "tcp")), None)
    if network is None or transport is None:
        return None
    found = [values[name] for name in (f"{network}.src", f"{transport}.srcport", f"{network}.dst",
                                            f"{transport}.dstport")]  # fmt: skip
    if not all(found):
        return None
    source, source_port, to, port = (texts[-1] for texts in found)
    return source, int(source_port), to, int(port)


def _take_description(values: dict[str, list[str]], contents: Contents) -> None:
    """Note the payload types of a session description for each address and port that it names."""
    types = {}
    for attribute in values["sdp.media_attr"]:
        name, _, text = attribute.partition(":")
        number, _, encoding = text.partition(" ")
        if name == "rtpmap" and number.isdigit():
            types[int(number)] = encoding.strip()
    for line in values["sdp.media"]:
        words = line.split()
        port = words[1].partition("/")[0] if len(words) > 1 else ""
        for address in values["sdp.connection_info.address"]:
            if port.isdigit():
                contents.described.setdefault((address.partition("/")[0], int(port)), {}).update(types)


def _ns(text: str) -> int:
    """A time in seconds since 1970, as text, in ns."""
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000_000 + int(f"{part:0<9}"[:9])
