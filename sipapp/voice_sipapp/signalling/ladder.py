"""The SIP messages of one leg with their times, for the call's ladder diagram. Pure.

What is kept leaves this host and is shown to people: passwords, what is computed from them, and the keys of encrypted
media are taken out of every message, also where a far end sends them back in an odd way.
"""

import json
import re
from datetime import datetime
from typing import Any

from voice_sipapp.octets import readable

REMOVED = "(removed)"
MOST_MESSAGES = 120
LONGEST_MESSAGE = 8_000
MOST_CHARACTERS = 100_000
"""Bounds of one ladder: a far end that repeats itself for ever must not fill the database."""

_CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:(?:[ \t]|\r*+\n[ \t])*+([^\s]+)", re.MULTILINE | re.IGNORECASE)
_LINE_END = r"(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
_SECRETS = (
    # What a text must have, in small letters, for the pattern to find anything; the pattern; what stands in its place.
    # Headers that prove who somebody is, their continuation lines included (RFC 3261, section 7.3.1).
    (
        ("authori", "authentication-info"),
        re.compile(
            rf"(^|{_LINE_END})((?:Proxy-)?Authori[sz]ation|(?:Proxy-)?Authentication-Info)([ \t]*:)"
            rf"(?:(?!{_LINE_END})[\s\S]|{_LINE_END}[ \t]+)*",
            re.IGNORECASE,
        ),
        rf"\1\2: {REMOVED}",
    ),
    # The same anywhere else, such as in a request that a far end sends back.
    (
        ("response", "rspauth", "cnonce", "password"),
        re.compile(r"\b(response|rspauth|cnonce|password)([ \t]*=[ \t]*)(\"[^\"\r\n]*\"?|[^\s,;\"]+)", re.IGNORECASE),
        rf"\1\2{REMOVED}",
    ),
    # Keys of media: SDES (RFC 4568), MIKEY (RFC 4567), k= (RFC 4566, section 5.12), and ICE's password (RFC 8839).
    (("inline",), re.compile(r"(\binline[ \t]*:)[^\s;]*", re.IGNORECASE), rf"\1{REMOVED}"),
    (
        ("crypto",),
        re.compile(r"(\ba[ \t]*=[ \t]*crypto[ \t]*:[ \t]*\d*[ \t]*\w*)[^\r\n]*", re.IGNORECASE),
        rf"\1 {REMOVED}",
    ),
    (
        ("key-mgmt", "ice-pwd"),
        re.compile(r"(\ba=(?:key-mgmt|ice-pwd)[ \t]*:)[^\r\n]*", re.IGNORECASE),
        rf"\1{REMOVED}",
    ),
    (("k=",), re.compile(rf"(^|{_LINE_END})(k=)[^\r\n]*"), rf"\1\2{REMOVED}"),
    # sip:user:password@host
    (("sip",), re.compile(r"(\bsips?:[^\s@:;<>\[\]]+:)[^\s@<>]+(?=@)", re.IGNORECASE), rf"\1{REMOVED}"),
)


def call_id(text: str) -> str:
    """The Call-ID of the SIP message `text`; "" where it has none."""
    found = _CALL_ID.search(text)
    return found[1] if found else ""


def redacted(text: str) -> str:
    """`text`, a SIP message, without passwords, digest responses and media keys."""
    # Most messages have no secret, and to look for words costs a tenth of the patterns. Beyond ASCII there are letters
    # that a pattern takes for others in either case, and `lower` does not.
    small = text.lower() if text.isascii() else None
    for words, pattern, replacement in _SECRETS:
        if small is None or any(word in small for word in words):
            text = pattern.sub(replacement, text)
    return text


class Ladder:
    """Messages in the order in which they were sent or came."""

    def __init__(self) -> None:
        self._messages: list[tuple[float, bool, str, str]] = []
        self._characters = 0
        self._left_out = 0

    def add(self, moment: float, sent: bool, peer: str, text: str) -> None:
        """One message at `moment`, in seconds since 1970, `sent` to or received from `peer`."""
        if len(self._messages) >= MOST_MESSAGES or self._characters >= MOST_CHARACTERS:
            self._left_out += 1  # before any work is spent on it: a far end may send as many as it likes
            return
        kept = redacted(text[:LONGEST_MESSAGE])
        if not kept.isascii():  # once more: to a reader more characters end a line than to the stack
            kept = redacted(readable(kept))
        if len(text) > LONGEST_MESSAGE:
            kept += f"\r\n({len(text) - LONGEST_MESSAGE} more characters)"
        self._messages.append((moment, sent, peer, kept))
        self._characters += len(kept)

    def to_json(self, started_at: datetime) -> str:
        """What `voice_call_ladder.messages` holds; "" where there is no message. Times count from `started_at`."""
        if not self._messages:
            return ""
        start = started_at.timestamp()
        rows: list[dict[str, Any]] = [
            {"ms": round((moment - start) * 1000), "sent": sent, "peer": peer, "text": text}
            for moment, sent, peer, text in self._messages
        ]
        if self._left_out:
            rows[-1]["text"] += f"\r\n({self._left_out} more messages)"
        return json.dumps(rows, ensure_ascii=False)
