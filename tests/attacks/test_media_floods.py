"""A flood at a media port takes nothing from that call nor from any other, or the call says so: over real sockets."""

import time
from contextlib import ExitStack, closing

import pytest

from tests.attacks.raw_far_end import SILENCE, Sounder, a_socket, receiver_report, rtp
from tests.attacks.streams import OF_A_STRANGER, Party, Start, heard, remote, taken_in, wait_until
from voice_sipapp import finishing
from voice_sipapp.measurement import scoring
from voice_sipapp.media import listener
from voice_sipapp.media.rtp import Engine, Stream


@pytest.fixture
def crowd(cleanup: ExitStack) -> Engine:
    """The engine of `pairs`."""
    made = Engine("::1", (35000, 35998))
    made.start()
    cleanup.callback(made.stop)
    return made


@pytest.fixture
def pairs(crowd: Engine) -> list[Stream]:
    """Streams that hear each other, the first and the second, the third and the fourth, and so on."""
    streams = [crowd.open() for _ in range(20)]
    for at, stream in enumerate(streams):
        stream.target(remote("::1", streams[at ^ 1].port), [SILENCE])
        stream.answered()
        crowd.start_sending(stream)
    return streams


def flood(port: int, cleanup: ExitStack, seconds: float, again: bytes = b"") -> int:
    """Send as much as one process can from 50 ports (at least some 5,000 packets a second); returns how many."""
    sources = [cleanup.enter_context(closing(a_socket())) for _ in range(50)]
    until, at = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for _ in range(20):
            sources[at % len(sources)].sendto(again or rtp(at, at % 7, payload=OF_A_STRANGER), ("::1", port))
            at += 1
        time.sleep(0.002)
    return at


def test_a_flood_at_one_port_takes_nothing_from_that_call_nor_from_any_other(
    crowd: Engine, pairs: list[Stream], cleanup: ExitStack
):
    flooded, partner = pairs[:2]
    wait_until(lambda: all(len(stream.received) > 3 for stream in pairs))
    sent = [stream.sent for stream in pairs]
    count = flood(flooded.port, cleanup, 1.5)
    sent = [stream.sent - before for stream, before in zip(pairs, sent, strict=True)]
    partner_sent = partner.sent
    wait_until(lambda: len(flooded.received) >= partner_sent - 1)
    end(crowd, pairs)
    assert count > 2000
    assert flooded.other_source == count, "all of it is counted, whether we or the kernel saw it"
    assert (flooded.unread, flooded.doubtful) == (0, False)
    for stream, other in zip(pairs, [pairs[at ^ 1] for at in range(len(pairs))], strict=True):
        assert len(stream.received) >= other.sent - 3
        assert not any(packet[12:] == OF_A_STRANGER for _, packet in stream.received)
    assert min(sent) >= 70, "everybody sends on, 50 packets a second"


def test_a_flood_of_reports_keeps_no_true_one_away(crowd: Engine, pairs: list[Stream], cleanup: ExitStack):
    flooded = pairs[0]
    wait_until(lambda: bool(flooded.exchange.round_trips_ms))
    count = flood(flooded.port + 1, cleanup, 1.0, receiver_report(flooded.exchange.ssrc))
    trips = len(flooded.exchange.round_trips_ms)
    wait_until(lambda: len(flooded.exchange.round_trips_ms) > trips)
    end(crowd, pairs)
    assert flooded.other_source == count
    assert flooded.exchange.remote_lost == 0


def test_a_far_end_that_moves_in_a_flood_is_followed(crowd: Engine, pairs: list[Stream], cleanup: ExitStack):
    """The kernel drops whatever is not the far end's; a new description names another one."""
    flooded = pairs[0]
    wait_until(lambda: len(flooded.received) > 3)
    flood(flooded.port, cleanup, 0.5)
    new = Party("::1", flooded, cleanup, 5)
    new.send(3)
    assert 5 not in heard(flooded)
    flooded.target(remote("::1", new.port), [SILENCE])
    new.send(5)
    flood(flooded.port, cleanup, 0.5)
    new.send(5)
    end(crowd, pairs)
    assert heard(flooded).count(5) == 10
    assert 0x2A not in heard(flooded)


