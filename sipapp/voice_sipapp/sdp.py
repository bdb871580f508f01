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
    """Where the far end wants its sound and in which codec. `address` is an IPv6 or IPv4 literal or a host name."""

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


def choose(description: str, codecs: Sequence[str]) -> Remote:
    """The far end's address, and the first codec of its list that is also in `codecs`.

    Raises SdpError where there is no sound, it is refused (port 0), on hold (null address) or in no common codec.
    """
    session, *media = re.split(r"(?m)^(?=m=)", description)
    audio = next((section for section in media if section.startswith("m=audio ")), None)
    if audio is None:
        raise SdpError("the far end's session description has no audio")
    fields = audio.splitlines()[0].split()
    if len(fields) < 4 or not fields[1].split("/")[0].isdigit():
        raise SdpError(f"the far end's session description is malformed: {fields[0]}")
    port = int(fields[1].split("/")[0])
    if port == 0:
        raise SdpError("the far end refused the audio (port 0)")
    return Remote(_address(audio) or _address(session) or _missing(), port, _common(fields[3:], codecs))


def _missing() -> str:
    raise SdpError("the far end's session description has no address (c=)")


def _address(section: str) -> str | None:
    found = re.search(r"(?m)^c=IN IP[46] (\S+)", section)
    if not found:
        return None
    if found[1] in ("0.0.0.0", "::"):  # noqa: S104 - the null address is what RFC 3264 puts a call on hold with
        raise SdpError("the far end put the call on hold (null address)")
    return found[1].split("/")[0]


def _common(types: Sequence[str], codecs: Sequence[str]) -> str:
    offered = {str(PAYLOAD_TYPES[codec]): codec for codec in codecs}
    for payload_type in types:
        if payload_type in offered:
            return offered[payload_type]
    raise SdpError(f"the far end has none of the codecs {', '.join(codecs)}")
