"""The SIP host's edge: a real kamailio with the configuration that we write, used as it should be, and attacked."""

from __future__ import annotations

import ssl
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.running_edge import (
    LIMIT_S,
    OWN,
    PEER,
    Edge,
    Listener,
    Udp,
    final,
    listens,
    reply,
    request,
    running,
    status,
    values,
)
from voice_lab import pki, waiting
from voice_sipapp import edge

pytestmark = pytest.mark.services


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Edge]:
    """An edge of the test's own: nothing that another test left is repeated into it."""
    folder = tmp_path / "edge"
    folder.mkdir()
    with running(folder) as made:
        yield made


def from_dialer(host: Edge, listener: Listener, *headers: str) -> str:
    """Have the application invite by way of `listener`; returns what it sent."""
    contact = f"Contact: <sip:probe@{OWN}:{host.plan.dialer_port}>"
    via = f"UDP {OWN}:{host.plan.dialer_port}"
    text = request("INVITE", "sip:+4420@sbc.example", via, contact, f"Route: {listener.route}", *headers)
    host.dialer.send(text, host.plan.inside_port)
    return text


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "tcp"])
def test_a_call_goes_out_over_the_next_hops_transport_and_its_dialog_comes_back(host: Edge, secure: bool):
    with Listener(host.folder if secure else None) as listener:
        from_dialer(host, listener, f"X-Voice-Call: {uuid.uuid4()}", "X-Internal: secret", "User-Agent: voice-sipapp/1")
        far = listener.accept()
        got = far.read()
        assert got.startswith("INVITE sip:+4420@sbc.example SIP/2.0")
        assert values(got, "Route") == []
        assert len(values(got, "X-Voice-Call")) == 1
        assert "X-Internal" not in got
        assert "kamailio" not in got.lower()
        outer, inner = values(got, "Record-Route")
        assert f"{OWN}" in outer
        assert f"transport={'tls' if secure else 'tcp'}" in outer
        assert f"127.0.0.1:{host.plan.inside_port}" in inner
        far.send(reply(got, 200, "OK", f"Contact: <sip:agent@{PEER}:{listener.port};transport=tcp>"))
        answer = final(host.dialer)
        assert status(answer) == 200
        # The far end hangs up: its BYE follows the route back to the dialer's own port.
        dialer = f"sip:probe@{OWN}:{host.plan.dialer_port}"
        far.send(request("BYE", dialer, f"TCP {PEER}", f"Route: {outer}", f"Route: {inner}", to_tag="x"))
        assert host.dialer.read().startswith("BYE")
        # So does the dialer's ACK on the way out.
        routes = [f"Route: {value}" for value in reversed(values(answer, "Record-Route"))]
        via = f"UDP {OWN}:{host.plan.dialer_port}"
        contact = f"sip:agent@{PEER}:{listener.port};transport=tcp"
        host.dialer.send(request("ACK", contact, via, *routes, to_tag="to1"), host.plan.inside_port)
        if not secure:
            assert far.read().startswith("ACK")


def test_a_next_hop_whose_certificate_nobody_vouches_for_gets_no_word(host: Edge, tmp_path: Path):
    pki.create_authority(tmp_path)
    pki.issue(tmp_path, "peer", hosts=(PEER,))
    for name in ("peer.pem", "peer.key"):
        (host.folder / f"other-{name}").write_bytes((tmp_path / name).read_bytes())
    with Listener(host.folder, "other-peer") as listener:
        from_dialer(host, listener)
        with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012 - whichever of the two notices first
            far = listener.accept()
            far.read()
        assert status(final(host.dialer)) >= 400


def test_a_next_hop_that_is_gone_is_told_within_seconds(host: Edge):
    with Listener() as listener:
        pass
    from_dialer(host, listener)
    host.dialer.socket.settimeout(2 * edge.GONE_S)
    assert status(final(host.dialer)) in (408, 477, 500, 503)
    host.dialer.socket.settimeout(LIMIT_S)


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "tcp"])
def test_a_call_from_outside_reaches_the_receiver_whatever_it_asks_for(host: Edge, secure: bool):
    far = host.connect(certificate="peer") if secure else host.connect_tcp()
    victim = Udp.anywhere(PEER)
    port = victim.port
    text = request("INVITE", f"sip:agent@{PEER}:{port}", f"TCP {PEER}", f"Route: <sip:{PEER}:{port};lr>")
    far.send(text)
    got = host.receiver.read()
    assert got.startswith("INVITE")
    assert len(values(got, "Record-Route")) == 2
    host.receiver.answer(reply(got, 486, "Busy Here"))
    assert status(final(far)) == 486
    assert victim.hears_nothing()
    host.receiver.read()  # the edge's ACK


def test_who_shows_no_certificate_may_call_but_not_one_of_a_stranger(host: Edge, tmp_path: Path):
    far = host.connect()
    far.send(request("OPTIONS", f"sip:{OWN}", f"TLS {PEER}"))
    assert status(far.read()) == 200
    pki.create_authority(tmp_path)
    pki.issue(tmp_path, "stranger")
    for name in ("stranger.pem", "stranger.key"):
        (host.folder / name).write_bytes((tmp_path / name).read_bytes())
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012 - TLS 1.3: the refusal comes with the first read
        far = host.connect(certificate="stranger")
        far.send(request("OPTIONS", f"sip:{OWN}", f"TLS {PEER}"))
        far.read()


