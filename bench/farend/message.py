"""SIP messages (RFC 3261, section 7) and session descriptions, as text: just what a back-to-back user agent needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type",
            "l": "content-length"}  # fmt: skip
_URI = re.compile(r"sips?:(?:[^@>;]*@)?(\[[^\]]+\]|[^:;>?]+)(?::(\d+))?")


@dataclass(frozen=True)
class Message:
    """A request or an answer: its first line, its headers in order (names as they were), its body."""

    first: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """The message in a datagram. Raises ValueError for what is none."""
        head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
        first, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        pairs = [line.partition(":") for line in lines]
        if "SIP/2.0" not in first or not all(colon for _, colon, _ in pairs):
            raise ValueError(f"no SIP message: {first[:60]!r}")
        return cls(first, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    @property
    def method(self) -> str:
        """What a request asks for, or what an answer is to."""
        return self.get("cseq").split()[-1] if self.code else self.first.split()[0]

    @property
    def code(self) -> int:
        """An answer's status code; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    def get(self, name: str) -> str:
        """The first header of this name, "" where there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """All headers of this name."""
        return [value for key, value in self.headers if _COMPACT.get(key.lower(), key.lower()) == name.lower()]

    def render(self) -> bytes:
        """As a datagram, with the length of its body."""
        body = self.body.encode()
        kept = [f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"]
        return "\r\n".join([self.first, *kept, f"Content-Length: {len(body)}", "", ""]).encode() + body


def answer(request: Message, code: int, reason: str, *, tag: str = "", contact: str = "", body: str = "") -> Message:
    """An answer to `request`; `tag` goes to its To header where that has none (RFC 3261, section 8.2.6)."""
    to = request.get("to")
    headers = [("Via", value) for value in request.all("via")]
    headers += [("Record-Route", value) for value in request.all("record-route")]
    headers += [("From", request.get("from")), ("To", f"{to};tag={tag}" if tag and ";tag=" not in to else to)]
    headers += [("Call-ID", request.get("call-id")), ("CSeq", request.get("cseq"))]
    headers += [("Contact", contact)] if contact else []
    headers += [("Content-Type", "application/sdp")] if body else []
    return Message(f"SIP/2.0 {code} {reason}", tuple(headers), body)


def place(uri: str) -> tuple[str, int]:
    """Where requests for `uri` go: address (without brackets) and port. Raises ValueError."""
    found = _URI.search(uri)
    if found is None:
        raise ValueError(f"no SIP URI: {uri[:60]!r}")
    return found[1].strip("[]"), int(found[2] or 5060)


def sound_goes_to(description: str) -> tuple[str, int]:
    """Where the party that wrote `description` wants its sound."""
    address = re.search(r"^c=IN IP[46] (\S+)", description, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", description, re.MULTILINE)
    if address is None or port is None:
        raise ValueError("a session description without sound")
    return address[1], int(port[1])


def described(description: str, address: str, port: int, *, version: int = 1, direction: str = "",
              null: bool = False, also: str = "") -> str:  # fmt: skip
    """`description` of one party as the other is told it: with sound at `address` and `port`, and `direction` in place
    of its own. `null`: at no address, as calls were held of old (RFC 3264, section 8.4). `also` is one more payload
    type, with what it is: "13 CN/8000".
    """
    kept = []
    for line in description.split("\r\n"):
        if line.startswith("c="):
            kept.append(f"c=IN IP6 {'::' if null else address}")
        elif line.startswith("o="):
            kept.append(f"o=- 1 {version} IN IP6 {address}")
        elif line.startswith("m=audio"):
            kept.append(
                re.sub(r"^m=audio \d+", f"m=audio {port}", line) + (f" {also.partition(' ')[0]}" if also else "")
            )
            kept += [f"a=rtpmap:{also}"] if also else []
        elif not line.startswith("a=rtcp") and not (direction and line[2:] in _DIRECTIONS):
            kept.append(line)
    if direction:
        kept.insert(-1, f"a={direction}")
    return "\r\n".join(kept)


_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
