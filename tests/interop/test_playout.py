"""The listener's buffer and the path: what is made of a stream whose packets all came, sooner or later (RFC 3550, RFC
5481).

Each row is a stream as a far end and a path make it, and what the record must say: how many packets came too late to be
played, the longest outage, the rating (PCMU at 80 ms: 4.36 at best), that of the worst second, the highest jitter.
Times are virtual: an arrival is a number, as the kernel's stamps are.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.interop.listeners import BEST, Case, amiss
from tests.interop.streams import (
    COMFORT_NOISE,
    Sent,
    alternating,
    both,
    came,
    every,
    held_back,
    in_bursts,
    jitter,
    of_some,
    sound,
    stall,
    step,
    talkspurts,
)

CASES: Mapping[str, Case] = {
    # --- a path that becomes longer or shorter
    "longer by nearly the buffer, first packet early": Case("knife edge", came(sound(1500), alternating(1))),
    "longer by nearly the buffer, first packet late": Case(
        "knife edge (was right before)", came(sound(1500), alternating(0))
    ),
    "longer by 53 ms, ±7 ms of jitter": Case(
        "a real stream had 4.3 to 29.8 % late", came(sound(1500), both(jitter(14), step(250, 53)))
    ),
    "longer by 47 ms, ±7 ms of jitter": Case(
        "a real stream had 4.3 to 29.8 % late (was right before)", came(sound(1500), both(jitter(14, 7), step(250, 47)))
    ),
    "longer by 90 ms": Case(
        "UOAF/OpenFreq #42: a delay that is added for good (was right before)",
        came(sound(1500), step(250, 90)),
        late=(10, 25),
        mos=(4.1, BEST),
        worst=(1, 3),
    ),
    "longer by 50 ms, every third packet 40 ms later still": Case(
        "a third is late",
        came(sound(1500), both(every(3, 40), step(250, 50))),
        late=(0, 25),
        mos=(4.1, 4.5),
    ),
    "longer by 270 ms": Case(
        "failover to a geostationary hop (was right before)",
        came(sound(1500), step(250, 270)),
        late=(10, 25),
        mos=(4.1, BEST),
        jitter_max_ms=(16.8, 17),
    ),
    "shorter by 120 ms": Case("a better route (was right before)", came(sound(1500), step(500, -120)), late=(0, 0)),
    "shorter by 120 ms, and longer again": Case(
        "the buffer was adapted to the short one meanwhile",
        came(sound(1500), both(step(500, -120), step(1000, 120))),
        late=(10, 25),
        mos=(4.1, BEST),
    ),
    "a route that flaps by 100 ms each five seconds": Case(
        "each change has its own cost and no more",
        came(sound(1500), lambda at, at_ms: 100 if at // 250 % 2 else 0),
        late=(30, 75),
        mos=(3.6, 4.3),
    ),
    "two ways, 70 ms apart, packet by packet": Case(
        "ECMP by packet; one change of a buffer and no more",
        came(sound(1500), every(2, 70, 1)),
        late=(0, 25),
        mos=(4.1, 4.5),
    ),
    "two ways, the longer one first": Case("the same", came(sound(1500), every(2, 70)), late=(0, 25), mos=(4.1, 4.5)),
    "longer bit by bit: 100 ms in ten seconds": Case(
        "a queue that fills", came(sound(1500), lambda at, at_ms: min(100, max(0, (at_ms - 5000) / 100)))
    ),
    "longer by 90 ms in a pause": Case(
        "RFC 3551 §4.1: nothing is sent, timestamps go on; a buffer adapts there",
        came([*sound(250), *sound(1000, 7000, 250)], step(250, 90)),
        jitter_max_ms=(5.6, 5.7),
    ),
    "longer by 90 ms after comfort noise": Case(
        "RFC 3389",
        came([*sound(250), Sent(5000, 250, 5000, kind=COMFORT_NOISE), *sound(1000, 7000, 251)], step(250, 90)),
        jitter_max_ms=(5.6, 5.7),
    ),
    "another path for each talkspurt": Case(
        "each begins anew; between them 80 ms",
        came(talkspurts(20), lambda at, at_ms: (at_ms // 3000 % 2) * 80),
    ),
    # --- packets in bursts
    "five packets each 100 ms": Case(
        "pjsip/pjproject #438: sound devices in bursts; wdoekes/asterisk-chan-dongle #184 (was right before)",
        came(sound(1500), held_back(100)),
    ),
    "the same, from the middle of a burst on": Case(
        "the same (was right before)", came(sound(1500)[3:], held_back(100)), late=(0, 1), mos=(4.3, 4.5)
    ),
    "power save: each beacon of 102.4 ms": Case(
        "IEEE 802.11 DTIM (was right before)", came(sound(1500), held_back(102.4))
    ),
    "sent after 20 and 40 ms in place of 30": Case(
        "signalwire/freeswitch #2170 (was right before)", came(sound(1000, length_ms=30), every(2, 10, 1))
    ),
    "jitter of 0 to 80 ms": Case(
        "a buffer of 60 ms in its middle holds it", came(sound(3000), jitter(80)), late=(0, 3), jitter_max_ms=(30, 60)
    ),
    # --- what is late is late
    "one packet 61 ms late": Case(
        "docs/measurement.md (was right before)",
        came(sound(1500), lambda at, at_ms: 61 if at == 700 else 0),
        late=(1, 1),
    ),
    "one packet 60 ms late": Case(
        "docs/measurement.md (was right before)", came(sound(1500), lambda at, at_ms: 60 if at == 700 else 0)
    ),
    "one packet in twenty 80 ms late": Case(
        "few: no buffer grows for them (was right before)",
        came(sound(3000), of_some(0.05, 80)),
        late=(120, 180),
        mos=(3.5, 4.0),
    ),
    "one packet in ten 150 ms late": Case(
        "few: no buffer grows for them (was right before)",
        came(sound(3000), of_some(0.1, 150)),
        late=(250, 350),
        mos=(2.5, 3.4),
    ),
    "one packet with a timestamp ten seconds old": Case(
        "(was right before)", came([*sound(700), Sent(14_000, 700, 4000), *sound(800, 14_020, 701)]), late=(1, 1)
    ),
    "one packet with a timestamp ten seconds ahead": Case(
        "(was right before)", came([*sound(700), Sent(14_000, 700, 24_000), *sound(800, 14_020, 701)]), late=(0, 1)
    ),
    "packets with the timestamp 0 now and then": Case(
        "signalwire/freeswitch #801, after each loss on its other leg (was right before)",
        came(Sent(each.at_ms, each.number, 0 if each.number % 300 == 299 else each.stamp_ms) for each in sound(1500)),
        late=(4, 5),
        mos=(4.3, 4.5),
    ),
    "the first packet 70 ms early": Case(
        "it is no measure of the path", came(sound(1500), lambda at, at_ms: 0 if at == 0 else 70), late=(0, 1)
    ),
    "the first packet with a timestamp ten seconds ahead": Case(
        "it is no measure of the path (was right before)",
        came([Sent(0, 0, 10_000), *sound(1500, 20, 1)]),
        late=(0, 1),
        jitter_max_ms=(0, 1),
    ),
    "the first packet 80 ms late": Case(
        "it waited for ARP (was right before)", came(sound(1500), lambda at, at_ms: 80 if at == 0 else 0), late=(0, 1)
    ),
    "a copy of every packet, 80 ms later": Case(
        "copies are no help and no harm (was right before)",
        came([each for one in sound(1500) for each in (one, one)], every(2, 80, 1)),
    ),
    "neighbours swapped all along": Case(
        "RFC 3550: order is the receiver's to make (was right before)", came(sound(1500), every(2, 25))
    ),
    # --- a path that stalls: a queue comes back
    "2.84 s, caught up at 1.25 times the rate": Case(
        "issue: 0 late, MOS 4.36",
        came(sound(1500), stall(5000, 2840, 1.25)),
        late=(135, 150),
        run=(135, 150),
        mos=(2.5, 3.1),
        worst=(1, 1.1),
        jitter_max_ms=(177.4, 177.6),
    ),
    "the same, with jitter": Case(
        "issue",
        came(sound(1500), both(jitter(10), stall(5000, 2840, 1.25))),
        late=(130, 155),
        run=(130, 155),
        mos=(2.5, 3.1),
        worst=(1, 1.1),
        jitter_max_ms=(175, 186),
    ),
    "the same, but for packets that the queue had no room for": Case(
        "what is lost in an outage does not make it longer",
        came([each for each in sound(1500) if not 300 <= each.number < 360], stall(5000, 2840, 1.25)),
        late=(75, 90),
        run=(135, 150),
        mos=(2.5, 3.1),
        worst=(1, 1.2),
        lost=60,
    ),
    "2.84 s, caught up at 1.05 times the rate": Case(
        "a minute until nothing is held up",
        came(sound(4000), stall(5000, 2840, 1.05)),
        late=(135, 150),
        run=(135, 150),
        mos=(3.5, 4.0),
        worst=(1, 1.1),
        jitter_max_ms=(177.4, 177.6),
    ),
    "2.84 s, caught up twice as fast": Case(
        "a queue comes back",
        came(sound(1500), stall(5000, 2840, 2)),
        late=(130, 150),
        run=(130, 150),
        mos=(2.5, 3.2),
        worst=(1, 1.1),
        jitter_max_ms=(177.4, 177.6),
    ),
    "1.3 s, then all at once": Case(
        "bluenviron/mediamtx #6188 (was right before)",
        came(sound(1500), stall(5000, 1300)),
        late=(58, 66),
        run=(58, 66),
        mos=(3.4, 4.1),
        worst=(1, 1.2),
        jitter_max_ms=(81, 82),
    ),
    "ten seconds, caught up at 1.1 times the rate": Case(
        "two minutes until nothing is held up",
        came(sound(7000), stall(5000, 10_000, 1.1)),
        late=(480, 520),
        run=(480, 520),
        mos=(2.5, 3.5),
        worst=(1, 1.2),
        jitter_max_ms=(624, 626),
    ),
    "300 ms, then all at once": Case(
        "Eyevinn/strom #815 (was right before)",
        came(sound(1500), stall(5000, 300)),
        late=(10, 14),
        run=(10, 14),
        mos=(4.1, BEST),
        worst=(1, 3.5),
        jitter_max_ms=(18, 20),
    ),
    "2.84 s, caught up in bursts": Case(
        "a radio that is scheduled again",
        came(sound(1500), in_bursts),
        late=(125, 170),
        run=(125, 150),
        mos=(2.5, 3.2),
        worst=(1, 1.1),
        jitter_max_ms=(177, 200),
    ),
    "five seconds, one packet gets through in their middle": Case(
        "it is no keep-alive",
        came(sound(1500), lambda at, at_ms: 2500 if at == 250 else stall(5000, 5000)(at, at_ms)),
        late=(240, 252),
        run=(240, 252),
        mos=(1.5, 2.8),
        worst=(1, 1.1),
        jitter_max_ms=(290, 320),
    ),
    "three stalls of a second": Case(
        "each is an outage",
        came(sound(1500), both(stall(5000, 1000, 1.5), stall(12_000, 1000, 1.5), stall(19_000, 1000, 1.5))),
        late=(120, 160),
        run=(40, 55),
        mos=(2.3, 3.2),
        worst=(1, 1.2),
        jitter_max_ms=(62, 64),
    ),
    "packets of 60 ms, 2.84 s at 1.25 times the rate": Case(
        "RFC 3551 §4.2",
        came(sound(500, length_ms=60), stall(6000, 2840, 1.25)),
        late=(44, 51),
        run=(44, 51),
        mos=(2.4, 3.2),
        worst=(1, 1.1),
        jitter_max_ms=(177, 178),
    ),
    "a stall after which the path is 100 ms longer": Case(
        "handover",
        came(sound(1500), both(stall(5000, 2000, 1.25), step(250, 100))),
        late=(95, 110),
        run=(95, 110),
        mos=(3.0, 3.6),
        worst=(1, 1.2),
        jitter_max_ms=(131, 132),
    ),
    "a stall as the call ends": Case(
        "two seconds are left of the queue",
        came(sound(400), stall(5000, 2840, 1.25)),
        late=(130, 150),
        run=(130, 150),
        mos=(1, 2),
        worst=(1, 1.1),
        jitter_max_ms=(177, 178),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_record_says_what_a_listener_had(name: str):
    assert not amiss(CASES[name])
