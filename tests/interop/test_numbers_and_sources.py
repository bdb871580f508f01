"""Which packets are the call's, and which number follows which (RFC 3550 A.1), whoever sends them."""

from __future__ import annotations

import random

import pytest

from tests.interop.timelines import GOOD, TimeLine


def test_an_empty_packet_that_keeps_a_way_open_is_no_sound():
    """RFC 6263, section 4.1 ff.; pjsip/pjproject #388: phones send them, with numbers."""
    line = TimeLine().talk(2000)
    line.empty()
    line.talk(2000)
    found = line.record()
    assert (found.stream.rtp_rx, found.stream.rtp_lost, found.stream.jitter_max_ms) == (201, 0, 0)
    assert found.heard_ms == 4000


def test_a_source_for_a_moment_between_two_others_is_the_call_s():
    """A mixer takes over for 300 ms; thevoiceguy/siphon-ai #330 shows such."""
    line = TimeLine().talk(3000).anew(ssrc=8, number=1).talk(300).anew(ssrc=9, number=70).talk(3000)
    found = line.record()
    assert (found.stream.rtp_rx, found.stream.rtp_lost, found.heard_ms) == (line.came, 0, 6300)


def test_a_call_that_is_taken_back_by_another_source_and_soon_over():
    line = TimeLine().talk(4000).hold(2000).anew(ssrc=8, number=1).talk(300)
    found = line.record()
    assert (found.stream.rtp_rx, found.stream.rtp_lost, found.heard_ms) == (line.came, 0, 4300)


@pytest.mark.parametrize("number", [950, 1100, 1700, 4100, 60_000], ids=lambda number: f"{number - 1200:+}")
@pytest.mark.parametrize("stamp", [0, 2_000_000_000], ids=["same clock", "another clock"])
def test_numbers_of_another_leg_are_no_loss(number: int, stamp: int):
    """A gateway that keeps its source and passes on the numbers of whom it talks to: the next packet comes 20 ms after
    the last one, whatever its number says, and its timestamp says so. RFC 3550 A.1 would take up to 3,000 for lost.
    """
    line = TimeLine().talk(4000).anew(number=number, stamp=stamp).talk(4000)
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_rx, found.stream.rtp_discarded) == (0, line.came, 0)
    assert found.heard_ms == 8000
    assert found.stream.jitter_max_ms == pytest.approx(0, abs=0.01)
    assert found.worst > GOOD - 0.01


@pytest.mark.parametrize("seed", range(5))
def test_new_numbers_are_known_by_packets_that_overtake_each_other(seed: int):
    """The first two of them tell, in whatever order they come."""
    chance = random.Random(seed)
    line = TimeLine(ptime=10).talk(2000).anew(number=50_000, stamp=2_000_000_000).talk(2000)
    delays = [chance.uniform(0, 25) for _ in range(line.came)]
    delays[195:200] = [0] * 5  # those of the old ones that came in between would be strays
    found = line.delayed(delays).record()
    assert (found.stream.rtp_lost, found.stream.rtp_rx, found.stream.rtp_discarded) == (0, line.came, 0)


def test_packets_that_were_overtaken_are_no_new_numbers():
    """Two ways, one of them 55 ms longer; then neighbours that change places all the time."""
    line = TimeLine(number=30).talk(6000)
    line.delayed(55 if at in {100, 101, 102, 150} else 25 * (at % 2) * (at > 200) for at in range(line.came))
    found = line.record()
    assert (found.stream.rtp_lost, found.stream.rtp_rx, found.stream.rtp_discarded) == (0, 300, 0)
    assert found.stream.rtp_out_of_order == 3 + 49


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
def test_music_on_hold_does_not_say_what_the_call_was_in(codec: str):
    """Longer than the speech, in another codec, in longer packets: it is no sound of the call."""
    line = TimeLine().talk(2000).to(codec, 60).hold(9000, music=99).to("PCMU", 20).talk(3000)
    found = line.record()
    assert (found.stream.codec, found.stream.payload_type, found.stream.ptime_ms) == ("PCMU", 0, 20)
    assert (found.stream.wideband, found.stream.silent, found.stream.mos_cq) == (
        False,
        False,
        pytest.approx(GOOD, abs=0.01),
    )
