"""The bodies of SIP messages: the session description in them, wherever it is (RFC 3261 section 7.4, RFC 5621). Pure.

A body may have parts (RFC 2046): a description beside ISUP (RFC 3204) or PIDF-LO (RFC 6442), one within another, in any
order and any transfer encoding. Text is an octet a character (`voice_sipapp.octets`).
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from voice_sipapp import octets
from voice_sipapp.signalling.sip import grammar
from voice_sipapp.signalling.sip.grammar import GrammarError, Parameters
from voice_sipapp.signalling.sip.message import Message, MessageError

SDP = "application/sdp"
MOST_PARTS, DEEPEST = 64, 8
"""Parts of one body, and how deep they may be within each other: more is nobody's message."""

_PLAIN = frozenset({"content-type", "content-length"})
"""What is said of most bodies."""

_OURS = ("", "session", "render")
"""Content-Dispositions of the description of the session: an "early-session" (RFC 3959), say, is another one's."""

_TAKEN = frozenset({SDP, "application/*", "*/*"})
"""Media ranges that a description of the session is of."""

_MEDIA_TYPE = re.compile(r"\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s*(.*)", re.DOTALL)
_LINE_END = re.compile(r"\r*\n\Z")
_BOUNDARY = re.compile(r"[^\r\n]{1,70}")


@dataclass(frozen=True)
class Part:
    """One part of a body, or all of it: its media type in small letters, Content-Disposition ("" where it says none),
    and `content`, decoded.
    """

    type: str
    disposition: str
    handling: str | None
    content: str


def description(message: Message) -> str:
    """The session description in the body of `message`; "" where there is none. Raises MessageError where the body
    holds what must be understood and is not: 415, or 400 where it is malformed.
    """
    fields = _fields(message.headers)
    if not message.body or message.body.isspace():
        return ""
    if fields.get("content-type") == SDP and fields.keys() <= _PLAIN:
        return message.body
    found = ""
    for part in _bounded(fields, message.body):
        if part.type == SDP:
            if part.disposition in _OURS and not found:
                found = part.content
        elif part.handling == "required" and not message.code:
            raise _unsupported(f"its body is {grammar.shown(part.type)}, and must be understood")
    return found


def parts(message: Message) -> list[Part]:
    """The parts of the body of `message`; none where it has no body. Raises MessageError as `description` does."""
    if not message.body or message.body.isspace():
        return []
    return list(_bounded(_fields(message.headers), message.body))


def _bounded(fields: dict[str, str], content: str) -> Iterator[Part]:
    for number, part in enumerate(_parts(fields, content, DEEPEST)):
        if number >= MOST_PARTS:
            raise MessageError(f"its body has more than {MOST_PARTS} parts")
        yield part


def check_accepts(message: Message) -> None:
    """Raises MessageError where the answer to the request `message`, which describes the session, may not do so (RFC
    3261, sections 20.1 and 21.4.7).
    """
    if not message.all("accept"):
        return
    ranges = [re.sub(r"\s", "", each.partition(";")[0]).lower() for each in message.elements("accept")]
    if not any(each in _TAKEN or each.startswith("multipart/") for each in ranges):
        accepted = grammar.shown(", ".join(ranges))
        raise MessageError(f"it accepts {accepted}: no answer to it may describe the session", 406, "Not Acceptable")


def _fields(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: value for name, value in reversed(headers) if name.startswith("content-")}


def _parts(fields: dict[str, str], content: str, depth: int, *, part: bool = False) -> Iterator[Part]:
    """The parts of `content`, which `fields` describe, that have none themselves. `part`: it is one itself."""
    kind, parameters = _media_type(fields.get("content-type"), content, part=part)
    encoding = fields.get("content-encoding", "").strip().lower()
    disposition, handling = _disposition(fields.get("content-disposition", ""))
    if encoding not in ("", "identity"):
        if handling == "optional":
            return
        raise _unsupported(f"its body is encoded as {grammar.shown(encoding)}", "Accept-Encoding: identity")
    if kind.startswith("multipart/"):
        boundary = grammar.unquoted(dict(parameters).get("boundary") or "")
        if depth == 0 or not _BOUNDARY.fullmatch(boundary):
            raise MessageError("the parts of its body can't be told apart")
        for each in _split(content, boundary):
            yield from _parts(*_headed(each), depth - 1, part=True)
        return
    # A body that is all of its message must be understood, unless it says otherwise (RFC 3261, section 20.11).
    yield Part(kind, disposition, handling or (None if part else "required"), _decoded(fields, content))


def _media_type(value: str | None, content: str, *, part: bool) -> tuple[str, Parameters]:
    if not value:  # a body must say what it is (section 20.15); many a device forgets it
        return ("text/plain" if part and not content.startswith("v=") else SDP), ()
    found = _MEDIA_TYPE.fullmatch(value)
    if found is None:
        raise MessageError(f"{grammar.shown(value)} is no Content-Type")
    try:
        parameters = grammar.parameters(found[3], strict=False)
    except GrammarError as error:
        raise MessageError(str(error)) from error
    return f"{found[1]}/{found[2]}".lower(), parameters


def _disposition(value: str) -> tuple[str, str | None]:
    kind, _, rest = value.partition(";")
    try:
        handling = dict(grammar.parameters(f";{rest}" if rest else "", strict=False)).get("handling")
    except GrammarError:
        handling = None
    return kind.strip().lower(), grammar.unquoted(handling).lower() if handling else None


def _split(content: str, boundary: str) -> list[str]:
    """What stands between the lines of `boundary`; what is before the first and after the last is for nobody."""
    line = re.compile(rf"^--{re.escape(boundary)}(--)?[ \t]*(?:\r*\n|\r*\Z)", re.MULTILINE)
    found: list[str] = []
    start: int | None = None
    for each in line.finditer(content):
        if start is not None:
            found.append(_LINE_END.sub("", content[start : each.start()]))
        start = None if each[1] else each.end()
        if start is None:
            break
    if start is not None:
        found.append(content[start:])  # its end is missing
    if not found:
        raise MessageError("its body has no parts, and says that it has")
    return found


def _headed(part: str) -> tuple[dict[str, str], str]:
    """The header fields of `part` by their names in small letters, and its content."""
    if part.startswith(("\r\n", "\n")):
        return {}, part.removeprefix("\r").removeprefix("\n")
    head, *content = re.split(r"\r*\n\r*\n", part, maxsplit=1)
    fields: dict[str, str] = {}
    last = ""
    for line in re.split(r"\r*\n", head):
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and last:
            fields[last] += f" {line.strip()}"
        elif colon and grammar.is_token(name.strip()):
            last = name.strip().lower()
            fields[last] = value.strip()
    return fields, content[0] if content else ""


def _decoded(fields: dict[str, str], content: str) -> str:
    encoding = fields.get("content-transfer-encoding", "binary").strip().lower()
    if encoding == "base64":
        try:
            raw = base64.b64decode(re.sub(r"[^A-Za-z0-9+/=]", "", content))
        except binascii.Error as error:
            raise MessageError("a part of its body is no base64") from error
        return octets.as_text(raw)
    if encoding == "quoted-printable":
        return octets.as_text(quopri.decodestring(octets.octets(content)))
    if encoding not in ("7bit", "8bit", "binary", ""):
        raise _unsupported(f"a part of its body is encoded as {grammar.shown(encoding)}")
    return content


def _unsupported(problem: str, taken: str = f"Accept: {SDP}") -> MessageError:
    return MessageError(problem, 415, "Unsupported Media Type", taken)
