"""Whatever is sent to a port of ours, it goes on serving, and nothing of it is printed."""

import socket

import pytest

from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS, Bench
from voice_sipapp.signalling.sip.eventloop import run_loop
from voice_sipapp.signalling.sip.garbage import garbage

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SECRET = "response=6629fae49393a05397450978507c4ef1"
GARBAGE = [
    b"\xff\xfe" * 40,
    b"SIP/2.0 abc What\r\n" + SECRET.encode() + b"\r\n\r\n",
    b"SIP/2.0 999 Far Out\r\nVia: x\r\n\r\n" + SECRET.encode(),
    b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nVia: <<<\r\n\r\n" + SECRET.encode(),
    f"INVITE sip:x SIP/2.0\r\nAuthorization: Digest {SECRET}\r\n\r\n".encode(),
    f"REGISTER\r\n{SECRET}\r\n{SECRET}\r\n\r\n".encode(),
    b"INVITE tel:1 SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:9;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\nContent-Length: 5000\r\n\r\nv=0\r\n",
    b"\x00" * 8000,
]


def options(port: int) -> bytes:
    return (
        f"OPTIONS sip:x@[{ADDRESS}] SIP/2.0\r\nVia: SIP/2.0/UDP [{ADDRESS}]:{port};branch=z9hG4bKok{port}\r\n"
        f"Max-Forwards: 0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {port}\r\nCSeq: 1 OPTIONS\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("which", ["dialer", "receiver"])
def test_garbage_stops_no_port_and_is_not_printed(bench: Bench, capfd: pytest.CaptureFixture[str], which: str):
    target = getattr(bench.station, which).address.rsplit(":", 1)[1]
    before = garbage.count
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        far.bind((ADDRESS, free_udp_port(ADDRESS)))
        for message in GARBAGE:
            far.sendto(message, (ADDRESS, int(target)))
        far.sendto(options(far.getsockname()[1]), (ADDRESS, int(target)))
        far.settimeout(0.01)
        answers = b""
        for _ in range(200):
            run_loop(timeout_s=0.05)
            try:
                answers += far.recv(4000)
            except TimeoutError:
                continue
            if b"OPTIONS" in answers:
                break
    assert b"SIP/2.0 200 OK" in answers
    assert b"Allow: INVITE" in answers
    assert garbage.count >= before + 5
    printed = capfd.readouterr()
    assert "6629fae4" not in printed.out + printed.err
    assert bench.caller.reception.strangers == 0


@pytest.mark.parametrize("to", ["garbage>", "<sip:a@b"])
def test_a_request_that_can_not_be_read_leaves_nothing_behind(bench: Bench, to: str):
    """Not even if it says that it may take 31 years."""
    endpoint = bench.station.receiver
    before = garbage.count
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        far.bind((ADDRESS, free_udp_port(ADDRESS)))
        port = far.getsockname()[1]
        text = options(port).decode().replace("OPTIONS", "INVITE").replace("To: <sip:a@b>", f"To: {to}")
        text = text.replace("Call-ID", "Expires: 999999999\r\nCall-ID")
        far.sendto(text.encode(), (ADDRESS, int(endpoint.address.rsplit(":", 1)[1])))
        for _ in range(100):
            run_loop(timeout_s=0.05)
            if garbage.count > before:
                break
    assert garbage.count == before + 1
    assert endpoint.config["_sip_tm"].tserver == {}
