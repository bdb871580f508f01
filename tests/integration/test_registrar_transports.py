"""Registration over TCP and TLS, and with SHA-256: at a kamailio that is a registrar, through the host's real edge."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.running_kamailio import kamailio
from tests.integration.test_far_ends import PASSWORD, FarEnds, far_ends, is_taken
from tests.integration.test_far_ends_tcp import edged
from tests.integration.test_registrars import Host, until
from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS
from voice_lab import pki, processes, waiting
from voice_sipapp import edge
from voice_sipapp.plan.sipuri import SipUri

__all__ = ["edged", "far_ends"]

pytestmark = [
    pytest.mark.services,
    # The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

CONFIGURATION = Path(__file__).parent / "kamailio" / "registrar.cfg"
TLS = """
enable_tls=yes
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", "{folder}/registrar.key")
modparam("tls", "certificate", "{folder}/registrar.pem")
modparam("tls", "ca_list", "{folder}/ca.pem")
"""


class Registrar(NamedTuple):
    """A kamailio and how to reach it."""

    folder: Path
    transport: str
    port: int

    @property
    def log(self) -> str:
        """The end of what it said."""
        return processes.log_tail(self.folder, "registrar")

    def address(self, user: str = "") -> SipUri:
        """Its own SIP URI, or that of one of its users."""
        return SipUri.parse(f"sip:{user and user + '@'}[{ADDRESS}]:{self.port};transport={self.transport}")


Start = Callable[[str, str], Registrar]


@pytest.fixture
def registrar(edged: tuple[FarEnds, edge.EdgePlan], tmp_path: Path) -> Iterator[Start]:
    """Starts a registrar of a transport and an algorithm; the authority is the edge's own."""
    with ExitStack() as ended:

        def start(transport: str, algorithm: str) -> Registrar:
            pki.issue(tmp_path, "registrar", hosts=(ADDRESS,))
            made = Registrar(tmp_path, transport, free_udp_port(ADDRESS))
            words = {
                "TRANSPORT": transport,
                "ADDRESS": ADDRESS,
                "PORT": str(made.port),
                "ALGORITHM": algorithm,
                "PASSWORD": PASSWORD,
                "TLS": TLS.format(folder=tmp_path) if transport == "tls" else "enable_tls=no",
            }
            text = CONFIGURATION.read_text()
            for name, word in words.items():
                text = text.replace(f"@{name}@", word)
            (tmp_path / "registrar.cfg").write_text(text)
            ended.enter_context(kamailio(tmp_path, "registrar", "registrar.cfg"))
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            waiting.until(lambda: is_taken(made.port, kind), what="the registrar listens", seconds=10)
            return made

        yield start


@pytest.mark.parametrize(
    ("transport", "algorithm"), [("udp", "SHA-256"), ("tcp", "MD5"), ("tls", "MD5"), ("tls", "SHA-256")]
)
def test_a_receiver_registered_there_is_called_there(
    edged: tuple[FarEnds, edge.EdgePlan],
    registrar: Start,
    caplog: pytest.LogCaptureFixture,
    transport: str,
    algorithm: str,
):
    ends, _ = edged
    far = registrar(transport, algorithm)
    caplog.set_level("INFO")
    with closing(Host(ends)) as host:
        host.register(far.address().text)
        until(lambda: host.problem or "is registered for 60 s" in caplog.text)
        assert host.problem is None
        cdr = ends.bench.call(0, destination=far.address("agent"))
        assert (cdr.call.disposition, cdr.call.transport) == ("answered", transport), (cdr.call, far.log)
        assert [stream.rtp_rx > 40 for stream in cdr.streams] == [True, True]
