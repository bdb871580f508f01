"""When the first sound came after a call was answered. Pure."""

from collections.abc import Collection, Sequence

from voice_sipapp.media.arrivals import OVERTOOK_NS, Arrival

BREAK_NS = 300_000_000
"""What a run of packets ends with: longer than any jitter that a call survives, shorter than a pause for breath."""


def late_media_ms(received: Sequence[Arrival], sound: Collection[int], answered_ns: int) -> int | None:
    """Milliseconds from the answer to the first packet of sound, which comes under one of the numbers `sound`; None
    where none came. Comfort noise and DTMF are not it. `received` is in the order of arrival.

    A few packets by themselves that nothing follows are not it either, if more came later: the tail of early media, or
    what is to open the way through NAT.
    """
    first = last = found = None
    for at_ns, packet in received:
        if at_ns < answered_ns - OVERTOOK_NS or packet[1] & 0x7F not in sound:
            continue
        if first is None or last is None or at_ns - last > BREAK_NS:
            first = at_ns
        last = at_ns
        if found is None and first >= answered_ns:
            found = first
        if at_ns > max(first, answered_ns) + OVERTOOK_NS:
            return max(0, first - answered_ns) // 1_000_000
    return None if found is None else (found - answered_ns) // 1_000_000
