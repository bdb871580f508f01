"""The listener's buffer and the far end's clock, which is off, jumps or stands still (RFC 3550, RFC 3551, RFC 5481).

Each row is a stream as a far end and a path make it, and what the record must say: how many packets came too late to be
played, the longest outage, the rating (PCMU at 80 ms: 4.36 at best), that of the worst second, the highest jitter.
Times are virtual: an arrival is a number, as the kernel's stamps are.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.interop.listeners import Case, amiss
from tests.interop.streams import COMFORT_NOISE, Sent, both, came, jitter, on_hold, slow, sound, standing, step

CASES: Mapping[str, Case] = {
    # --- a clock that is off
    "0.1 % slow over a minute": Case("issue: 104 late", came(sound(3000), both(slow(0.001), jitter(2)))),
    "0.1 % slow over a minute, 0 to 10 ms of jitter": Case("issue", came(sound(3000), both(slow(0.001), jitter(10)))),
    "0.1 % fast over a minute": Case("(was right before)", came(sound(3000), both(slow(-0.001), jitter(10)))),
    "100 ppm slow, 0 to 10 ms of jitter, ten minutes": Case(
        "issue: ordinary crystals, 6.3 % discarded", came(sound(30_000), both(slow(1e-4), jitter(10)))
    ),
    "100 ppm fast, 0 to 10 ms of jitter, ten minutes": Case(
        "ordinary crystals (was right before)", came(sound(30_000), both(slow(-1e-4), jitter(10)))
    ),
    "15 µs a second fast": Case(
        "baresip/rem #119 (was right before)", came(sound(15_000), both(slow(-1.5e-5), jitter(20)))
    ),
    "0.3 % slow, ten minutes": Case("a bad gateway", came(sound(30_000), both(slow(0.003), jitter(10)))),
    "1 % slow": Case("worse than any crystal; the buffer follows", came(sound(3000), both(slow(0.01), jitter(10)))),
    "0.1 % slow, and the path longer by 40 ms": Case(
        "both at once", came(sound(3000), both(slow(0.001), jitter(10), step(1500, 40)))
    ),
    "packets of 10 ms, 0.1 % slow": Case(
        "RFC 3551 §4.2", came(sound(6000, length_ms=10), both(slow(0.001), jitter(10)))
    ),
    "packets of 60 ms, 0.1 % slow": Case(
        "RFC 3551 §4.2", came(sound(1000, length_ms=60), both(slow(0.001), jitter(10))), mos=(4.35, 4.5)
    ),
    # --- a clock that jumps or stands still: it does not come back
    "timestamps begin anew at 0": Case(
        "meetecho/janus-gateway #2646 (was right before)",
        came([*sound(300), *sound(1200, 6000, 300, -125)]),
        jitter_max_ms=(0, 0.1),
    ),
    "timestamps of another leg": Case(
        "asterisk/asterisk #927; BelledonneCommunications/linphone-sdk #571 (was right before)",
        came([*sound(300), *sound(1200, 6000, 300, 7_000_000)]),
        jitter_max_ms=(0, 0.1),
    ),
    "timestamps go back by 300 ms": Case(
        "no path turns timestamps back", came([*sound(300), *sound(1200, 6000, 300, 5700)]), jitter_max_ms=(0, 0.1)
    ),
    "timestamps wrap": Case(
        "RFC 3550 §5.1 (was right before)", came(sound(1500), jitter(5), stamp=0xFFFF0000), jitter_max_ms=(0, 6)
    ),
    "stands still on hold for 30 s": Case(
        "pjsip/pjproject #2340: a stream that is not active (was right before)",
        came(on_hold([])),
        jitter_max_ms=(0, 0.1),
    ),
    "stands still on hold, with jitter": Case(
        "as above (was right before)", came(on_hold([]), jitter(10)), jitter_max_ms=(0, 10)
    ),
    "stands still for 0.7 s": Case("a prompt that ends", came(on_hold([], 700)), jitter_max_ms=(0, 0.1)),
    "one keep-alive on hold": Case("issue: 603 ms of jitter", came(on_hold([9650])), jitter_max_ms=(0, 0.1)),
    "a keep-alive each five seconds": Case(
        "pjsip/pjproject #883", came(on_hold([5000, 10_000, 15_000, 20_000, 25_000])), jitter_max_ms=(0, 0.1)
    ),
    "an empty packet each five seconds": Case(
        "pjsip/pjproject #1958; RFC 6263 §4.1",
        came(on_hold([5000, 10_000, 15_000, 20_000, 25_000], length_ms=0)),
        jitter_max_ms=(0, 0.1),
    ),
    "the last packet once more each five seconds": Case(
        "with its number and its timestamp",
        came([*sound(100), *(Sent(2000 + 5000 * at, 99, 1980) for at in range(1, 6)), *sound(1000, 32_000, 100, 2000)]),
        jitter_max_ms=(0, 0.1),
    ),
    "comfort noise each second": Case(
        "asterisk/asterisk #1340: rtp_keepalive=1 (was right before)",
        came(on_hold([1000 * at for at in range(1, 30)], kind=COMFORT_NOISE)),
        jitter_max_ms=(0, 0.1),
    ),
    "a keep-alive by a clock that stood, then the right time": Case(
        "the clock went on, the keep-alive did not know",
        came([*sound(100), Sent(11_650, 100, 2000), *sound(1000, 32_000, 101)]),
        jitter_max_ms=(0, 0.1),
    ),
    "the first packet after a hold by the clock before it": Case(
        "sippy/rtpproxy #61",
        came([*sound(100), Sent(32_000, 100, 2000), *sound(1000, 32_020, 101)]),
        late=(0, 1),
        jitter_max_ms=(0, 1.3),
    ),
    "stands still in every pause of 240 ms": Case(
        "bwmarrin/discordgo #1695; signalwire/freeswitch #146", came(standing(240, 100, 20)), jitter_max_ms=(0, 0.1)
    ),
    "stands still in every pause, with jitter": Case(
        "the same", came(standing(240, 100, 20), jitter(10)), jitter_max_ms=(0, 15)
    ),
    "stands still for three packets that were not read": Case(
        "baresip/baresip #3775: an underrun of the sound card (was right before)",
        came(standing(60, 500, 3)),
        late=(0, 25),
        mos=(4.1, 4.5),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_record_says_what_a_listener_had(name: str):
    assert not amiss(CASES[name])
