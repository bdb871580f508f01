"""The SIP host's edge, running: a real kamailio with the configuration that we write, and who is inside and outside."""

from __future__ import annotations

import re
import socket
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.running_kamailio import kamailio
from tests.ports import free_port, free_udp_port
from voice_lab import pki, waiting
from voice_sipapp import edge

OWN, PEER = "127.0.0.2", "127.0.0.3"
"""The SIP host's address, and one of the world outside."""

LIMIT_S = 10.0 + edge.GONE_S

_used: list[socket.socket] = []
"""What somebody opened, which is closed when the edge ends."""


class Udp:
    """One of the application's ports."""

    def __init__(self, port: int, address: str = OWN) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.socket.settimeout(LIMIT_S)
        self.source: tuple[str, int] = ("", 0)

    @classmethod
    def anywhere(cls, address: str) -> Udp:
        """A port of somebody's, until the edge ends."""
        made = cls(0, address)
        _used.append(made.socket)
        return made

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def send(self, text: str, port: int) -> None:
        self.socket.sendto(text.encode(), ("127.0.0.1", port))

    def answer(self, text: str) -> None:
        self.socket.sendto(text.encode(), self.source)

    def read(self) -> str:
        data, self.source = self.socket.recvfrom(65536)
        return data.decode()

    def hears_nothing(self) -> bool:
        """Whether nothing came, of what was sent before something else was answered."""
        self.socket.settimeout(0.3)
        try:
            self.read()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(LIMIT_S)
        return False


class Stream:
    """A connection outside: SIP messages over TCP or TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(LIMIT_S)
        self._buffer = b""
        _used.append(self.socket)

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def read(self) -> str:
        """The next message; the tests' messages have no body."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return message.decode() + "\r\n\r\n"


class Edge:
    """A running edge, the application's two ports, and what the outside needs to know."""

    def __init__(self, folder: Path, plan: edge.EdgePlan) -> None:
        self.folder = folder
        self.plan = plan
        self.dialer = Udp(plan.dialer_port)
        self.receiver = Udp(plan.receiver_port)

    def connect(self, *, certificate: str | None = None) -> Stream:
        """A connection from outside by TLS, showing `certificate`."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if certificate:
            context.load_cert_chain(self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key")
        raw = socket.create_connection((OWN, self.plan.tls_port), LIMIT_S, source_address=(PEER, 0))
        _used.append(raw)
        return Stream(context.wrap_socket(raw, server_hostname=OWN))

    def connect_tcp(self) -> Stream:
        return Stream(socket.create_connection((OWN, self.plan.tcp_port), LIMIT_S, source_address=(PEER, 0)))


@contextmanager
def running(folder: Path, *, tls: bool = True) -> Iterator[Edge]:
    pki.create_authority(folder)
    for name in ("own", "peer"):
        pki.issue(folder, name, hosts=(OWN, PEER))
    paths = edge.TlsFiles(f"{folder}/own.pem", f"{folder}/own.key", f"{folder}/ca.pem")
    plan = edge.EdgePlan(
        address=OWN,
        dialer_port=free_udp_port(OWN),
        receiver_port=free_udp_port(OWN),
        inside="127.0.0.1",
        inside_port=free_udp_port("127.0.0.1"),
        tcp_port=free_port(OWN),
        tls_port=free_port(OWN),
        tls=paths if tls else None,
    )
    for name, text in edge.files(plan, str(folder)).items():
        (folder / name).write_text(text)
    made = Edge(folder, plan)
    try:
        with kamailio(folder, "edge", "kamailio.cfg"):
            waiting.until(lambda: listens(plan.tcp_port), what="kamailio listens", seconds=30)
            yield made
    finally:
        made.dialer.socket.close()
        made.receiver.socket.close()
        while _used:
            _used.pop().close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((OWN, port)) == 0


class Listener:
    """The next hop outside: takes TCP or TLS connections."""

    def __init__(self, folder: Path | None = None, certificate: str = "peer") -> None:
        self._listening = socket.create_server((PEER, 0))
        self._listening.settimeout(LIMIT_S)
        self.port = self._listening.getsockname()[1]
        self._context: ssl.SSLContext | None = None
        if folder is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def accept(self) -> Stream:
        raw, _ = self._listening.accept()
        raw.settimeout(LIMIT_S)
        _used.append(raw)
        return Stream(self._context.wrap_socket(raw, server_side=True) if self._context else raw)

    @property
    def route(self) -> str:
        transport = "tls" if self._context else "tcp"
        return f"<sip:{PEER}:{self.port};transport={transport};lr>"

    def saw_nobody(self) -> bool:
        self._listening.settimeout(0.3)
        try:
            self._listening.accept()[0].close()
        except TimeoutError:
            return True
        finally:
            self._listening.settimeout(LIMIT_S)
        return False


def request(method: str, uri: str, via: str, *headers: str, to_tag: str = "", call: str | None = None) -> str:
    """A SIP request without a body."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{via};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards: 70",
        "From: <sip:probe@voice.example.net>;tag=from1",
        f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call or uuid.uuid4().hex}",
        f"CSeq: 1 {method}",
        *headers,
        "Content-Length: 0",
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def reply(asked: str, code: int, reason: str, *headers: str) -> str:
    """The answer to a request, with a tag."""
    kept = [line for line in asked.splitlines() if re.match(r"(Via|From|Call-ID|CSeq|Record-Route):", line)]
    (to,) = (line for line in asked.splitlines() if line.startswith("To:"))
    to = to if ";tag=" in to else f"{to};tag=to1"
    return "\r\n".join([f"SIP/2.0 {code} {reason}", *kept, to, *headers, "Content-Length: 0"]) + "\r\n\r\n"


def status(text: str) -> int:
    return int(text.split()[1])


def values(text: str, header: str) -> list[str]:
    """All values of a header, in their order."""
    found = re.findall(rf"(?mi)^{header}: *(.*?)\r?$", text)
    return [value.strip() for line in found for value in line.split(",")]


def final(port: Udp | Stream) -> str:
    """The next final answer; what else comes, such as a request that is repeated, is passed over."""
    while not re.match(r"SIP/2.0 [2-6]", text := port.read()):
        pass
    return text
