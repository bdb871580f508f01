"""A host's limits, as the application is told them and wires them: whole SIP hosts, seen from where their calls go to.

The database is away, so that each calls what the copy of the plan on its disk says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.far_end import FarEnd
from tests.ports import free_udp_port
from tests.unit.sipapp.test_plan import row
from voice_sipapp.media import audio

ADDRESS = "::1"
ANSWER = "\r\n".join(
    ["v=0", "o=far 1 1 IN IP6 ::1", "s=-", "c=IN IP6 ::1", "t=0 0", "m=audio 9 RTP/AVP 8", "a=sendrecv", ""]
)


class Answering(threading.Thread):
    """A far end that takes every call, and counts those that are up from INVITE to BYE."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 0))
        self._socket.settimeout(0.1)
        self._ending = threading.Event()
        self.port = int(self._socket.getsockname()[1])
        self._up: set[str] = set()
        self.most_up = self.calls = 0

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except (TimeoutError, ConnectionError):
                continue
            text = data.decode()
            call = re.search(r"^Call-ID: *(\S+)", text, re.MULTILINE | re.IGNORECASE)
            if call is None or text.startswith(("ACK", "SIP/2.0")):
                continue
            if text.startswith("INVITE") and call[1] not in self._up:
                self._up.add(call[1])
                self.calls += 1
                self.most_up = max(self.most_up, len(self._up))
            elif text.startswith("BYE"):
                self._up.discard(call[1])
            self._socket.sendto(self._ok(text), source)

    def _ok(self, request: str) -> bytes:
        lines = request.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]
        kept = [line for line in lines if line.split(":")[0].lower() in ("via", "from", "call-id", "cseq")]
        to = next(line for line in lines if line.lower().startswith("to:"))
        body = ANSWER if request.startswith("INVITE") else ""
        described = [f"Contact: <sip:far@[{ADDRESS}]:{self.port}>", "Content-Type: application/sdp"] if body else []
        tagged = to if "tag=" in to else f"{to};tag=far"
        head = ["SIP/2.0 200 OK", *kept, tagged, *described, f"Content-Length: {len(body)}", "", body]
        return "\r\n".join(head).encode()

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        self._socket.close()


Until = Callable[[Callable[[], bool]], None]


def _until(process: subprocess.Popen[bytes], log: Path, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"it does not call as often as it should:\n{log.read_text()}"
        time.sleep(0.05)


@contextmanager
def sip_host(folder: Path, probes: list[dict[str, Any]], **settings: str) -> Iterator[Until]:
    """A SIP host that calls `probes`; ended by SIGTERM. Yields what waits for a condition while it runs."""
    audio.save(folder / "tone.wav", (4000 * np.sin(np.arange(8000) / 3)).astype(np.int16))
    copy = {"rows": probes, "held": [[each["client"], each["probe"], "dialer"] for each in probes], "instance": "x"}
    (folder / "spool.sqlite.plan").write_text(json.dumps(copy))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "VOICE_MYSQL_HOST": ADDRESS,
        "VOICE_MYSQL_PORT": "1",
        "VOICE_MYSQL_USER": "nobody",
        "VOICE_MYSQL_PASSWORD": "none",
        "VOICE_SIP_HOST": "limited",
        "VOICE_SIP_ADDRESS": ADDRESS,
        "VOICE_SIP_DIALER_PORT": str(free_udp_port(ADDRESS)),
        "VOICE_SIP_RECEIVER_PORT": str(free_udp_port(ADDRESS)),
        "VOICE_RTP_PORTS": "36000-37998",
        "VOICE_SPOOL": str(folder / "spool.sqlite"),
        "VOICE_AUDIO": str(folder),
    }
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "voice_sipapp", "run"]
        process = subprocess.Popen(command, env=environment | settings, stderr=log, cwd=folder)
        try:
            yield partial(_until, process, folder / "log")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def a_plan(client: str, number: int, port: int, **changes: Any) -> list[dict[str, Any]]:
    fixed = {"client": client, "dialer_outbound_proxy": None, "audio": "tone", "codecs": '["PCMA"]', **changes}
    names = [f"{client}-{place}" for place in range(number)]
    return [row(probe=name, destination=f"sip:{name}@[{ADDRESS}]:{port}", **fixed) for name in names]


@pytest.mark.parametrize("most", [1, 4])
def test_never_more_calls_are_up_than_the_host_may_have(tmp_path: Path, most: int):
    """Twelve probes that are always due, at a host that may start as many as it likes."""
    with closing(Answering()) as far:
        far.start()
        plan = a_plan("acme", 12, far.port, every_ms=2000, duration_ms=1500)
        with sip_host(tmp_path, plan, VOICE_MAX_CALLS=str(most), VOICE_CALLS_PER_SECOND="100") as until:
            until(lambda: far.calls >= 3 * most)
        assert far.most_up == most


def test_never_more_calls_start_in_a_second_and_who_asks_for_little_gets_it(tmp_path: Path):
    """One client wants twenty starts a second, another one, of the four that there are."""
    with closing(FarEnd()) as far:
        far.start()
        plan = a_plan("big", 40, far.port, every_ms=2000) + a_plan("small", 2, far.port, every_ms=2000)
        with sip_host(tmp_path, plan, VOICE_MAX_CALLS="100", VOICE_CALLS_PER_SECOND="4") as until:
            until(lambda: len(far.seen) >= 32)
        starts = sorted(each.at for each in far.seen)
        lasted_s = starts[-1] - starts[0]
        of = Counter(each.user.split("-")[0] for each in far.seen)
    assert len(starts) <= 4 * lasted_s + 3
    assert max(sum(1 for each in starts if first <= each < first + 1) for first in starts) <= 4 + 3
    # Two probes that are due every 2 s; the one that is due when the first or the last call starts may be missing.
    assert of["small"] >= lasted_s - 2
