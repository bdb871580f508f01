"""Holds of which a listener was told nothing, because the path keeps them from it: what the packets themselves tell."""

import pytest

from tests.unit.sipapp.test_sources import MS, spell
from voice_sipapp.measurement.due import Due
from voice_sipapp.measurement.rtpstats import StreamStats, analyse
from voice_sipapp.media.rtppacket import Packet

HELD_AT_S, BEFORE = 5, 250


def heard(*spells: list[Packet], until_s: float) -> StreamStats:
    packets = [packet for each in spells for packet in each]
    stats = analyse(packets, due=Due(0, round(until_s * 1000 * MS)))
    assert stats is not None
    return stats


@pytest.mark.parametrize("held_s", [2, 5, 30])
@pytest.mark.parametrize("goes_on", [True, False], ids=["its timestamps go on", "its timestamps stand still"])
def test_who_numbers_on_where_it_stopped_lost_nothing(held_s: int, *, goes_on: bool):
    """As this application does on hold (RFC 3551, section 4.1)."""
    stamp = BEFORE + (50 * held_s if goes_on else 0)
    resumed = spell(100, 1000 * (HELD_AT_S + held_s), 1000 + BEFORE, start=160 * stamp)
    stats = heard(spell(BEFORE), resumed, until_s=HELD_AT_S + held_s + 2)
    assert (stats.received, stats.expected, stats.lost) == (BEFORE + 100, BEFORE + 100, 0)
    assert stats.pauses == ((BEFORE, 1000 * held_s),)


def test_a_hold_that_lasts_to_the_end_is_an_outage_until_then():
    """Nothing tells it from one: reports may be of whatever lies between, which only passes on what it gets."""
    stats = heard(spell(BEFORE), until_s=2 * HELD_AT_S)
    assert (stats.received, stats.lost) == (BEFORE, BEFORE + 1)
