"""Registrars that we did not write: SIPp plays them from the scenarios in `sipp/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_far_ends import FarEnds, Known, far_ends, trunk
from tests.unit.sipapp.bench import ADDRESS, a_probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import registration
from voice_sipapp.signalling.sip.eventloop import run_loop

__all__ = ["far_ends"]

pytestmark = [
    pytest.mark.services,
    # The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

KEY = ("acme", "sales")


class Host:
    """The registrations of a host with one probe."""

    def __init__(self, ends: FarEnds) -> None:
        ends.bench.restart(credentials=Known())
        self._station = ends.bench.station
        self.registrations = ends.bench.caller.registrations

    def register(self, registrar: str, credentials: str | None = "trunk") -> None:
        probe = a_probe(5060, registrar=SipUri.parse(registrar), receiver_credentials=credentials)
        self.registrations.update([probe])

    @property
    def problem(self) -> str | None:
        """Why the receiver can't be reached."""
        return self._station.unreachable.get(KEY)

    def close(self) -> None:
        self.registrations.stop()


@pytest.fixture
def host(far_ends: FarEnds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(registration, "RETRY_S", 0.2)
    with closing(Host(far_ends)) as made:
        yield made


def until(condition: Callable[[], object]) -> None:
    """Serve SIP until `condition` holds."""
    for _ in range(400):
        if condition():
            return
        run_loop(timeout_s=0.05)
    pytest.fail("it did not come to that")


def answers(file: Path) -> int:
    """How many messages a SIPp has seen so far."""
    return file.read_text(errors="replace").count("message received") if file.exists() else 0


def test_a_receiver_is_registered_refreshed_and_unregistered(far_ends: FarEnds, host: Host, tmp_path: Path):
    trace = tmp_path / "messages"
    registrar = far_ends.start("registrar", "-trace_msg", "-message_file", str(trace))
    host.register(f"sip:[{ADDRESS}]:{registrar.port}")
    until(lambda: answers(trace) == 4)  # a brief interval, a challenge, both met, and once more before it lapses
    assert host.problem is None
    assert host.registrations.states == {"registered": 1, "failing": 0, "pending": 0}
    host.registrations.update([])
    assert host.registrations.states == {"registered": 0, "failing": 0, "pending": 0}
    registrar.must_succeed()


def test_a_registrar_that_moved_is_followed(far_ends: FarEnds, host: Host, tmp_path: Path):
    trace = tmp_path / "messages"
    second = far_ends.start("registrar_down", "-trace_msg", "-message_file", str(trace))
    first = far_ends.start("registrar_moved", "-key", "target", f"sip:[{ADDRESS}]:{second.port}")
    host.register(f"sip:[{ADDRESS}]:{first.port}")
    first.must_succeed()
    until(lambda: answers(trace) == 1)


def test_a_registrar_in_trouble_is_told_of_and_tried_again(far_ends: FarEnds, host: Host):
    registrar = far_ends.start("registrar_down")
    host.register(f"sip:[{ADDRESS}]:{registrar.port}")
    assert host.registrations.states == {"registered": 0, "failing": 0, "pending": 1}
    until(lambda: host.problem)
    assert host.registrations.states == {"registered": 0, "failing": 1, "pending": 0}
    assert host.problem == "its receiver is not registered: the registrar answers 503 Service Unavailable"
    registrar.must_succeed()
    until(lambda: host.problem is None)
    assert host.registrations.states == {"registered": 1, "failing": 0, "pending": 0}


@pytest.mark.parametrize(
    ("registrar", "credentials", "words"),
    [
        ("sip:pbx.invalid", None, "the host name pbx.invalid can't be resolved"),
        ("sip:[::1]:5;transport=tls", None, "no edge for it"),
        ("sip:192.0.2.1", None, "can't be reached from ::1"),
        ("sip:[::1]:5", "missing", "the credential 'missing' is not known"),
    ],
)
def test_what_can_not_be_registered_says_why(host: Host, registrar: str, credentials: str | None, words: str):
    host.register(registrar, credentials)
    until(lambda: host.problem)
    assert words in (host.problem or "")


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (None, "asks for a password, and the probe names no credential of the receiver"),
        ("trunk", "the registrar answers 403 Forbidden"),
    ],
)
def test_a_registrar_that_wants_another_password_is_told_of(
    far_ends: FarEnds, host: Host, monkeypatch: pytest.MonkeyPatch, credentials: str | None, words: str
):
    if credentials:
        monkeypatch.setattr(Known, "get", lambda *_: trunk("another"))
    registrar = far_ends.start("registrar")
    host.register(f"sip:[{ADDRESS}]:{registrar.port}", credentials)
    until(lambda: host.problem)
    assert words in (host.problem or "")


def test_a_call_to_a_receiver_that_is_not_registered_says_so(far_ends: FarEnds, host: Host):
    host.register("sip:pbx.invalid", None)
    until(lambda: host.problem)
    call = far_ends.call("busy").call
    assert call.disposition == "busy"
    assert "its receiver is not registered: the host name pbx.invalid" in (call.sip_reason or "")
