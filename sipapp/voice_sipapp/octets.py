"""SIP messages as text in which one octet is one character. Pure.

A message is octets: what it quotes may be UTF-8, ISO 8859-1 or nonsense, its lines end with CRLF (RFC 3261, section
7), and Content-Length counts octets. Python's text has more line ends (NEL, VT, FS, U+2028 …), more white space
(NO-BREAK SPACE) and letters that change their length with their case. So an octet that is no plain ASCII stands here
as a character of the private use area, which means nothing to anybody: it goes through the stack as it came, and out
again as the octet that it was. What people read is made of it by `readable`.
"""

import re

_BASE = 0xE000
_PLAIN = {*range(0x20, 0x7F), *b"\t\r\n"}
_TO_TEXT = {octet: _BASE + octet for octet in range(256) if octet not in _PLAIN}
_TO_OCTETS = {_BASE + octet: bytes([octet]) for octet in range(256)}
_OPAQUE = re.compile(f"[{chr(_BASE)}-{chr(_BASE + 255)}]")
_CONTROLS = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_OCTETS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_STRAY_CR = chr(_BASE + 0x0D)
_NO_TEXT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, separators of lines and paragraphs, halves of surrogate pairs: nobody reads them, some nobody stores."""


def message(datagram: bytes) -> str:
    """The SIP message in `datagram`, an octet a character. Every line of its head ends with CRLF, where it ended with
    LF alone too; what comes before the first line (RFC 3261, section 7.5) is left out; the body is as it came.
    """
    datagram = datagram.lstrip(b"\r\n")
    if _is_regular(datagram):
        return datagram.decode()
    # A lone CR ends a line only where nothing else does; otherwise it is as stray as any other control character.
    end = rb"(?<!\r)\r*+\n" if b"\n" in datagram else rb"\r"
    head, *rest = re.split(end + end.removeprefix(rb"(?<!\r)"), datagram, maxsplit=1)
    lines = [as_text(line).replace("\r", _STRAY_CR) for line in re.split(end, head)]
    return "\r\n".join([*lines, "", *map(as_text, rest)] if rest else lines)


def _is_regular(datagram: bytes) -> bool:
    """Whether `datagram` is ASCII without controls, and every line of it ends with CRLF: most are."""
    ends = datagram.count(b"\r\n")
    return (
        datagram.isascii()
        and datagram.count(b"\n") == ends == datagram.count(b"\r")
        and len(datagram.translate(None, _CONTROL_OCTETS)) == len(datagram)
    )


def opaque(text: str) -> str:
    """`text` with one character for each of its octets: what is not ASCII as UTF-8."""
    return text if text.isascii() else as_text(octets(text))


def octets(text: str) -> bytes:
    """The octets that `text` stands for: a message, with what came in as it came and what is ours as UTF-8."""
    if text.isascii():
        return text.encode()
    return b"".join(_TO_OCTETS.get(ord(each)) or each.encode(errors="replace") for each in text)


def readable(text: str) -> str:
    """`text` for people: its octets are UTF-8, or else ISO 8859-1; what is no character is replaced."""
    if _OPAQUE.search(text):
        raw = octets(text)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def as_text(raw: bytes) -> str:
    """`raw` with one character for each of its octets."""
    return raw.decode("latin-1").translate(_TO_TEXT) if not raw.isascii() or _CONTROLS.search(raw) else raw.decode()
