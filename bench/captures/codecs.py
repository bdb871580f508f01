"""Which codec is under which payload type: static numbers, session descriptions, and what the person says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.captures.reading import Contents, Key
from voice_sipapp.media.codecs import CODECS

COMFORT_NOISE = "CN"
STATIC = {codec.payload_type: codec.encoding for codec in CODECS.values() if codec.payload_type < 96} | {13: "CN/8000"}
TAGS = (10, 4)
"""Octets of the authentication tag that SRTP's usual suites add to a packet (RFC 4568, section 6.2)."""

G711_OCTETS = 80
"""Of 10 ms of G.711: a packet holds a multiple of it."""


def wish(text: str) -> tuple[int, str]:
    """A payload type and its encoding from "111=opus/48000". Raises ValueError."""
    number, _, encoding = text.partition("=")
    if not number.isdigit() or not 0 <= int(number) < 128 or "/" not in encoding:
        raise ValueError(f"{text!r} is not like 111=opus/48000: a payload type, =, and its encoding as in a=rtpmap")
    if known(encoding) is None:
        names = ", ".join(sorted({codec.encoding for codec in CODECS.values()} | {"CN/8000", "telephone-event/8000"}))
        raise ValueError(f"{encoding!r} is not measured; what is: {names}")
    return int(number), encoding


def known(encoding: str) -> str | None:
    """The application's name of an `encoding` as it stands in a=rtpmap, "CN" or "telephone-event"; None where it has
    none.
    """
    name, clock = encoding.upper().replace("G722/16000", "G722/8000").split("/")[:2]  # some write what it samples at
    for codec in CODECS.values():
        if codec.encoding.upper().split("/")[:2] == [name, clock]:
            return codec.name
    return {"CN": COMFORT_NOISE, "TELEPHONE-EVENT": "telephone-event"}.get(name)


def types(contents: Contents, key: Key, wishes: Mapping[int, str]) -> dict[int, str]:
    """The encoding of each payload type of a stream. A description that names where the stream goes tells best, then
    one that names where it comes from, then what all of the capture's agree on (NAT); a wish goes before all.
    """
    agreed: dict[int, set[str]] = {}
    for described in contents.described.values():
        for number, encoding in described.items():
            agreed.setdefault(number, set()).add(encoding)
    usual = {number: encodings.copy().pop() for number, encodings in agreed.items() if len(encodings) == 1}
    there, here = (contents.described.get(place, {}) for place in ((key.to, key.port), (key.source, key.source_port)))
    return {**STATIC, **usual, **here, **there, **wishes}


def in_stream(packets: Iterable[tuple[int, bytes]], encodings: Mapping[int, str]) -> tuple[dict[int, str], set[int]]:
    """The payload types of sound in `packets` that the application measures, the most frequent first, each with its
    codec; and those of comfort noise.
    """
    counts = Counter(packet[1] & 0x7F for _, packet in packets)
    names = {number: known(encodings[number]) for number, _ in counts.most_common() if number in encodings}
    sound = {number: name for number, name in names.items() if name in CODECS}
    return sound, {number for number, name in names.items() if name == COMFORT_NOISE} | {13}


def tag_octets(packets: Iterable[tuple[int, bytes]], sound: Mapping[int, str]) -> int:
    """How many octets of SRTP's tag all packets of G.711 seem to end with; 0 where they are whole packets of sound."""
    lengths = {len(packet) - 12 for _, packet in packets if sound.get(packet[1] & 0x7F) in ("PCMA", "PCMU")}
    return next((tag for tag in TAGS if lengths and all(length % G711_OCTETS == tag for length in lengths)), 0)
