"""Offers and answers about the sound of a call (SDP, RFC 8866; offer/answer, RFC 3264)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from voice_sipapp.media import codecs as registry
from voice_sipapp.media import rtpmap, sdes
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.payloadtypes import PROPOSED, PayloadTypes
from voice_sipapp.octets import readable

NOWHERE = "::"
"""The null address: whoever gives it is to be sent nothing."""

_PLAIN, _ENCRYPTED = "RTP/AVP", "RTP/SAVP"
_DIRECTIONS = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
"""Whether the party that says so sends, and whether it receives."""


class SdpError(ValueError):
    """The far end's session description can't be used; the text says why, for people."""

    def __init__(self, text: str) -> None:
        super().__init__(readable(text))


@dataclass(frozen=True)
class Remote:
    """What the far end wants: sound at `address` (IPv6 or IPv4 literal) and `port`, in `codec` under the number
    `payload_type`, DTMF under `dtmf_type` (None: none) with the clock `dtmf_clock_hz`.

    `sends` and `receives` are false while it holds the call. `srtp_key` is what it encrypts with (None: plain RTP);
    `crypto_tag` is the number of that key's line. It sends to us under `own_payload_type` and `own_dtmf_type`: the
    numbers of our offer, or its own where it made the offer. `rtcp_port` is where its reports go.
    `also` are the numbers, of our offer, and codecs that its answer names too: it may send in any of them.
    `comfort_noise` are the numbers that it may send comfort noise under (RFC 3389).
    `media` is its list of m= lines, `chosen` the place of ours among them: an answer must answer each.
    """

    address: str
    port: int
    codec: str
    payload_type: int
    dtmf_type: int | None = None
    srtp_key: bytes | None = field(default=None, repr=False)
    sends: bool = True
    receives: bool = True
    dtmf_clock_hz: int = 8000
    own_payload_type: int = -1
    own_dtmf_type: int | None = None
    also: tuple[tuple[int, str], ...] = ()
    comfort_noise: tuple[int, ...] = (rtpmap.COMFORT_NOISE,)
    rtcp_port: int = 0
    crypto_tag: int = sdes.OFFERED_TAG
    media: tuple[str, ...] = ()
    chosen: int = 0

    def __post_init__(self) -> None:
        if self.own_payload_type < 0:
            object.__setattr__(self, "own_payload_type", self.payload_type)
        if not self.rtcp_port:
            object.__setattr__(self, "rtcp_port", self.port + 1)


@dataclass(frozen=True)
class _Section:
    """One m= line of a description, split up, with the attributes that hold for it."""

    line: str
    port: str
    protocol: str
    types: tuple[str, ...]
    lines: tuple[str, ...]
    session: tuple[str, ...]

    def attribute(self, name: str) -> list[str]:
        """The values of all a=`name`: lines of this section."""
        return [line[len(name) + 3 :].strip() for line in self.lines if line.startswith(f"a={name}:")]


def usable(codecs: Sequence[str]) -> list[str]:
    """Those of `codecs` (any case) that this host supports, in their order, each once."""
    return registry.usable(codecs)


def describe(  # noqa: PLR0913 - all of a description
    address: str,
    port: int,
    codecs: Sequence[str],
    session: int,
    *,
    version: int = 1,
    srtp_key: bytes | None = None,
    answer_to: Remote | None = None,
    types: PayloadTypes = PROPOSED,
    others: tuple[int, Sequence[str]] = (0, ()),
    direction: str = "sendrecv",
) -> str:
    """Session description that offers `codecs` in their order, or answers `answer_to` with them; we receive at
    `address` and `port`.

    `session` is the number of the o= line, unique on this host, `version` rises with each new description of a call.
    `srtp_key` is what we encrypt with, None for plain RTP. `direction` is our wish; an answer is narrowed to what the
    offer allows. An answer uses the offer's payload types and refuses its other media (RFC 3264, section 6). An offer
    uses `types`; within a call it has as many m= lines as were there before: `others` are those lines, and the place of
    ours among them (section 8).
    """
    family = f"IP{ip_address(address).version}"
    maps = _answered_types(answer_to, codecs) if answer_to else _offered_types(codecs, types)
    protocol = _PLAIN if srtp_key is None else _ENCRYPTED
    tag = answer_to.crypto_tag if answer_to else sdes.OFFERED_TAG
    sound = [
        f"m=audio {port} {protocol} {' '.join(str(kind) for kind, *_ in maps)}",
        *(f"a=rtpmap:{kind} {encoding}" for kind, encoding, _ in maps),
        *(f"a=fmtp:{kind} {parameters}" for kind, _, parameters in maps if parameters),
        *([sdes.line(tag, srtp_key)] if srtp_key is not None else []),
        "a=ptime:20",
        f"a={_narrowed(direction, answer_to)}",
    ]
    place, there = (answer_to.chosen, answer_to.media) if answer_to else others
    media = [_refused(line) for line in there]
    media[place : place + 1] = ["\r\n".join(sound)]
    lines = [
        "v=0",
        f"o=- {session} {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        *media,
    ]
    return "\r\n".join(lines) + "\r\n"


def stopped(description: str) -> tuple[str, ...] | None:
    """The m= lines of a description that takes the sound, and whatever else there was, out of a call (port 0; RFC 3264,
    section 8.2), or has none yet (section 5); None of any other.
    """
    lines = tuple(line for line in re.split(r"\r\n|\r|\n", description) if line.startswith("m="))
    if not lines:
        return lines if re.match(r"v=0\s", description) else None
    ports = [re.fullmatch(r"m=[^ ]+ 0(?:/[0-9]+)? .*", line) for line in lines]
    return lines if all(ports) and any(line.startswith("m=audio ") for line in lines) else None


def describe_stopped(address: str, media: Sequence[str], session: int, *, version: int) -> str:
    """Our description of a call without media, whose m= lines are `media`."""
    family = f"IP{ip_address(address).version}"
    head = ["v=0", f"o=- {session} {version} IN {family} {address}", "s=-", f"c=IN {family} {address}", "t=0 0"]
    return "\r\n".join([*head, *media]) + "\r\n"


def _offered_types(codecs: Sequence[str], types: PayloadTypes) -> list[tuple[int, str, str]]:
    """Number, encoding and parameters of everything that an offer of `codecs` holds."""
    chosen = [CODECS[codec] for codec in codecs]
    clocks = sorted({8000} | {codec.clock_hz for codec in chosen})
    return [(types.codecs[codec.name], codec.encoding, codec.parameters) for codec in chosen] + [
        (types.events[clock], f"telephone-event/{clock}", "0-15") for clock in clocks
    ]


def _answered_types(offer: Remote, codecs: Sequence[str]) -> list[tuple[int, str, str]]:
    numbers = {offer.codec: offer.payload_type}
    types = [(numbers.get(codec, CODECS[codec].payload_type), CODECS[codec]) for codec in codecs]
    events = [] if offer.dtmf_type is None else [(offer.dtmf_type, f"telephone-event/{offer.dtmf_clock_hz}", "0-15")]
    return [(number, codec.encoding, codec.parameters) for number, codec in types] + events


def _narrowed(direction: str, answer_to: Remote | None) -> str:
    """`direction` without what the far end does not do (RFC 3264, section 6.1)."""
    we_send, we_receive = _DIRECTIONS[direction]
    if answer_to is not None:
        we_send, we_receive = we_send and answer_to.receives, we_receive and answer_to.sends
    return next(name for name, meaning in _DIRECTIONS.items() if meaning == (we_send, we_receive))


def _refused(line: str) -> str:
    kind, _, *rest = line.removeprefix("m=").split()
    return f"m={kind} 0 {' '.join(rest)}"


def choose(
    description: str,
    codecs: Sequence[str],
    own_address: str,
    *,
    srtp: bool = False,
    answers: bool = False,
    types: PayloadTypes = PROPOSED,
) -> Remote:
    """What the far end wants, in the first codec of its list that is also in `codecs`; `answers`: it answers an offer
    of ours, which had the payload types `types`. With `srtp` its media must be encrypted, without it must not.

    Raises SdpError where there is no sound, it is refused (port 0), in no common codec, or can't be sent from
    `own_address`: the media's thread must never meet an address that it has to look up. A call on hold is no error.
    """
    sections = _sections(description)
    problem = SdpError("the far end's session description has no audio")
    found_audio = False
    for place, section in enumerate(sections):
        if section.line.split()[0] != "m=audio":
            continue
        try:
            return _remote(sections, place, codecs, own_address, srtp=srtp, offered=types if answers else None)
        except SdpError as error:
            problem, found_audio = (problem if found_audio else error), True
    raise problem


def _sections(description: str) -> list[_Section]:
    groups: list[list[str]] = [[]]
    for line in re.split(r"\r\n|\r|\n", description):
        if line.startswith("m="):
            groups.append([])
        groups[-1].append(line)
    session, *media = groups
    return [_section(lines, tuple(session)) for lines in media]


def _section(lines: list[str], session: tuple[str, ...]) -> _Section:
    head = lines[0]
    if not head.isascii() or not head.isprintable() or len(head.split()) < 4:
        raise SdpError(f"the far end's session description is malformed: {head[:40]!r}")
    _, port, protocol, *types = head.split()
    return _Section(head, port, protocol, tuple(types), tuple(lines), session)


def _remote(
    sections: list[_Section],
    place: int,
    codecs: Sequence[str],
    own_address: str,
    *,
    srtp: bool,
    offered: PayloadTypes | None,
) -> Remote:
    section = sections[place]
    port = _port(section.port)
    tag, key = _key(section, srtp=srtp, answers=offered is not None)
    maps = rtpmap.meanings(section.attribute("rtpmap"))
    kind, codec = _common(section.types, maps, codecs)
    _check_packet_length(section)
    clock = CODECS[codec].clock_hz
    dtmf_type, dtmf_clock = rtpmap.events(section.types, maps, clock)
    address, receivable = _usable_address(section, own_address)
    sends, receives = _direction(section)
    return Remote(
        address=address,
        port=port,
        codec=codec,
        payload_type=kind,
        dtmf_type=dtmf_type,
        srtp_key=key,
        sends=sends,
        receives=receives and receivable,
        dtmf_clock_hz=dtmf_clock,
        own_payload_type=offered.codecs[codec] if offered else kind,
        own_dtmf_type=offered.events[dtmf_clock] if offered and dtmf_type is not None else dtmf_type,
        also=rtpmap.both_have(section.types, maps, codecs, offered) if offered else (),
        comfort_noise=rtpmap.comfort_noise(section.types, maps),
        rtcp_port=_rtcp_port(section, port),
        crypto_tag=tag,
        media=tuple(each.line for each in sections),
        chosen=place,
    )


def _port(text: str) -> int:
    """The port in `text` of an m= line ("4000" or "4000/2"). RTCP needs the one above, so 65535 is none."""
    found = re.fullmatch(r"([0-9]{1,5})(?:/[0-9]+)?", text)
    if not found:
        raise SdpError(f"the far end's session description is malformed: {text[:20]!r} is no port")
    if int(found[1]) == 0:
        raise SdpError("the far end refused the audio (port 0)")
    if int(found[1]) > 65534:
        raise SdpError(f"the far end wants its sound at port {found[1]}, which is not between 1 and 65534")
    return int(found[1])


def _rtcp_port(section: _Section, port: int) -> int:
    """Where reports go: the port above, unless a=rtcp names another (RFC 3605)."""
    for value in section.attribute("rtcp"):
        found = re.match(r"([0-9]{1,5})(?: |$)", value)
        if found and 0 < int(found[1]) < 65536:
            return int(found[1])
    return port + 1


def _key(section: _Section, *, srtp: bool, answers: bool) -> tuple[int, bytes | None]:
    """Tag and key of encrypted media, no key for plain media."""
    if section.protocol not in (_PLAIN, _ENCRYPTED):
        raise SdpError(f"the far end wants its sound by {section.protocol[:40]}, which is neither RTP/AVP nor RTP/SAVP")
    if section.protocol == _PLAIN:
        if srtp:
            raise SdpError("the far end wants its sound unencrypted (RTP/AVP); this probe's media is encrypted")
        return sdes.OFFERED_TAG, None
    if not srtp:
        raise SdpError("the far end wants its sound encrypted (RTP/SAVP); this probe's media is not")
    found = sdes.choose(section.lines)
    if found is None:
        raise SdpError(f"the far end gives no key for encrypted media that can be used (a=crypto with {sdes.SUITE})")
    if answers and found[0] != sdes.OFFERED_TAG:
        raise SdpError(f"the far end's answer takes key number {found[0]}; number {sdes.OFFERED_TAG} was offered")
    return found


def _common(types: Sequence[str], maps: dict[str, str], codecs: Sequence[str]) -> tuple[int, str]:
    """Number and name of the first codec that both have."""
    found = rtpmap.common(types, maps, codecs)
    if found is None:
        raise SdpError(f"the far end has none of the codecs {', '.join(codecs)}")
    return found


def _check_packet_length(section: _Section) -> None:
    """a=ptime is a wish, and 20 ms is what everybody takes; a=maxptime is a limit."""
    for value in section.attribute("maxptime"):
        if re.fullmatch(r"[0-9]{1,3}", value) and int(value) < registry.PTIME_MS:
            raise SdpError(
                f"the far end takes no packet longer than {value} ms; this host sends {registry.PTIME_MS} ms"
            )


def _usable_address(section: _Section, own_address: str) -> tuple[str, bool]:
    """The address, and whether anything can be received there: a null address is the old way to hold a call."""
    address = _address(section.lines) or _address(section.session)
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
        return str(found), False
    if "%" in address or f"IPv{found.version}" != family:
        raise SdpError(
            f"the far end wants its sound at {address[:80]}; this host sends from {own_address}, "
            f"which reaches {family} only"
        )
    return str(found), True


def _address(lines: Sequence[str]) -> str | None:
    for line in lines:
        if found := re.match(r"c=IN IP[46] (\S+)", line):
            return found[1].split("/")[0]
    return None


def _direction(section: _Section) -> tuple[bool, bool]:
    """Whether the far end sends, and whether it receives; the section's word goes before the session's."""
    for lines in (section.lines, section.session):
        for line in lines:
            if line.startswith("a=") and (found := _DIRECTIONS.get(line[2:].strip().lower())):
                return found
    return True, True
