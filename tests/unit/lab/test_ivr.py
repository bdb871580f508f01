"""The voice menu's media: passed on both ways once the agent is there, and listened to for digits."""

import socket
import struct
from collections.abc import Iterator

import pytest

from voice_lab.ivr import Relay, Side
from voice_lab.waiting import until
from voice_sipapp.media import dtmf
from voice_sipapp.media.sdp import Remote

ADDRESS = "127.0.0.1"
DTMF_TYPE = 101


class Party:
    """Who is at one side: a socket, and the side that it talks to."""

    def __init__(self, relay: Relay) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ADDRESS, 0))
        self.socket.settimeout(5)
        self.side: Side = relay.open()
        port = self.socket.getsockname()[1]
        self.side.remote = Remote(ADDRESS, port, "PCMA", 8, DTMF_TYPE, own_dtmf_type=DTMF_TYPE, rtcp_port=port)

    def say(self, kind: int, payload: bytes, timestamp: int = 0) -> bytes:
        packet = struct.pack("!BBHII", 0x80, kind, 1, timestamp, 7) + payload
        self.socket.sendto(packet, (ADDRESS, self.side.port))
        return packet


@pytest.fixture
def relay() -> Relay:
    made = Relay(ADDRESS)
    made.start()
    return made


@pytest.fixture
def parties(relay: Relay) -> Iterator[tuple[Party, Party]]:
    caller, agent = Party(relay), Party(relay)
    yield caller, agent
    for party in (caller, agent):
        relay.close(party.side)
        for endpoint in (party.socket, party.side.rtp, party.side.rtcp):
            endpoint.close()


def test_sound_passes_both_ways_once_the_agent_is_there(parties: tuple[Party, Party]) -> None:
    caller, agent = parties
    caller.side.other, agent.side.other = agent.side, caller.side
    sent = caller.say(8, b"forward")
    assert agent.socket.recv(2048) == sent
    sent = agent.say(8, b"reverse")
    assert caller.socket.recv(2048) == sent


def test_a_digit_counts_once_however_often_its_packets_come(parties: tuple[Party, Party]) -> None:
    caller, agent = parties
    told: list[str] = []
    caller.side.on_digits = told.append
    for timestamp, digit in ((160, "5"), (4000, "1")):
        for step in dtmf.steps(digit, 160):
            if step.payload is not None:
                caller.say(DTMF_TYPE, step.payload, timestamp)
    until(lambda: told[-1:] == ["51"], what="both digits are heard", seconds=5)
    assert told == ["5", "51"]
    agent.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        agent.socket.recv(2048)


def test_every_side_has_ports_of_its_own(relay: Relay, parties: tuple[Party, Party]) -> None:
    third = relay.open()
    try:
        assert len({third.port, *(party.side.port for party in parties)}) == 3
    finally:
        relay.close(third)
        third.rtp.close()
        third.rtcp.close()
