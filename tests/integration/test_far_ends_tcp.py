"""Calls over TCP and TLS: through a real edge (kamailio), to a far end that we did not write and to ourselves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.running_kamailio import kamailio
from tests.integration.test_far_ends import FarEnds, Known, far_ends, trunk
from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS
from voice_lab import pki, waiting
from voice_sipapp import edge
from voice_sipapp.plan.sipuri import SipUri

__all__ = ["far_ends"]

pytestmark = [
    pytest.mark.services,
    # The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def answers(port: int) -> bool:
    """Whether somebody listens on TCP `port`."""
    try:
        with socket.create_connection((ADDRESS, port), 1):
            return True
    except OSError:
        return False


@pytest.fixture
def edged(far_ends: FarEnds, tmp_path: Path) -> Iterator[tuple[FarEnds, edge.EdgePlan]]:
    """Far ends for a host with an edge."""
    pki.create_authority(tmp_path)
    pki.issue(tmp_path, "own", hosts=(ADDRESS,))
    bench = far_ends.bench
    plan = edge.EdgePlan(
        address=ADDRESS,
        dialer_port=int(bench.station.dialer.address.rsplit(":", 1)[1]),
        receiver_port=far_ends.bench.receiver_port,
        inside=ADDRESS,
        inside_port=free_udp_port(ADDRESS),
        tcp_port=free_udp_port(ADDRESS),
        tls_port=free_udp_port(ADDRESS),
        tls=edge.TlsFiles(f"{tmp_path}/own.pem", f"{tmp_path}/own.key", f"{tmp_path}/ca.pem"),
    )
    for name, text in edge.files(plan, str(tmp_path)).items():
        (tmp_path / name).write_text(text)
    bench.restart(edge=(f"[{ADDRESS}]", plan.inside_port))
    with kamailio(tmp_path, "edge", "kamailio.cfg"):
        waiting.until(lambda: answers(plan.tcp_port), what="kamailio listens", seconds=30)
        yield far_ends, plan


def test_a_refusal_over_tcp_is_told_as_it_was(edged: tuple[FarEnds, edge.EdgePlan]):
    ends, _ = edged
    far = ends.start("busy", "-t", "t1")
    call = ends.bench.call(0, proxy=SipUri.parse(f"sip:[{ADDRESS}]:{far.port};transport=tcp")).call
    far.must_succeed()
    assert (call.disposition, call.transport, call.q850_cause) == ("busy", "tcp", 17)


@pytest.mark.parametrize(("host", "met"), [(ADDRESS, True), ("192.0.2.1", False)])
def test_a_challenge_beyond_the_edge_is_met_where_the_credential_lists_the_host(
    edged: tuple[FarEnds, edge.EdgePlan], monkeypatch: pytest.MonkeyPatch, host: str, met: bool
):
    ends, _ = edged
    ends.bench.restart(credentials=Known())
    monkeypatch.setattr(Known, "get", lambda *_: replace(trunk(), hosts=frozenset({host})))
    far = ends.start("two_challenges", "-t", "t1")
    proxy = SipUri.parse(f"sip:[{ADDRESS}]:{far.port};transport=tcp")
    call = ends.bench.call(0, proxy=proxy, dialer_credentials="trunk").call
    assert call.disposition == ("answered" if met else "configuration_error")
    if met:  # to its end: the BYE is challenged too
        far.must_succeed()


def test_a_call_over_tls_reaches_our_own_receiver(edged: tuple[FarEnds, edge.EdgePlan]):
    ends, plan = edged
    cdr = ends.bench.call(0, destination=SipUri.parse(f"sips:x@[{ADDRESS}]:{plan.tls_port}"))
    assert (cdr.call.disposition, cdr.call.transport) == ("answered", "tls"), cdr.call
    assert [stream.rtp_rx > 40 for stream in cdr.streams] == [True, True]


def test_a_far_end_that_can_not_be_reached_over_tcp_is_a_failure(edged: tuple[FarEnds, edge.EdgePlan]):
    ends, _ = edged
    destination = SipUri.parse(f"sip:x@[{ADDRESS}]:{free_udp_port(ADDRESS)};transport=tcp")
    call = ends.bench.call(0, destination=destination).call
    assert call.disposition in ("failed", "timeout")
    assert call.transport == "tcp"
