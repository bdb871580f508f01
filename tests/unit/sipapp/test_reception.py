"""Calls whose dialer is another host, over the loopback interface. No probe is scheduled here: none is called."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.unit.sipapp.bench import ADDRESS, Bench, a_probe, header_of, next_hop
from voice_sipapp.measurement import scoring
from voice_sipapp.media import ports, sdp
from voice_sipapp.media.audio import AudioError
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import ReceiverPart
from voice_sipapp.signalling import receiver
from voice_sipapp.signalling.session import Session
from voice_sipapp.signalling.sip import events
from voice_sipapp.signalling.sip.eventloop import end_loop, later, run_loop
from voice_sipapp.signalling.sip.leg import Leg

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


NUMBER = "+442071838750"


class OtherHost:
    """A dialer that is not this host's: it calls, sends nothing, and hangs up."""

    def __init__(
        self,
        bench: Bench,
        header: str,
        hang_up_after_s: float = 0.6,
        offer: str = sdp.describe(ADDRESS, 9, ["PCMA"], 1),
    ) -> None:
        self.codes: list[int] = []
        self._hang_up_after_s = hang_up_after_s
        bench.far_end(lambda _: None)
        self._leg = Leg(bench.far_ends[-1], self._heard, next_hop(bench.receiver_port))
        probe = a_probe(bench.receiver_port)
        self._leg.invite(probe.dialer, probe.destination, offer, header)

    def _heard(self, event: events.Event) -> None:
        if isinstance(event, events.Answered):
            self.codes.append(200)
            later(self._hang_up_after_s, self._leg.hang_up)
        elif isinstance(event, events.Rejected):
            self.codes.append(event.code)
            end_loop()


def test_a_call_of_another_host_is_measured_and_told_apart_by_its_uuid(bench: Bench):
    bench.caller.reception.probes = [a_probe(bench.receiver_port)]
    uuid = calluuid.new(datetime.now(UTC) - timedelta(seconds=1))
    far = OtherHost(bench, header_of(bench, uuid))
    run_loop(timeout_s=10)
    (part,) = bench.parts
    assert far.codes == [200]
    assert part.known
    assert (part.stream.uuid, part.stream.started_at) == (uuid, calluuid.started_at(uuid))
    assert (part.stream.direction, part.stream.codec, part.stream.one_way) == ("forward", "PCMA", True)
    assert (part.stream.client, part.stream.probe, part.stream.sip_host) == ("acme", "sales", "bench")
    assert part.stream.rtp_tx is None  # nobody here knows what the other host sent
    assert ReceiverPart.from_json(part.to_json()) == part
    assert (bench.caller.active, bench.caller.reception.strangers) == (0, 0)


def test_a_call_of_another_host_is_noted_when_it_is_answered(bench: Bench):
    """Killed from now on, this host still tells at its next start that it was the receiver."""
    noted: list[Any] = []
    bench.ledger._note = noted.append
    bench.caller.reception.probes = [a_probe(bench.receiver_port)]
    uuid = calluuid.new(datetime.now(UTC))
    OtherHost(bench, header_of(bench, uuid))
    run_loop(timeout_s=10)
    (part,) = noted
    assert (part.known, part.stream.uuid, part.stream.started_at) == (True, uuid, calluuid.started_at(uuid))
    assert (part.stream.direction, part.stream.valid, part.stream.rtp_rx, part.stream.one_way) == (
        "forward", False, 0, False,
    )  # fmt: skip
    assert part.problem == "The SIP host bench, its receiver, stopped in mid-call."
    assert ReceiverPart.from_json(part.to_json()) == part


def test_a_call_without_its_header_is_taken_when_one_is_due_and_its_number_is_allotted(bench: Bench):
    bench.caller.reception.probes = [a_probe(bench.receiver_port, allotted_numbers=(NUMBER,))]
    bench.caller.reception.expect(frozenset({("acme", "sales")}))
    OtherHost(bench, "stripped")
    run_loop(timeout_s=10)
    (part,) = bench.parts
    assert not part.known
    assert abs(part.invited_at - calluuid.started_at(part.stream.uuid)) < timedelta(seconds=1)


