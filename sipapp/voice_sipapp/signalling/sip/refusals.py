"""What is answered to a request that is not understood, without any state (RFC 3261, sections 8.2.6 and 8.2.7). Pure.

The answer is made of the request's own lines, as far as it has them. It is never longer than the request: whoever
forges a sender's address gets no more out than in.
"""

import hashlib
import re

from voice_sipapp import octets
from voice_sipapp.signalling.sip import grammar
from voice_sipapp.signalling.sip.grammar import GrammarError, Via
from voice_sipapp.signalling.sip.message import Frame, MessageError

DEFAULT_PORT = 5060

_COPIED = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
_RPORT = re.compile(r";\s*rport(\s*=[^;,]*)?", re.IGNORECASE)
_TAG = re.compile(r";\s*tag\s*=", re.IGNORECASE)

Source = tuple[str, int]
"""Address, an IPv6 literal in brackets, and port that a datagram came from."""


def refusal(frame: Frame, error: MessageError, source: Source, secret: bytes, room: int) -> str:
    """The message that refuses the request `frame`, which came from `source`, because of `error`, an octet a character;
    "" where nothing says so within `room` octets. `secret` is this process's: the To tag is made of it, and is the same
    for the same request.
    """
    copied = _copied(frame)
    marked = [_marked(name, value, source, _tag(frame, secret)) for name, value in copied]
    first, end = f"SIP/2.0 {error.code} {error.phrase}", ["Content-Length: 0", "", ""]
    candidates = (
        [first, *marked, *error.more, f"Warning: {warning(error)}", *end],
        [first, *marked, *error.more, *end],
        [first, *(f"{_COPIED[name]}: {value}" for name, value in copied), "", ""],
    )
    made = ("\r\n".join(lines) for lines in candidates)
    return next((each for each in made if len(each) <= room), "")


def warning(error: MessageError) -> str:
    """The Warning (section 20.43) that says why, an octet a character."""
    text = octets.opaque(str(error).replace('"', "'").replace("\\", "/"))
    return f'399 voice-sipapp "{text}"'


def hop(frame: Frame, source: Source) -> Source:
    """Where an answer to the request `frame` from `source` goes: to the address that it came from, whatever it says,
    and to the port that its Via names (section 18.2.2), or that it came from where it asks for that (RFC 3581).
    """
    try:
        via = grammar.via(next(iter(frame.elements("via")), ""), strict=False)
    except GrammarError:
        return source
    asks = any(name == "rport" for name, _ in via.parameters)
    return source if asks else (source[0], via.port or DEFAULT_PORT)


def _copied(frame: Frame) -> list[tuple[str, str]]:
    """The header fields of the request that its answer has too: all Vias, of the others the first."""
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for name, value in frame.headers:
        if name in _COPIED and (name == "via" or name not in seen):
            found.append((name, value))
            seen.add(name)
    return found


def _marked(name: str, value: str, source: Source, tag: str) -> str:
    if name == "to" and not _TAG.search(value):
        value = f"{value};tag={tag}"
    if name == "via":
        first, *others = grammar.elements(value)
        try:
            first = received(first, grammar.via(first, strict=False), source)
        except GrammarError:
            return f"{_COPIED[name]}: {value}"
        value = ", ".join([first, *others])
    return f"{_COPIED[name]}: {value}"


def received(text: str, via: Via, source: Source) -> str:
    """The Via `text`, which was read as `via`, with where its request came from (section 18.2.1, RFC 3581)."""
    if any(name == "rport" for name, _ in via.parameters):
        text = _RPORT.sub(f";rport={source[1]}", text)
    return text if via.host == source[0] else f"{text};received={source[0].strip('[]')}"


def _tag(frame: Frame, secret: bytes) -> str:
    named = repr([frame.all(name) for name in ("via", "from", "call-id", "cseq")])
    return hashlib.blake2b(named.encode(), key=secret, digest_size=8).hexdigest()