@pytest.mark.parametrize("method", ["BYE", "INVITE", "REFER", "MESSAGE", "ACK"])
def test_a_made_up_dialog_is_no_way_through(host: Edge, method: str):
    """The attack on a proxy that routes in-dialog requests: a Route that names it, and any Request-URI at all."""
    far = host.connect_tcp()
    victim = Udp.anywhere(PEER)
    port = victim.port
    us = f"<sip:{OWN}:{host.plan.tcp_port};transport=tcp;lr>"
    inside = f"<sip:127.0.0.1:{host.plan.inside_port};lr>"
    them = f"<sip:{PEER}:{port};lr>"
    for uri in (
        f"sip:x@{PEER}:{port}",
        f"sip:x@{OWN}:{host.plan.tls_port};transport=tls",
        f"sip:{OWN}:22",
        "sip:x@a.b",
    ):
        for routes in ([us], [us, them], [us, inside, them], [inside]):
            far.send(request(method, uri, f"TCP {PEER}", *(f"Route: {one}" for one in routes), to_tag="made-up"))
            if method != "ACK":
                assert status(final(far)) in (403, 481)
    # With a Request-URI of the application's, what else the Route names is of no account.
    own = f"sip:x@{OWN}:{host.plan.receiver_port}"
    far.send(request(method, own, f"TCP {PEER}", f"Route: {us}", f"Route: {them}", to_tag="made-up"))
    assert host.receiver.read().startswith(method)
    assert victim.hears_nothing()
    assert host.dialer.hears_nothing()


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER"])
def test_from_outside_only_calls_are_taken(host: Edge, method: str):
    far = host.connect_tcp()
    far.send(request(method, f"sip:x@{PEER}", f"TCP {PEER}", f"Route: <sip:{PEER};lr>"))
    assert status(final(far)) == 405
    assert host.receiver.hears_nothing()


def test_only_the_applications_own_ports_may_use_it_as_a_way_out(host: Edge):
    with Listener() as listener:
        for address in (OWN, "127.0.0.1", PEER):
            intruder = Udp.anywhere(address)
            via = f"UDP {address}:{intruder.port}"
            text = request("INVITE", "sip:+4420@sbc.example", via, f"Route: {listener.route}")
            intruder.send(text, host.plan.inside_port)
            assert status(final(intruder)) == 403
            intruder.send(text.replace("INVITE", "BYE").replace(".example>", ".example>;tag=x"), host.plan.inside_port)
            assert status(final(intruder)) == 403
        assert listener.saw_nobody()


@pytest.mark.parametrize("route", ["", f"Route: <sip:{PEER}:5060;lr>", f"Route: <sip:{PEER};transport=udp;lr>"])
def test_a_next_hop_by_udp_is_not_the_edges_business(host: Edge, route: str):
    via = f"UDP {OWN}:{host.plan.dialer_port}"
    headers = [route] if route else []
    host.dialer.send(request("INVITE", f"sip:x@{PEER}", via, *headers), host.plan.inside_port)
    assert status(final(host.dialer)) == 403


def test_a_registration_names_the_edge_as_the_way_to_the_receiver(host: Edge):
    with Listener(host.folder) as listener:
        via = f"UDP {OWN}:{host.plan.receiver_port}"
        contact = f"Contact: <sip:agent-7@{OWN}:{host.plan.receiver_port};transport=udp>;expires=300"
        text = request("REGISTER", "sip:sbc.example", via, contact, f"Route: {listener.route}")
        host.receiver.send(text, host.plan.inside_port)
        far = listener.accept()
        got = far.read()
        assert values(got, "Contact") == [f"<sip:agent-7@{OWN}:{host.plan.tls_port};transport=tls>;expires=300"]
        assert values(got, "Record-Route") == []
        far.send(reply(got, 200, "OK", f"Contact: {values(got, 'Contact')[0]}"))
        assert status(final(host.receiver)) == 200


def test_it_listens_where_it_should_and_nowhere_else(host: Edge):
    def ours() -> set[tuple[str, str]]:
        pid = (host.folder / "edge.pid").read_text().strip()
        told = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, check=True).stdout
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {
            (line.split()[0], line.split()[4])
            for line in told.splitlines()
            if any(f"pid={number}," in line for number in (pid, *children))
        }

    wanted = {
        ("udp", f"127.0.0.1:{host.plan.inside_port}"),
        ("tcp", f"{OWN}:{host.plan.tcp_port}"),
        ("tcp", f"{OWN}:{host.plan.tls_port}"),
    }
    # It makes its processes after it listens. A look at all of them while one starts may miss some of their sockets.
    looks: list[set[tuple[str, str]]] = []
    waiting.until(lambda: looks.append(ours()) or wanted <= looks[-1], what="all of its processes run", seconds=20)
    assert looks[-1] == wanted


def test_without_a_certificate_there_is_tcp_and_tls_is_refused_with_the_reason(tmp_path: Path):
    with ExitStack() as stack:
        host = stack.enter_context(running(tmp_path, tls=False))
        listener = stack.enter_context(Listener(tmp_path))
        assert not listens(host.plan.tls_port)
        from_dialer(host, listener)
        assert "No Certificate" in final(host.dialer).splitlines()[0]
