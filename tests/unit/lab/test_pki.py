"""Certificates of the lab's own authority."""

import ssl
from pathlib import Path

from voice_lab import pki


def test_the_strictest_of_clients_takes_them(tmp_path: Path) -> None:
    """Python 3.13 checks as RFC 5280 says by itself, and pods run it: a certificate has to name its authority's key."""
    pki.create_authority(tmp_path)
    pki.issue(tmp_path, "server", hosts=("server.example",))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="server.example")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert one.getpeercert()
