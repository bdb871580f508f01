"""Several addresses of one host (RFC 3263 §4.3)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.unit.sipapp.bench import Bench, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import call as call_module
from voice_sipapp.signalling import dialling

pytestmark = QUIET


class Bare(threading.Thread):
    """Answers each request at `host` with `status`; with None nothing."""

    def __init__(self, host: str, port: int, status: str | None) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self._status, self._ending = status, threading.Event()
        self.methods: list[str] = []
        self.start()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except OSError:
                continue
            text = data.decode()
            self.methods.append(text.partition(" ")[0])
            if self._status is None or text.startswith("ACK "):
                continue
            lines = text.partition("\r\n\r\n")[0].split("\r\n")[1:]
            own = [line for line in lines if line.partition(":")[0].lower() in ("via", "from", "to", "call-id", "cseq")]
            own = [f"{line};tag=far" if line.lower().startswith("to:") and "tag=" not in line else line for line in own]
            status = "200 OK" if text.startswith("BYE ") else self._status
            found = "\r\n".join(["v=0", "o=far 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                                 "m=audio 9 RTP/AVP 8", ""])  # fmt: skip
            found = found if status[:3] == "200" and "INVITE" in text else ""
            kind = ["Content-Type: application/sdp"] if found else []
            contact = f"Contact: <sip:far@{self._socket.getsockname()[0]}:{self.port}>"
            head = [f"SIP/2.0 {status}", *own, contact, *kind, f"Content-Length: {len(found)}", "", found]
            self._socket.sendto("\r\n".join(head).encode(), source)

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        self._socket.close()


BROKEN = "503 Service Unavailable"


@contextmanager
def two(first: str | None, second: str | None) -> Iterator[tuple[Bare, Bare]]:
    with closing(Bare("127.0.0.2", 0, first)) as one, closing(Bare("127.0.0.1", one.port, second)) as other:
        yield one, other


@pytest.mark.parametrize(
    ("first", "second", "code", "tried_second"),
    [(None, "200 OK", 200, True), (BROKEN, "200 OK", 200, True), ("486 Busy Here", "200 OK", 486, False),
     (BROKEN, BROKEN, 503, True)],
    ids=["the first is silent", "the first is not able to", "the first is busy", "neither is able to"],
)  # fmt: skip
def test_the_next_address_of_a_host_is_tried_where_the_first_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None, second: str, code: int, tried_second: bool
):
    """RFC 3263, section 4.3: a 503, and silence, are of one server; any other answer is the host's. OpenSIPS/opensips
    #925, pjsip/pjproject #4477.
    """
    monkeypatch.setattr(call_module, "SILENT_MS", 300)
    with two(first, second) as (one, other), closing(Bench(a_tone(tmp_path), "127.0.0.1")) as bench:
        found = ["127.0.0.2", "127.0.0.1"]
        monkeypatch.setattr(dialling, "look_up", lambda *_: found)
        cdr = bench.call(0, destination=SipUri.parse(f"sip:+44@sbc.example:{one.port}"), duration_ms=300)
    assert cdr.call.sip_code == code
    assert ("INVITE" in other.methods) is tried_second
    assert cdr.call.redirects == 0
