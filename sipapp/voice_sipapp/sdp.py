"""Offers and answers about the sound of a call (SDP, RFC 8866; offer/answer, RFC 3264), G.711 only so far."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

PAYLOAD_TYPES = {"PCMA": 8, "PCMU": 0}
"""Static payload types of the codecs that can be sent and measured (RFC 3551, table 4)."""


class SdpError(ValueError):
    """The far end's session description can't be used; the text says why."""


@dataclass(frozen=True)
class Remote:
    """Where the far end wants its sound (an IPv6 or IPv4 literal, the port of RTP), and in which codec."""

    address: str
    port: int
    codec: str


def usable(codecs: Sequence[str]) -> list[str]:
    """Those of `codecs` (any case) that are supported, in their order, each once."""
    names = {name.upper(): name for name in PAYLOAD_TYPES}
    return list(dict.fromkeys(names[codec.upper()] for codec in codecs if codec.upper() in names))


def describe(address: str, port: int, codecs: Sequence[str], session: int) -> str:
    """Session description that offers (or answers with) `codecs` in their order, received at `address` and `port`.

    `session` is the number of the o= line, unique on this host.
    """
    family = f"IP{ip_address(address).version}"
    types = " ".join(str(PAYLOAD_TYPES[codec]) for codec in codecs)
    lines = [
        "v=0",
        f"o=- {session} 1 IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {types}",
        *(f"a=rtpmap:{PAYLOAD_TYPES[codec]} {codec}/8000" for codec in codecs),
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "\r\n".join(lines) + "\r\n"


def choose(description: str, codecs: Sequence[str], own_address: str) -> Remote:
    """The far end's address, and the first codec of its list that is also in `codecs`.

    Raises SdpError where there is no sound, it is refused (port 0), on hold (null address), in no common codec, or
    can't be sent from `own_address`: the media's thread must never meet an address that it has to look up.
    """
    session, *media = re.split(r"(?m)^(?=m=)", description)
    audio = next((section for section in media if section.startswith("m=audio ")), None)
    if audio is None:
        raise SdpError("the far end's session description has no audio")
    fields = audio.splitlines()[0].split()
    if len(fields) < 4:
        raise SdpError(f"the far end's session description is malformed: {fields[0]}")
    port = _port(fields[1])
    return Remote(_usable_address(_address(audio) or _address(session), own_address), port, _common(fields[3:], codecs))


def _port(field: str) -> int:
    """The port in `field` of an m= line ("4000" or "4000/2"). RTCP needs the one above, so 65535 is none."""
    found = re.fullmatch(r"([0-9]{1,5})(?:/[0-9]+)?", field)
    if not found:
        raise SdpError(f"the far end's session description is malformed: {field[:20]!r} is no port")
    if int(found[1]) == 0:
        raise SdpError("the far end refused the audio (port 0)")
    if int(found[1]) > 65534:
        raise SdpError(f"the far end wants its sound at port {found[1]}, which is not between 1 and 65534")
    return int(found[1])


def _usable_address(address: str | None, own_address: str) -> str:
    if address is None:
        raise SdpError("the far end's session description has no address (c=)")
    family = f"IPv{ip_address(own_address).version}"
    try:
        found = ip_address(address)
    except ValueError as error:
        raise SdpError(
            f"the far end wants its sound at {address[:80]}, which is no IP address; this host sends from {own_address}"
        ) from error
    if found.is_unspecified:
        raise SdpError("the far end put the call on hold (null address)")
    if "%" in address or f"IPv{found.version}" != family:
        raise SdpError(
            f"the far end wants its sound at {address}; this host sends from {own_address}, which reaches {family} only"
        )
    return str(found)


def _address(section: str) -> str | None:
    found = re.search(r"(?m)^c=IN IP[46] (\S+)", section)
    return found[1].split("/")[0] if found else None


def _common(types: Sequence[str], codecs: Sequence[str]) -> str:
    offered = {str(PAYLOAD_TYPES[codec]): codec for codec in codecs}
    for payload_type in types:
        if payload_type in offered:
            return offered[payload_type]
    raise SdpError(f"the far end has none of the codecs {', '.join(codecs)}")
