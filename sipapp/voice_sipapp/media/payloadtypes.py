"""The payload types of our offers: a number means the same for as long as a session lasts (RFC 3264, section 8.3.2).
Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from voice_sipapp.media.codecs import CODECS

DYNAMIC = range(96, 128)


@dataclass(frozen=True)
class PayloadTypes:
    """The number of each codec, and of DTMF (RFC 4733) by its clock: events use that of the sound."""

    codecs: Mapping[str, int]
    events: Mapping[int, int]

    def keeping(self, codec: str, number: int, clock_hz: int, events: int | None) -> "PayloadTypes":
        """These, but for the `number` that `codec` has got in the session, and `events` with the clock `clock_hz`
        (None: without DTMF). Who had one of these before gets another.
        """
        codecs, clocks = {**self.codecs, codec: number}, dict(self.events)
        if events is not None:
            clocks[clock_hz] = events
        kept = {number} if events is None else {number, events}
        free = (each for each in DYNAMIC if each not in {*codecs.values(), *clocks.values()})
        for name, had in codecs.items():
            if name != codec and had in kept:
                codecs[name] = next(free)
        for clock, had in clocks.items():
            if had in kept and not (clock == clock_hz and had == events):
                clocks[clock] = next(free)
        return PayloadTypes(codecs, clocks)


PROPOSED = PayloadTypes({name: codec.payload_type for name, codec in CODECS.items()}, {8000: 101, 48000: 102})
"""What we propose in a first offer."""
