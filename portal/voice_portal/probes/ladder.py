"""The SIP messages of a call as a ladder diagram: dialer, path under test, receiver. No I/O.

The path is one line in the middle, whatever it consists of: each message goes between a party of ours and the path.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

LEGS = ("dialer", "receiver")
_STATUS = re.compile(r"SIP/2\.0 (\d{3} ?.*)", re.ASCII)
_REQUEST = re.compile(r"([A-Z]+) (\S+) SIP/2\.0", re.ASCII)
_CSEQ = re.compile(r"^CSeq\s*:\s*\d+\s+([A-Z]+)", re.ASCII | re.IGNORECASE | re.MULTILINE)
_SDP = re.compile(r"^(?:Content-Type|c)\s*:\s*application/sdp", re.IGNORECASE | re.MULTILINE)
_HOLD = re.compile(
    r"^(?:a=(sendonly|recvonly|inactive)|c=IN IP[46] (0\.0\.0\.0|::)|m=audio (0) .*)\s*$",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
"""What a session description says where sound is not to go both ways: a direction, the null address, port 0."""


@dataclass(frozen=True)
class Step:
    """One message, `after_ms` after the INVITE.

    `right`: its arrow points to the right, since the dialer stands left and the receiver right.
    """

    leg: str
    after_ms: int
    sent: bool
    right: bool
    label: str
    peer: str
    failure: bool
    text: str

    @property
    def time(self) -> str:
        """How a person reads it. Before nought is what another host's clock, a little off, put there."""
        return f"{self.after_ms:+d} ms"


def steps(ladders: Mapping[str, str]) -> list[Step]:
    """All messages of all legs in order of time. A leg whose JSON makes no sense is left out."""
    found = [step for leg in LEGS if leg in ladders for step in _leg(leg, ladders[leg])]
    if not found:
        return []
    invited_ms = found[0].after_ms  # the dialer's first message, where there is any of the dialer's
    return sorted(
        (replace(step, after_ms=step.after_ms - invited_ms) for step in found), key=lambda step: step.after_ms
    )


def _leg(leg: str, messages: str) -> list[Step]:
    try:
        return [_step(leg, message) for message in json.loads(messages)]
    except (ValueError, TypeError, KeyError):
        return []


def _step(leg: str, message: Mapping[str, object]) -> Step:
    text, sent = str(message["text"]), bool(message["sent"])
    label, failure = label_of(text)
    after_ms = round(float(str(message["ms"])))
    return Step(leg, after_ms, sent, sent is (leg == "dialer"), label, str(message["peer"]), failure, text)


def label_of(text: str) -> tuple[str, bool]:
    """What stands on the arrow of the message `text`, and whether it is a refusal: (`180 Ringing (INVITE)`, False)."""
    first = text.split("\n", 1)[0].strip()
    sdp = _sdp(text)
    if answer := _STATUS.fullmatch(first):
        method = _CSEQ.search(text)
        # An answer's method is worth its place only where it isn't the INVITE's.
        to = f" ({method[1]})" if method and method[1].upper() != "INVITE" else ""
        return f"{answer[1].strip()}{to}{sdp}", answer[1][0] in "456"
    if request := _REQUEST.fullmatch(first):
        return f"{request[1]}{sdp}", request[1] == "CANCEL"
    return first[:60] or "(empty)", False


def _sdp(text: str) -> str:
    """That the message `text` describes media, and in which direction alone: when a call was on hold."""
    if not _SDP.search(text):
        return ""
    if not (hold := _HOLD.search(text)):
        return " + SDP"
    direction, address, _ = hold.groups()
    return f" + SDP ({direction.lower() if direction else f'address {address}' if address else 'no audio'})"
