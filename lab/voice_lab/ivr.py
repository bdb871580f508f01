"""Stand-in for a call centre's voice menu (IVR): answers, waits for the digit 1, then connects the caller to an agent.

`python -m voice_lab.ivr ADDRESS PORT AGENT_ADDRESS AGENT_PORT`. It is a back-to-back user agent: two dialogs a call,
and media that passes through it. Until the agent answers, the caller hears nothing. The agent is `agent-` and the
last two digits of the number that was called.
"""

from __future__ import annotations

import itertools
import logging
import queue
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from voice_sipapp.media import dtmf, sdp
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.sip import events
from voice_sipapp.signalling.sip.addresses import bracketed
from voice_sipapp.signalling.sip.endpoint import Endpoint, RefusedError
from voice_sipapp.signalling.sip.eventloop import end_loop, every, later, on_signal, run_loop
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.leg import Leg
from voice_sipapp.signalling.sip.nexthop import NextHop

CONNECT, CODECS = "1", ("PCMA", "PCMU")
PATIENCE_S = 20.0
"""How long a caller may take over the digit."""
FIRST_PORT, LAST_PORT = 41000, 41998

log = logging.getLogger("ivr")
_RTP = struct.Struct("!BBHII")
_sessions = itertools.count(1)


@dataclass
class Side:
    """One side's media: a socket for RTP and one for RTCP, and where its party listens once that is known."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int
    remote: sdp.Remote | None = None
    other: Side | None = None
    heard: dtmf.Heard = field(default_factory=dtmf.Heard)
    on_digits: Callable[[str], None] = lambda _: None

    def take(self, endpoint: socket.socket) -> None:
        """Pass on what came to one of this side's sockets, to the other side if there is one yet."""
        packet = endpoint.recv(2048)
        if endpoint is self.rtp:
            self._listen(packet)
        if self.other is None or self.other.remote is None:
            return
        to = self.other.remote
        if endpoint is self.rtp:
            self.other.rtp.sendto(packet, (to.address, to.port))
        else:
            self.other.rtcp.sendto(packet, (to.address, to.rtcp_port))

    def _listen(self, packet: bytes) -> None:
        if self.remote is None or len(packet) < _RTP.size:
            return
        _, kind, _, timestamp, ssrc = _RTP.unpack_from(packet)
        if kind & 0x7F == self.remote.own_dtmf_type:
            before = self.heard.digits
            self.heard.packet(packet[_RTP.size :], timestamp, ssrc)
            if self.heard.digits != before:
                self.on_digits(self.heard.digits)


