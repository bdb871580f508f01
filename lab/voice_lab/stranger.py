"""Somebody who calls a number of the client's that is no probe's: `python -m voice_lab.stranger ADDRESS PORT NUMBER`.

Prints the SIP code of the final answer.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from uuid import uuid4

REPEAT_S, PATIENCE_S = 0.5, 10.0
SDP = "v=0\r\no=- 1 1 IN IP6 {address}\r\ns=-\r\nc=IN IP6 {address}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
_FINAL = re.compile(r"SIP/2\.0 ([2-6]\d\d)")
_TO = re.compile(r"^To\s*:[^\r\n]*", re.IGNORECASE | re.MULTILINE)


def call(address: str, port: int, number: str) -> int:
    """Invite `number` at the IPv6 address of a SIP server; return the code of its final answer.

    Raises:
        TimeoutError: there is none within `PATIENCE_S`.
    """
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as endpoint:
        endpoint.connect((address, port))
        endpoint.settimeout(REPEAT_S)
        own = f"[{endpoint.getsockname()[0]}]:{endpoint.getsockname()[1]}"
        identity = uuid4().hex
        to = f"To: <sip:{number}@[{address}]:{port}>"
        answer = _answer(endpoint, _message("INVITE", own, identity, to, SDP.format(address=address)))
        if told := _TO.search(answer):
            to = told[0]
        endpoint.send(_message("ACK", own, identity, to))
    return int(answer.split()[1])


def _answer(endpoint: socket.socket, invite: bytes) -> str:
    """The final answer; the request is repeated until it comes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        endpoint.send(invite)
        try:
            while not _FINAL.match(text := endpoint.recv(65535).decode(errors="replace")):
                pass
        except TimeoutError:
            continue
        return text
    raise TimeoutError(f"the stranger has no final answer after {PATIENCE_S:.0f} s")


def _message(method: str, own: str, identity: str, to: str, body: str = "") -> bytes:
    target = to[to.index("<") + 1 : to.index(">")]
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{identity};rport",
        f"From: <sip:stranger@{own}>;tag={identity[:8]}",
        to,
        f"Call-ID: {identity}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        f"Contact: <sip:stranger@{own}>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


if __name__ == "__main__":
    sys.stdout.write(f"{call(sys.argv[1], int(sys.argv[2]), sys.argv[3])}\n")
