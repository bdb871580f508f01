"""A dialer and a receiver of one process over the loopback interface, for tests of whole calls."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from tests.ports import free_udp_port
from voice_sipapp.calls import TICK_S, Calls
from voice_sipapp.finishing import Finisher
from voice_sipapp.ledger import Ledger
from voice_sipapp.media import audio, rtp
from voice_sipapp.plan import probe
from voice_sipapp.plan.limits import Turns
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import Cdr, ReceiverPart
from voice_sipapp.signalling.screening import Limits
from voice_sipapp.signalling.sip.endpoint import Endpoint
from voice_sipapp.signalling.sip.eventloop import end_loop, every, run_loop
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.leg import Leg
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.station import Station

ADDRESS = "::1"


def a_tone(folder: Path) -> audio.AudioStore:
    """A store whose one sound is a tone, in `folder`."""
    audio.save(folder / "tone.wav", (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16))
    return audio.AudioStore(folder)


class Bench:
    """A dialer and a receiver of one process, and the far ends that a test puts in their way."""

    def __init__(self, sounds: audio.AudioStore, address: str = ADDRESS) -> None:
        self.address = address
        self.sounds = sounds
        self.cdrs: list[Cdr] = []
        self.parts: list[ReceiverPart] = []
        self.receiver_port = free_udp_port(address)
        self.engine = rtp.Engine(address, (32000, 33998))
        self.station = Station(
            dialer=Endpoint(address, free_udp_port(address)),
            receiver=Endpoint(address, self.receiver_port),
            engine=self.engine,
            sip_host="bench",
            address=address,
        )
        self.far_ends: list[Endpoint] = []
        self.engine.start()
        self._wire_up(Limits())
        self._ticks = every(TICK_S, self._tick)

    def _wire_up(self, limits: Limits) -> None:
        self.ledger = Ledger(self._keep)
        self.caller = Calls(
            self.station,
            self.sounds,
            self.ledger,
            Finisher(self.ledger.keep, None),
            limits=limits,
            admission_queue=Turns(),
            may_call=lambda: True,
        )

    def restart(self, limits: Limits | None = None, **changes: Any) -> None:
        """As the same host that was set up otherwise; before the first call."""
        self.caller.close()
        self.station = replace(self.station, **changes)
        self._wire_up(Limits() if limits is None else limits)

    def _tick(self) -> None:
        self.caller.tick()  # which is another one after a restart

    def _keep(self, record: Cdr | ReceiverPart) -> None:
        if isinstance(record, Cdr):
            self.cdrs.append(record)
        else:
            self.parts.append(record)
        self.caller.submit(end_loop)

    def far_end(self, on_invite: Callable[[Invite], Leg | None]) -> int:
        """Another party; returns its port."""
        port = free_udp_port(ADDRESS)
        self.far_ends.append(Endpoint(ADDRESS, port))
        self.far_ends[-1].listen(on_invite)
        return port

    def call(self, port: int, **changes: Any) -> Cdr:
        """Place one call to `port` and wait for its record."""
        self.caller.outbound.place(a_probe(port, **changes))
        run_loop(timeout_s=10)
        assert self.cdrs, "the call did not end"
        return self.cdrs[-1]

    def close(self) -> None:
        self._ticks.cancel()
        self.caller.close()
        self.engine.stop()
        for endpoint in (self.station.dialer, self.station.receiver, *self.far_ends):
            endpoint.close()


def a_probe(port: int, **changes: Any) -> probe.Probe:
    made = probe.Probe(
        client="acme", probe="sales", generation=1, dialer=SipUri.parse("sip:probe-1@voice.example.net"), proxy=None,
        destination=SipUri.parse(f"sip:+442071838750@[{ADDRESS}]:{port}"),
        receiver=SipUri.parse("sip:agent@voice.example.net"), answer_after_ms=100, every_ms=60_000, schedule=None,
        time_zone="UTC", duration_ms=1000, codecs=("PCMA", "PCMU"), audio="tone", suspended=False, unsupported=None,
    )  # fmt: skip
    return replace(made, **changes)


def header_of(bench: Bench, uuid: UUID, client: str = "acme", probe: str = "sales") -> str:
    """The header of a call of another host that has the same key."""
    return bench.station.key.header(uuid, client, probe)


def an_invite(header: str | None = None, user: str | None = None) -> Invite:
    return Invite(header, user, user, "caller", f"[{ADDRESS}]:5060", "")


def next_hop(port: int) -> NextHop:
    return NextHop(address=(f"[{ADDRESS}]", port))