def test_a_call_that_is_up_here_already_is_not_taken_twice(bench: Bench):
    bench.caller.reception.probes = [a_probe(bench.receiver_port)]
    header = header_of(bench, calluuid.new(datetime.now(UTC)))
    OtherHost(bench, header)
    again = OtherHost(bench, header)
    run_loop(timeout_s=10)
    assert again.codes == [486]
    assert bench.caller.reception.strangers == 1


@pytest.mark.parametrize("error", [ports.PortsExhaustedError("no free pair"), AudioError("no sound")])
def test_a_host_in_trouble_answers_503(bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def broken(*_: object) -> None:
        raise error

    thing: Any = ports.Ports if isinstance(error, OSError) else bench.sounds
    bench.caller.reception.probes = [a_probe(bench.receiver_port)]
    monkeypatch.setattr(thing, "open" if isinstance(error, OSError) else "get", broken)
    far = OtherHost(bench, header_of(bench, calluuid.new(datetime.now(UTC))))
    run_loop(timeout_s=10)
    assert (far.codes, bench.parts) == ([503], [])


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_a_process_that_stops_keeps_what_it_heard_as_not_valid(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, late: bool
):
    """That it was stopped is what its record says, however late the host's packets were besides."""
    if late:
        monkeypatch.setattr(scoring, "MAX_LAG_MS", -1)
    bench.caller.reception.probes = [a_probe(bench.receiver_port)]
    OtherHost(bench, header_of(bench, calluuid.new(datetime.now(UTC))), hang_up_after_s=30)
    later(1, bench.caller.stop)
    run_loop(timeout_s=10)
    assert [part.stream.valid for part in bench.parts] == [False]
    assert [part.problem for part in bench.parts] == [
        "bench: the receiver was stopped in mid-call, or met an error of its own"
    ]


def test_a_calls_uuid_tells_when_it_started(bench: Bench):
    cdr = bench.call(bench.receiver_port, duration_ms=200)
    assert isinstance(cdr.call.uuid, UUID)
    told = calluuid.started_at(cdr.call.uuid)
    assert timedelta(0) <= cdr.call.started_at - told < timedelta(milliseconds=1)


class Presser(OtherHost):
    """Another host's dialer that has a stream of its own, and presses digits half a second after the answer."""

    def __init__(self, bench: Bench, digits: str) -> None:
        probe = a_probe(bench.receiver_port)
        self._session = Session(bench.station, probe, bench.sounds.get("tone"), 1)
        self._digits = digits
        super().__init__(bench, "stripped", hang_up_after_s=2.5, offer=self._session.offer())

    def _heard(self, event: events.Event) -> None:
        super()._heard(event)
        if isinstance(event, events.Answered):
            self._session.agree(event.description)
            later(0.5, lambda: self._press(self._digits))

    def _press(self, digits: str) -> None:
        if digits:
            assert self._session.stream.press(digits)

    def close(self) -> None:
        self._session.end()


@pytest.mark.parametrize(
    ("digits", "code", "strangers"),
    [("*4711", "4711", 0), ("11*4711", "4711", 0), ("", None, 1), ("*47", None, 1), ("4711", None, 1)],
)
def test_a_call_without_its_header_must_press_its_code_where_the_probe_asks_for_it(
    bench: Bench, digits: str, code: str | None, strangers: int
):
    bench.caller.reception.probes = [a_probe(bench.receiver_port, confirm=True)]
    bench.caller.reception.expect(frozenset({("acme", "sales")}))
    with contextlib.closing(Presser(bench, digits)):
        run_loop(timeout_s=6)
    assert [part.code for part in bench.parts] == ([code] if code else [])
    assert bench.caller.reception.strangers == strangers


def test_a_stranger_who_presses_nothing_is_hung_up_on(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receiver, "CONFIRM_MS", 300)
    bench.caller.reception.probes = [a_probe(bench.receiver_port, confirm=True)]
    bench.caller.reception.expect(frozenset({("acme", "sales")}))
    noted: list[Any] = []
    bench.ledger._note, bench.ledger._forget = noted.append, noted.append
    OtherHost(bench, "stripped", hang_up_after_s=30)
    run_loop(timeout_s=2.5)
    bench.ledger._thread.submit(int).result()
    part, forgotten = noted
    assert part.stream.uuid == forgotten
    assert (bench.parts, bench.caller.active, bench.caller.reception.strangers) == ([], 0, 1)
