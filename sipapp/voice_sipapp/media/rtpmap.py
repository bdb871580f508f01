"""What the payload types of a far end's m= line mean: codecs, DTMF and comfort noise by its a=rtpmap lines (RFC 8866,
section 6.6) and by the static numbers (RFC 3551, table 4). Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.payloadtypes import PayloadTypes

COMFORT_NOISE = 13
"""The payload type of comfort noise at 8,000 Hz (RFC 3551, table 4), which many send though no description names it."""


def meanings(values: Iterable[str]) -> dict[str, str]:
    """What each payload type is, in capital letters, by the `values` of a=rtpmap; static numbers need none."""
    maps = {str(codec.payload_type): codec.encoding.upper() for codec in CODECS.values() if codec.payload_type < 96}
    for value in values:
        found = re.fullmatch(r"([0-9]{1,3})\s+([^\s/]+/[0-9]+(?:/[0-9]+)?)", value)
        if found and int(found[1]) < 128:
            maps[str(int(found[1]))] = re.sub(r"(?<=/[0-9]{4})/1$|(?<=/[0-9]{5})/1$", "", found[2].upper())
    return maps


def common(types: Sequence[str], maps: Mapping[str, str], codecs: Sequence[str]) -> tuple[int, str] | None:
    """Number and name of the first codec of `types` that is also in `codecs`; None without one."""
    wanted = {CODECS[codec].encoding.upper(): codec for codec in codecs}
    for kind in types:
        if kind in maps and maps[kind] in wanted:
            return int(kind), wanted[maps[kind]]
    return None


def both_have(
    types: Sequence[str], maps: Mapping[str, str], codecs: Sequence[str], offered: PayloadTypes
) -> tuple[tuple[int, str], ...]:
    """Our numbers and the names of all `codecs` that the far end has too."""
    theirs = {maps.get(kind) for kind in types}
    return tuple((offered.codecs[codec], codec) for codec in codecs if CODECS[codec].encoding.upper() in theirs)


def events(types: Sequence[str], maps: Mapping[str, str], clock_hz: int) -> tuple[int | None, int]:
    """Number and clock of DTMF: with the clock of the sound, else with 8,000 Hz, as some have it beside Opus."""
    for clock in (clock_hz, 8000):
        for kind in types:
            if maps.get(kind) == f"TELEPHONE-EVENT/{clock}":
                return int(kind), clock
    return None, 8000


def comfort_noise(types: Sequence[str], maps: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers of comfort noise at any clock: 13, unless that is something else here, and those mapped to it."""
    named = [int(kind) for kind in types if maps.get(kind, "").startswith("CN/")]
    usual = [COMFORT_NOISE] if maps.get(str(COMFORT_NOISE), "CN/").startswith("CN/") else []
    return tuple(sorted({*usual, *named}))