def test_where_a_flood_takes_the_far_ends_place_the_call_does_not_count(
    start: Start, engine: Engine, address: str, cleanup: ExitStack
):
    """Nobody is latched yet, so the kernel can't be told whom to keep; and this host is too busy to read."""
    stream, _, stranger = start()
    with engine._lock:  # what keeps this host busy
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    wait_until(lambda: stream.other_source > 300)
    for at in range(1200):
        stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    with engine._lock:
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    engine.end(stream)
    assert stream.unread > 0
    party = finishing.party(stream)
    assert f"{stream.unread} packets found no room" in (scoring.spoilt_by(party) or "")


NO_SOUND = {
    "version 0": bytes(172), "STUN": bytes.fromhex("000100082112a442") + bytes(20), "short": b"\x80\x08\x00",
    "a report": receiver_report(1),
}  # fmt: skip


@pytest.mark.parametrize("packet", NO_SOUND.values(), ids=NO_SOUND)
def test_what_is_no_sound_at_all_takes_no_place_unseen_either(
    start: Start, engine: Engine, address: str, cleanup: ExitStack, packet: bytes
):
    """The far end is behind NAT, so the kernel is only told of it once the port is flooded."""
    stream, _, stranger = start(agreed=False)
    nat = Party(address, stream, cleanup, 5)
    stream.target(remote(address, 9), [SILENCE])
    stream.answered()
    nat.send(5)
    stranger.say(packet)
    assert stream.other_source == 1
    for _ in range(3):
        with engine._lock:  # what keeps this host busy
            for _ in range(6000):
                stranger.socket.sendto(packet, (address, stream.port))
            for _ in range(20):
                nat.socket.sendto(rtp(nat.number, 5), (address, stream.port))
                nat.number += 1
        taken_in(stream)
    engine.end(stream)
    party = finishing.party(stream)
    assert party.other_source > 6000
    assert len(party.received) == nat.number - 1000 or f"{party.unread} packets found no room" in (
        scoring.spoilt_by(party) or ""
    )


def test_what_the_far_end_itself_sends_besides_sound_is_nobody_elses(start: Start):
    stream, far, _ = start()
    for packet in NO_SOUND.values():
        far.say(packet)
    far.send(3)
    for packet in NO_SOUND.values():
        far.say(packet)
    assert (heard(stream), stream.other_source) == ([7] * 3, 0)


def test_a_flood_before_the_far_end_sounds_does_not_spoil_the_call(
    start: Start, engine: Engine, address: str, cleanup: ExitStack
):
    """Whatever found no room by then, the far end's first packet did."""
    stream, far, stranger = start()
    with engine._lock:
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    taken_in(stream)
    assert stream.other_source > 100
    far.send(20)
    for at in range(3000):
        stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    far.send(20)
    engine.end(stream)
    assert (heard(stream), stream.unread) == ([7] * 40, 0)
    assert stream.other_source > 3000


def end(engine: Engine, streams: list[Stream]) -> None:
    """Stop them all; what was under way arrives."""
    for stream in streams:
        stream._to = None
    time.sleep(0.1)
    for stream in streams:
        engine.end(stream)


def test_what_is_kept_of_strangers_is_bounded(start: Start, address: str):
    stream, far, stranger = start(agreed=False)
    for at in range(3 * listener._ASIDE):
        stranger.socket.sendto(rtp(at, 66), (address, stream.port))
        if at % 100 == 0:
            time.sleep(0.002)
    taken_in(stream)
    assert len(stream._listener._aside) <= listener._ASIDE
    stream.target(remote(address, far.port), [SILENCE])
    far.send(5)
    assert heard(stream)[-5:] == [7] * 5


def test_an_end_comes_even_while_a_port_is_flooded(start: Start, engine: Engine, address: str, cleanup: ExitStack):
    stream, far, _ = start()
    own = cleanup.enter_context(closing(a_socket(address)))
    sounder = Sounder(own, (address, stream.port), rate=20_000)
    cleanup.callback(sounder.close)
    sounder.start()
    far.send(5)
    began = time.monotonic()
    engine.end(stream)
    assert time.monotonic() - began < 2