class Relay(threading.Thread):
    """Passes media on between the sides of all calls."""

    def __init__(self, address: str) -> None:
        super().__init__(name="relay", daemon=True)
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._ports = itertools.cycle(range(FIRST_PORT, LAST_PORT, 2))
        self._poll = select.epoll()
        self._readers: dict[int, tuple[Side, socket.socket]] = {}

    def open(self) -> Side:
        """Two sockets on neighbouring ports."""
        for port in itertools.islice(self._ports, (LAST_PORT - FIRST_PORT) // 2):
            rtp, rtcp = (socket.socket(self._family, socket.SOCK_DGRAM) for _ in range(2))
            try:
                rtp.bind((self._address, port))
                rtcp.bind((self._address, port + 1))
            except OSError:
                rtp.close()
                rtcp.close()
                continue
            side = Side(rtp, rtcp, port)
            for endpoint in (rtp, rtcp):
                endpoint.setblocking(False)
                self._readers[endpoint.fileno()] = (side, endpoint)
                self._poll.register(endpoint.fileno(), select.EPOLLIN)
            return side
        raise OSError("no port for media is free")

    def close(self, side: Side) -> None:
        """End a side; packets that are under way are lost."""
        for endpoint in (side.rtp, side.rtcp):
            if self._readers.pop(endpoint.fileno(), None) is not None:
                self._poll.unregister(endpoint.fileno())
        side.other = None

    def run(self) -> None:
        """Pass on until the program ends."""
        while True:
            for descriptor, _ in self._poll.poll():
                found = self._readers.get(descriptor)
                try:
                    if found is not None:
                        found[0].take(found[1])
                except OSError as error:
                    log.warning("media is not passed on: %s", error)


class Call:
    """A caller's dialog, and the agent's once the digit was pressed. Runs in the stack's thread."""

    def __init__(self, ivr: Ivr, invite: Invite) -> None:
        self._ivr = ivr
        self._invite = invite
        self._remote = sdp.choose(invite.description, CODECS, ivr.address)
        self._caller = ivr.relay.open()
        self._agent = ivr.relay.open()
        self.leg = Leg(ivr.callers, self._from_caller)
        self._agents_leg: Leg | None = None
        self._over = False

    def _from_caller(self, event: events.Event) -> None:
        match event:
            case events.Invited():
                self._caller.on_digits = lambda digits: self._ivr.soon(lambda: self._pressed(digits))
                self._caller.remote = self._remote
                self.leg.ring()
                self.leg.answer(self._describe(self._caller, answer_to=self._remote))
                later(PATIENCE_S, self._impatient)
            case events.HungUp() | events.Rejected():
                self._end()

    def _pressed(self, digits: str) -> None:
        if self._over or self._agents_leg is not None or digits[-1] != CONNECT:
            return
        log.info("digit %s: ringing the agent", digits[-1])
        self._agents_leg = Leg(self._ivr.agents, self._from_agent, NextHop(address=self._ivr.agents_at))
        host, port = self._ivr.agents_at
        name = f"agent-{(self._invite.request_user or '')[-2:]}"
        caller = SipUri.parse(f"sip:{self._invite.from_user or 'caller'}@{bracketed(self._ivr.address)}")
        offer = self._describe(self._agent)
        self._agents_leg.invite(caller, SipUri.parse(f"sip:{name}@{host}:{port}"), offer, self._invite.header or "")

    def _from_agent(self, event: events.Event) -> None:
        match event:
            case events.Answered() if not self._over:
                self._agent.remote = sdp.choose(
                    event.description, [self._remote.codec], self._ivr.address, answers=True
                )
                self._caller.other, self._agent.other = self._agent, self._caller
            case events.HungUp() | events.Rejected() | events.Redirected():
                self._end()

    def _describe(self, side: Side, *, answer_to: sdp.Remote | None = None) -> str:
        return sdp.describe(self._ivr.address, side.port, [self._remote.codec], next(_sessions), answer_to=answer_to)

    def _impatient(self) -> None:
        if self._agents_leg is None:
            self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        for leg in (self.leg, self._agents_leg):
            if leg is not None:
                leg.hang_up()
        for side in (self._caller, self._agent):
            self._ivr.relay.close(side)


class Ivr:
    """The machine: where it listens, where agents are, and what other threads want done in the stack's."""

    def __init__(self, address: str, port: int, agents_at: tuple[str, int]) -> None:
        self.address = address
        self.agents_at = agents_at
        self.relay = Relay(address)
        # One endpoint for each side of a call: with one for both, a call would look like its own coming back.
        self.callers, self.agents = Endpoint(address, port), Endpoint(address, port + 1)
        self.callers.listen(self._take)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def soon(self, action: Callable[[], None]) -> None:
        """Run `action` in the stack's thread; may be called from any."""
        self._inbox.put(action)

    def run(self) -> None:
        """Serve until SIGTERM."""
        self.relay.start()
        every(0.02, self._work)
        on_signal(signal.SIGTERM, end_loop)
        run_loop()

    def _work(self) -> None:
        while not self._inbox.empty():
            self._inbox.get()()

    def _take(self, invite: Invite) -> Leg:
        try:
            return Call(self, invite).leg
        except sdp.SdpError as error:
            raise RefusedError(488, str(error)) from error


def main() -> None:
    """Run the machine."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    address, port, agent_address, agent_port = sys.argv[1:]
    Ivr(address, int(port), (bracketed(agent_address), int(agent_port))).run()


if __name__ == "__main__":
    main()
